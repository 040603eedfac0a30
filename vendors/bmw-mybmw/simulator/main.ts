/** The MyBMW simulator as a program: see vendors/kit/program.ts. */
import { runSimulator } from '../../kit/program';
import { myBmwSimulator } from './index';

runSimulator(myBmwSimulator);
