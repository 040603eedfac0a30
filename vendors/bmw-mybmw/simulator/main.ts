/** The MyBMW simulator as a program: see vendors/kit/server/program.ts. */
import { runSimulator } from '../../kit/server/program';
import { myBmwSimulator } from './index';

runSimulator(myBmwSimulator);
