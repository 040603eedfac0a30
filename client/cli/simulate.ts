/** `sluice simulate amazon|openai|gps51|bmw-cardata`: a simulated vendor in the foreground. */
import type { z } from 'zod';
import { amazonScenarioSchema, startAmazonSimulator } from '../../vendors/amazon/simulator';
import { carDataScenarioSchema, startCarDataSimulator } from '../../vendors/bmw-cardata/simulator';
import { gps51ScenarioSchema, startGps51Simulator } from '../../vendors/gps51/simulator';
import { readScenario, ScenarioError } from '../../vendors/kit/scenario';
import { openAiScenarioSchema, startOpenAiSimulator } from '../../vendors/openai/simulator';
import { ClientError, messageOf, UsageError } from '../operations/errors';
import { untilInterrupted } from './interrupt';
import { print } from './output';

export interface SimulateOptions {
  readonly port?: string;
  readonly scenario?: string;
  readonly state?: string;
}

export async function simulateAmazon(options: SimulateOptions): Promise<void> {
  const simulator = await started(startAmazonSimulator(scenarioOf(amazonScenarioSchema, options)));
  print(`Amazon is simulated at ${simulator.url}; in an account's settings:`);
  print(`  baseUrl: ${simulator.url}`);
  print(`  tokenUrl: ${simulator.tokenUrl}`);
  await untilStopped(simulator);
}

export async function simulateOpenAi(options: SimulateOptions): Promise<void> {
  const simulator = await started(startOpenAiSimulator(scenarioOf(openAiScenarioSchema, options)));
  print(`OpenAI is simulated at ${simulator.url}; any key sk-… is a project. In an account's settings:`);
  print(`  baseUrl: ${simulator.baseUrl}`);
  await untilStopped(simulator);
}

export async function simulateGps51(options: SimulateOptions): Promise<void> {
  const scenario = scenarioOf(gps51ScenarioSchema, options);
  const simulator = await started(startGps51Simulator(scenario));
  const names = gps51ScenarioSchema.parse(scenario).accounts.map((account) => account.username);
  print(`GPS51 is simulated at ${simulator.url}; it knows ${names.join(', ')}. In an account's settings:`);
  print(`  baseUrl: ${simulator.baseUrl}`);
  await untilStopped(simulator);
}

export async function simulateCarData(options: SimulateOptions): Promise<void> {
  const scenario = scenarioOf(carDataScenarioSchema, options);
  const simulator = await started(startCarDataSimulator(scenario));
  const names = carDataScenarioSchema.parse(scenario).users.map((user) => user.email);
  print(`CarData is simulated at ${simulator.url}, its login too; it knows ${names.join(', ')}.`);
  print('Whoever follows the link of a login approves it.');
  await untilStopped(simulator);
}

function started<T>(starting: Promise<T>): Promise<T> {
  return starting.catch((error: unknown) => {
    if (error instanceof ScenarioError) throw new UsageError(error.message);
    throw new ClientError(`the simulator cannot start: ${messageOf(error)}`);
  });
}

async function untilStopped(simulator: { readonly url: string; close(): Promise<unknown> }): Promise<void> {
  print(`Calls and limits: ${simulator.url}/_sim/stats. Ctrl-C ends it.`);
  const interrupt = untilInterrupted();
  await interrupt.promise;
  await simulator.close();
  interrupt.done();
}

function scenarioOf<S extends z.ZodType>(schema: S, { port, scenario, state }: SimulateOptions) {
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) <= 65_535)) {
    throw new UsageError(`--port: "${port}" must be a port number, 0 to 65535`);
  }
  let read = {} as z.input<S> & object;
  try {
    if (scenario !== undefined) read = readScenario(schema, scenario) as z.input<S> & object;
  } catch (error) {
    throw new UsageError(`--scenario: ${messageOf(error)}`);
  }
  return {
    ...read,
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(state === undefined ? {} : { stateFile: state }),
  };
}
