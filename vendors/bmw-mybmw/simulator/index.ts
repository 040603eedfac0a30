/**
 * A simulator of MyBMW as one real HTTP server: the login and the services are under the same address. It knows the user
 * demo@example.com with the password demo unless configured otherwise, and takes any captcha token.
 */
import type { VendorSimulator } from '../../define';
import { type Simulator, type StartOverrides, startScenario } from '../../kit/server/start';
import type { MyBmwControl } from './control';
import { type MyBmwScenarioInput, myBmwScenarioSchema } from './options';
import { createMyBmwVendor, QUOTA_LIMIT } from './vendor';

export type { MyBmwScenarioInput } from './options';

export type MyBmwSimulator = Simulator<MyBmwControl>;

/** As `startScenario`. */
export async function startMyBmwSimulator(
  options: MyBmwScenarioInput = {},
  overrides: StartOverrides = {},
): Promise<MyBmwSimulator> {
  const { scenario, running } = await startScenario(
    { title: 'the MyBMW simulator', scenario: myBmwScenarioSchema, vendor: createMyBmwVendor },
    options,
    overrides,
  );
  const { endsInMs } = scenario.quota;
  if (endsInMs !== undefined) running.control({ nextReset: { limit: QUOTA_LIMIT, inMs: endsInMs } });
  return running;
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
