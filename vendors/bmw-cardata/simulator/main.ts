/** The CarData simulator as a program: see vendors/kit/server/program.ts. */
import { runSimulator } from '../../kit/server/program';
import { carDataSimulator } from './index';

runSimulator(carDataSimulator);
