/**
 * A simulator of GPS51's open API as one real HTTP server. `baseUrl` is what callers POST to:
 * `{baseUrl}?action=…&token=…&serverid=…`.
 */
import type { VendorSimulator } from '../../define';
import type { Clock } from '../../kit/clock';
import type { KitControl } from '../../kit/control';
import { parseScenario } from '../../kit/scenario';
import { type RunningSimulator, startSimulatorServer } from '../../kit/server';
import type { Gps51Control } from './control';
import { type Gps51ScenarioInput, gps51ScenarioSchema } from './options';
import { createGps51Vendor } from './vendor';

export { type Gps51ScenarioInput, gps51ScenarioSchema } from './options';

/** Limits that count days; `days.endsInMs` ends the first one soon. */
const DAILY = ['account-per-day', 'device-action-per-day', 'device-trajectory-per-day', 'whitelist-per-day'];

export interface Gps51Simulator extends RunningSimulator {
  /** `<url>/openapi`. */
  readonly baseUrl: string;
  /** Typed form of `POST /_sim/control`. Throws ZodError or RangeError for what would be a 400. */
  control(command: KitControl & Gps51Control): void;
}

/**
 * Starts the simulator and resolves when it listens.
 * @param overrides.clock epoch ms that never go back; for tests that do not want to wait.
 * @throws ScenarioError that names each field at fault; the listening error when the port is taken.
 */
export async function startGps51Simulator(
  options: Gps51ScenarioInput = {},
  overrides: { readonly clock?: Clock } = {},
): Promise<Gps51Simulator> {
  const scenario = parseScenario(gps51ScenarioSchema, options, 'the GPS51 simulator');
  const server = await startSimulatorServer((record, clock) => createGps51Vendor(scenario, record, clock), {
    host: scenario.host,
    port: scenario.port,
    seed: scenario.seed,
    faults: scenario.faults,
    limitChanges: scenario.limits,
    latencyMs: scenario.latencyMs,
    ...(scenario.stateFile === undefined ? {} : { stateFile: scenario.stateFile }),
    ...overrides,
  });
  const { endsInMs } = scenario.days;
  if (endsInMs !== undefined) {
    for (const limit of DAILY) server.control({ nextReset: { limit, inMs: endsInMs } });
  }
  return { ...server, baseUrl: `${server.url}/openapi` };
}

export const gps51Simulator: VendorSimulator = {
  scenario: gps51ScenarioSchema,
  start: startGps51Simulator,
  settings: ({ url }) => ({ baseUrl: `${url}/openapi` }),
  knows: (scenario) =>
    gps51ScenarioSchema
      .parse(scenario)
      .accounts.map(({ username }) => username)
      .join(', '),
};
