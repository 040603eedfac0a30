/** BMW CarData as a vendor: what an owner may read of a car, 50 calls a day. */
import { bmwEnvironment } from '../bmw/pool';
import { defineVendor } from '../define';
import { authorizeRequest, cardataVehicles } from './calls';
import { cardataGrant } from './login';
import { cardataPolling } from './polling';
import { cardataRules } from './rules';
import { cardataAccountSchema } from './settings';
import { CARDATA_SCENARIO_HELP } from './simulator-help';
import { cardataStream } from './stream';

export const bmwCardata = defineVendor({
  rules: cardataRules(),
  account: cardataAccountSchema,
  parts: (account) => ({
    grant: cardataGrant(account),
    vehicles: cardataVehicles(account),
    requests: { baseUrl: account.baseUrl, authorize: authorizeRequest },
    ...(account.stream.enabled ? { stream: cardataStream(account) } : {}),
    polling: cardataPolling(account),
    rules: cardataRules(account.quotaWindow, account.interactiveCalls),
  }),
  environment: bmwEnvironment,
  simulator: async () => (await import('./simulator/index.js')).carDataSimulator,
  simulatorHelp: CARDATA_SCENARIO_HELP,
  example: {
    settings: { clientId: 'env:CARDATA_CLIENT_ID' },
    secrets: { CARDATA_CLIENT_ID: 'example-client' },
  },
});
