/** The Amazon simulator as a program: see vendors/kit/program.ts. Its own URL is `tokenUrl`. */
import { runSimulator } from '../../kit/program';
import { amazonScenarioSchema, startAmazonSimulator } from './index';

runSimulator(amazonScenarioSchema, startAmazonSimulator, ['tokenUrl']);
