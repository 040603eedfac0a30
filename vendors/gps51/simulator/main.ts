/** The GPS51 simulator as a program: see vendors/kit/program.ts. */
import { runSimulator } from '../../kit/program';
import { gps51Simulator } from './index';

runSimulator(gps51Simulator);
