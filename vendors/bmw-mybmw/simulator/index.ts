/**
 * A simulator of MyBMW as one real HTTP server: the login and the services are under the same address. It knows the user
 * demo@example.com with the password demo unless told otherwise, and takes any captcha token.
 */
import type { VendorSimulator } from '../../define';
import type { Clock } from '../../kit/clock';
import type { KitControl } from '../../kit/control';
import { parseScenario } from '../../kit/scenario';
import { type RunningSimulator, startSimulatorServer } from '../../kit/server';
import type { MyBmwControl } from './control';
import { type MyBmwScenarioInput, myBmwScenarioSchema } from './options';
import { createMyBmwVendor, QUOTA_LIMIT } from './vendor';

export type { MyBmwScenarioInput } from './options';

export interface MyBmwSimulator extends RunningSimulator {
  /** Typed form of `POST /_sim/control`. Throws ZodError or RangeError for what would be a 400. */
  control(command: KitControl & MyBmwControl): void;
}

/**
 * Starts the simulator and resolves when it listens.
 * @param overrides.clock epoch ms that never go back; for tests that do not want to wait.
 * @throws ScenarioError that names each field at fault; the listening error when the port is taken.
 */
export async function startMyBmwSimulator(
  options: MyBmwScenarioInput = {},
  overrides: { readonly clock?: Clock } = {},
): Promise<MyBmwSimulator> {
  const scenario = parseScenario(myBmwScenarioSchema, options, 'the MyBMW simulator');
  const server = await startSimulatorServer((record, clock) => createMyBmwVendor(scenario, record, clock), {
    host: scenario.host,
    port: scenario.port,
    seed: scenario.seed,
    faults: scenario.faults,
    limitChanges: scenario.limits,
    latencyMs: scenario.latencyMs,
    ...(scenario.stateFile === undefined ? {} : { stateFile: scenario.stateFile }),
    ...overrides,
  });
  const { endsInMs } = scenario.quota;
  if (endsInMs !== undefined) server.control({ nextReset: { limit: QUOTA_LIMIT, inMs: endsInMs } });
  return server;
}

export const myBmwSimulator: VendorSimulator = {
  scenario: myBmwScenarioSchema,
  start: startMyBmwSimulator,
  settings: ({ url }) => ({ baseUrl: url }),
  knows: (scenario) =>
    myBmwScenarioSchema
      .parse(scenario)
      .users.map(({ email, password }) => `${email} / ${password}`)
      .join(', '),
};
