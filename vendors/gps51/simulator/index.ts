/**
 * A simulator of GPS51's open API as one real HTTP server. `baseUrl` is what callers POST to:
 * `{baseUrl}?action=…&token=…&serverid=…`.
 */
import type { VendorSimulator } from '../../define';
import { type Simulator, type StartOverrides, startScenario } from '../../kit/server/start';
import type { Gps51Control } from './control';
import { type Gps51ScenarioInput, gps51ScenarioSchema } from './options';
import { createGps51Vendor } from './vendor';

export { type Gps51ScenarioInput, gps51ScenarioSchema } from './options';

/** Limits that count days; `days.endsInMs` ends the first one soon. */
const DAILY = ['account-per-day', 'device-action-per-day', 'device-trajectory-per-day', 'whitelist-per-day'];

export interface Gps51Simulator extends Simulator<Gps51Control> {
  /** `<url>/openapi`. */
  readonly baseUrl: string;
}

/** As `startScenario`. */
export async function startGps51Simulator(
  options: Gps51ScenarioInput = {},
  overrides: StartOverrides = {},
): Promise<Gps51Simulator> {
  const { scenario, running } = await startScenario(
    { title: 'the GPS51 simulator', scenario: gps51ScenarioSchema, vendor: createGps51Vendor },
    options,
    overrides,
  );
  const { endsInMs } = scenario.days;
  if (endsInMs !== undefined) {
    for (const limit of DAILY) running.control({ nextReset: { limit, inMs: endsInMs } });
  }
  return { ...running, baseUrl: `${running.url}/openapi` };
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
