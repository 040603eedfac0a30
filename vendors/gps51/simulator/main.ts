/** The GPS51 simulator as a program: see vendors/kit/server/program.ts. */
import { runSimulator } from '../../kit/server/program';
import { gps51Simulator } from './index';

runSimulator(gps51Simulator);
