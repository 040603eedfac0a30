/** The OpenAI simulator as a program: see vendors/simulator/program.ts. Its own URL is `baseUrl`. */
import { runSimulator } from '../../simulator/program';
import { openAiScenarioSchema, startOpenAiSimulator } from './index';

runSimulator(openAiScenarioSchema, startOpenAiSimulator, ['baseUrl']);
