/** The Amazon simulator as a program: see vendors/kit/program.ts. */
import { runSimulator } from '../../kit/program';
import { amazonSimulator } from './index';

runSimulator(amazonSimulator);
