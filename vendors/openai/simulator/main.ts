/** The OpenAI simulator as a program: see vendors/kit/server/program.ts. */
import { runSimulator } from '../../kit/server/program';
import { openaiSimulator } from './index';

runSimulator(openaiSimulator);
