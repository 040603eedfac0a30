/**
 * A simulator of Amazon's Reports API 2021-06-30 with Login with Amazon and the document store, as one real HTTP
 * server. `baseUrl` of an account is its url; `tokenUrl` is the url and `/auth/o2/token`.
 */
import type { VendorSimulator } from '../../define';
import type { Clock } from '../../kit/clock';
import type { KitControl } from '../../kit/control';
import { parseScenario } from '../../kit/scenario';
import { type RunningSimulator, startSimulatorServer } from '../../kit/server';
import type { AmazonControl } from './control';
import { type AmazonScenarioInput, amazonScenarioSchema } from './options';
import { createAmazonVendor } from './vendor';

export { type AmazonScenarioInput, amazonScenarioSchema } from './options';

export interface AmazonSimulator extends RunningSimulator {
  /** For the account's `tokenUrl` setting. */
  readonly tokenUrl: string;
  /** Typed form of `POST /_sim/control`. Throws ZodError or RangeError for what would be a 400. */
  control(command: KitControl & AmazonControl): void;
}

/**
 * Starts the simulator and resolves when it listens.
 * @param overrides.clock epoch ms that never go back; for tests that do not want to wait.
 * @throws ScenarioError that names each field at fault; the listening error when the port is taken.
 */
export async function startAmazonSimulator(
  options: AmazonScenarioInput = {},
  overrides: { readonly clock?: Clock } = {},
): Promise<AmazonSimulator> {
  const scenario = parseScenario(amazonScenarioSchema, options, 'the Amazon simulator');
  const server = await startSimulatorServer((record, clock) => createAmazonVendor(scenario, record, clock), {
    host: scenario.host,
    port: scenario.port,
    seed: scenario.seed,
    faults: scenario.faults,
    limitChanges: scenario.limits,
    latencyMs: scenario.latencyMs,
    ...(scenario.stateFile === undefined ? {} : { stateFile: scenario.stateFile }),
    ...overrides,
  });
  return { ...server, tokenUrl: `${server.url}/auth/o2/token` };
}

export const amazonSimulator: VendorSimulator = {
  scenario: amazonScenarioSchema,
  start: startAmazonSimulator,
  settings: ({ url }) => ({ baseUrl: url, tokenUrl: `${url}/auth/o2/token` }),
};
