/** The OpenAI simulator as a program: see vendors/kit/program.ts. Its own URL is `baseUrl`. */
import { runSimulator } from '../../kit/program';
import { openAiScenarioSchema, startOpenAiSimulator } from './index';

runSimulator(openAiScenarioSchema, startOpenAiSimulator, ['baseUrl']);
