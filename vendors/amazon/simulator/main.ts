/** The Amazon simulator as a program: see vendors/simulator/program.ts. Its own URL is `tokenUrl`. */
import { runSimulator } from '../../simulator/program';
import { amazonScenarioSchema, startAmazonSimulator } from './index';

runSimulator(amazonScenarioSchema, startAmazonSimulator, ['tokenUrl']);
