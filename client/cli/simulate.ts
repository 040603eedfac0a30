/** `sluice simulate amazon`: a simulated vendor in the foreground, for trying things out. */
import {
  type AmazonScenarioInput,
  amazonScenarioSchema,
  startAmazonSimulator,
} from '../../vendors/amazon/simulator';
import { readScenario, ScenarioError } from '../../vendors/simulator/scenario';
import { ClientError, messageOf, UsageError } from '../lib/errors';
import { untilInterrupted } from './interrupt';
import { print } from './output';

export interface SimulateOptions {
  readonly port?: string;
  readonly scenario?: string;
  readonly state?: string;
}

export async function simulateAmazon(options: SimulateOptions): Promise<void> {
  const simulator = await startAmazonSimulator(scenarioOf(options)).catch((error: unknown) => {
    if (error instanceof ScenarioError) throw new UsageError(error.message);
    throw new ClientError(`the simulator cannot start: ${messageOf(error)}`);
  });
  print(`Amazon is simulated at ${simulator.url}; in an account's settings:`);
  print(`  baseUrl: ${simulator.url}`);
  print(`  tokenUrl: ${simulator.tokenUrl}`);
  print(`Calls and limits: ${simulator.url}/_sim/stats. Ctrl-C ends it.`);
  const interrupt = untilInterrupted();
  await interrupt.promise;
  await simulator.close();
  interrupt.done();
}

function scenarioOf({ port, scenario, state }: SimulateOptions): AmazonScenarioInput {
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) <= 65_535)) {
    throw new UsageError(`--port: "${port}" must be a port number, 0 to 65535`);
  }
  let read: AmazonScenarioInput = {};
  try {
    if (scenario !== undefined) read = readScenario(amazonScenarioSchema, scenario);
  } catch (error) {
    throw new UsageError(`--scenario: ${messageOf(error)}`);
  }
  return {
    ...read,
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(state === undefined ? {} : { stateFile: state }),
  };
}
