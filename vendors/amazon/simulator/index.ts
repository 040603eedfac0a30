/**
 * A simulator of Amazon's Reports API 2021-06-30 with Login with Amazon and the document store, as one real HTTP
 * server. `baseUrl` of an account is its url; `tokenUrl` is the url and `/auth/o2/token`.
 */
import type { VendorSimulator } from '../../define';
import { type Simulator, type StartOverrides, startScenario } from '../../kit/server/start';
import type { AmazonControl } from './control';
import { type AmazonScenarioInput, amazonScenarioSchema } from './options';
import { createAmazonVendor } from './vendor';

export { type AmazonScenarioInput, amazonScenarioSchema } from './options';

export interface AmazonSimulator extends Simulator<AmazonControl> {
  /** For the account's `tokenUrl` setting. */
  readonly tokenUrl: string;
}

/** As `startScenario`. */
export async function startAmazonSimulator(
  options: AmazonScenarioInput = {},
  overrides: StartOverrides = {},
): Promise<AmazonSimulator> {
  const { running } = await startScenario(
    { title: 'the Amazon simulator', scenario: amazonScenarioSchema, vendor: createAmazonVendor },
    options,
    overrides,
  );
  return { ...running, tokenUrl: `${running.url}/auth/o2/token` };
}

export const amazonSimulator: VendorSimulator = {
  scenario: amazonScenarioSchema,
  start: startAmazonSimulator,
  settings: ({ url }) => ({ baseUrl: url, tokenUrl: `${url}/auth/o2/token` }),
};
