/** The GPS51 simulator as a program: see vendors/simulator/program.ts. Its own URL is `baseUrl`. */
import { runSimulator } from '../../simulator/program';
import { gps51ScenarioSchema, startGps51Simulator } from './index';

runSimulator(gps51ScenarioSchema, startGps51Simulator, ['baseUrl']);
