/**
 * A simulator of BMW CarData as one real HTTP server: the API and the login are under the same address. It knows the user
 * demo@example.com unless told otherwise; a login is approved by following the link that it shows.
 */
import type { VendorSimulator } from '../../define';
import type { Clock } from '../../kit/clock';
import type { KitControl } from '../../kit/control';
import { parseScenario } from '../../kit/scenario';
import { type RunningSimulator, startSimulatorServer } from '../../kit/server';
import type { CarDataControl } from './control';
import { type CarDataScenarioInput, carDataScenarioSchema } from './options';
import { createCarDataVendor, DAY_LIMIT } from './vendor';

export type { CarDataScenarioInput } from './options';

export interface CarDataSimulator extends RunningSimulator {
  /** Typed form of `POST /_sim/control`. Throws ZodError or RangeError for what would be a 400. */
  control(command: KitControl & CarDataControl): void;
}

/**
 * Starts the simulator and resolves when it listens.
 * @param overrides.clock epoch ms that never go back; for tests that do not want to wait.
 * @throws ScenarioError that names each field at fault; the listening error when the port is taken.
 */
export async function startCarDataSimulator(
  options: CarDataScenarioInput = {},
  overrides: { readonly clock?: Clock } = {},
): Promise<CarDataSimulator> {
  const scenario = parseScenario(carDataScenarioSchema, options, 'the CarData simulator');
  const server = await startSimulatorServer((record, clock) => createCarDataVendor(scenario, record, clock), {
    host: scenario.host,
    port: scenario.port,
    seed: scenario.seed,
    faults: scenario.faults,
    limitChanges: scenario.limits,
    latencyMs: scenario.latencyMs,
    ...(scenario.stateFile === undefined ? {} : { stateFile: scenario.stateFile }),
    ...overrides,
  });
  const { endsInMs, window } = scenario.quota;
  if (endsInMs !== undefined && window === 'midnight') {
    server.control({ nextReset: { limit: DAY_LIMIT, inMs: endsInMs } });
  }
  return server;
}

export const carDataSimulator: VendorSimulator = {
  scenario: carDataScenarioSchema,
  start: startCarDataSimulator,
  settings: ({ url }) => ({ baseUrl: url, loginUrl: url, clientId: 'sluice-simulated' }),
  knows: (scenario) =>
    `${carDataScenarioSchema
      .parse(scenario)
      .users.map(({ email }) => email)
      .join(', ')}; whoever follows the link of a login approves it`,
};
