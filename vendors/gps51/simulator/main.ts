/** The GPS51 simulator as a program: see vendors/kit/program.ts. Its own URL is `baseUrl`. */
import { runSimulator } from '../../kit/program';
import { gps51ScenarioSchema, startGps51Simulator } from './index';

runSimulator(gps51ScenarioSchema, startGps51Simulator, ['baseUrl']);
