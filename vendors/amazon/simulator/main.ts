/** The Amazon simulator as a program: see vendors/kit/server/program.ts. */
import { runSimulator } from '../../kit/server/program';
import { amazonSimulator } from './index';

runSimulator(amazonSimulator);
