/** The OpenAI simulator as a program: see vendors/kit/program.ts. */
import { runSimulator } from '../../kit/program';
import { openaiSimulator } from './index';

runSimulator(openaiSimulator);
