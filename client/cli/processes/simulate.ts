/** `sluice simulate <vendor>`: a simulated vendor in the foreground. */
import type { Command } from 'commander';
import type { VendorSimulator } from '../../../vendors/define';
import { readScenario, ScenarioError } from '../../../vendors/kit/scenario';
import { findVendor, type Vendor, vendors } from '../../../vendors/registry';
import { ClientError, messageOf, UsageError } from '../../operations/errors';
import { contextOf } from '../command';
import { untilInterrupted } from '../interrupt';
import { print } from '../output';

export interface SimulateOptions {
  readonly port?: string;
  readonly scenario?: string;
  readonly state?: string;
}

export async function simulate(id: string, options: SimulateOptions, command: Command): Promise<void> {
  const vendor = simulated(id, command);
  const { simulator: load } = vendor;
  if (load === null) throw new UsageError(`vendor: ${id} has no simulator`);
  const simulator = await load();
  const scenario = scenarioOf(simulator, options);
  const running = await simulator.start(scenario).catch((error: unknown) => {
    if (error instanceof ScenarioError) throw new UsageError(error.message);
    throw new ClientError(`the simulator cannot start: ${messageOf(error)}`);
  });
  const knows = simulator.knows === undefined ? '' : `; it knows: ${simulator.knows(scenario)}`;
  print(`${vendor.title} is simulated at ${running.url}${knows}. In an account's settings:`);
  for (const [key, value] of Object.entries(simulator.settings(running))) print(`  ${key}: ${value}`);
  print(`Calls and limits: ${running.url}/_sim/stats. Ctrl-C ends it.`);
  const interrupt = untilInterrupted();
  await interrupt.promise;
  await running.close();
  interrupt.done();
}

/** What a vendor's scenarios can say, for `--help`; without one, whom there is to simulate. */
export function scenarioHelp(id: string | undefined, command: Command): string {
  return id === undefined || id.startsWith('-')
    ? `\nVendors: ${withSimulator().join(', ')}, and those that the settings load (plugins).`
    : simulated(id, command).simulatorHelp;
}

/** One of the settings' plugins is known once they are read; no other needs settings. */
function simulated(id: string, command: Command): Vendor {
  const found = findVendor(id);
  if (found) return found;
  contextOf(command);
  const loaded = findVendor(id);
  if (loaded) return loaded;
  throw new UsageError(`vendor: "${id}" is unknown; there are ${withSimulator().join(', ')}`);
}

const withSimulator = () =>
  vendors()
    .filter(({ simulator }) => simulator !== null)
    .map(({ id }) => id);

function scenarioOf(
  simulator: VendorSimulator,
  { port, scenario, state }: SimulateOptions,
): Record<string, unknown> {
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) <= 65_535)) {
    throw new UsageError(`--port: "${port}" must be a port number, 0 to 65535`);
  }
  let read: object = {};
  try {
    if (scenario !== undefined) read = readScenario(simulator.scenario, scenario) as object;
  } catch (error) {
    throw new UsageError(`--scenario: ${messageOf(error)}`);
  }
  return {
    ...read,
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(state === undefined ? {} : { stateFile: state }),
  };
}
