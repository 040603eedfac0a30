/**
 * A simulator of BMW CarData as one real HTTP server: the API and the login are under the same address. It knows the user
 * demo@example.com unless configured otherwise; a login is approved by following the link that it shows.
 */
import type { VendorSimulator } from '../../define';
import { type Simulator, type StartOverrides, startScenario } from '../../kit/server/start';
import type { CarDataControl } from './control';
import { type CarDataScenarioInput, carDataScenarioSchema } from './options';
import { createCarDataVendor, DAY_LIMIT } from './vendor';

export type { CarDataScenarioInput } from './options';

export type CarDataSimulator = Simulator<CarDataControl>;

/** As `startScenario`. */
export async function startCarDataSimulator(
  options: CarDataScenarioInput = {},
  overrides: StartOverrides = {},
): Promise<CarDataSimulator> {
  const { scenario, running } = await startScenario(
    { title: 'the CarData simulator', scenario: carDataScenarioSchema, vendor: createCarDataVendor },
    options,
    overrides,
  );
  const { endsInMs, window } = scenario.quota;
  if (endsInMs !== undefined && window === 'midnight') {
    running.control({ nextReset: { limit: DAY_LIMIT, inMs: endsInMs } });
  }
  return running;
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
