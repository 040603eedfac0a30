/** The CarData simulator as a program: see vendors/kit/program.ts. */
import { runSimulator } from '../../kit/program';
import { carDataSimulator } from './index';

runSimulator(carDataSimulator);
