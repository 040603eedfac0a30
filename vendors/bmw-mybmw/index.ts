/** MyBMW, the interface of the platform's own clients, as a vendor. */
import { bmwEnvironment } from '../bmw/pool';
import { defineVendor } from '../define';
import { mybmwCommands, mybmwVehicles } from './calls';
import { mybmwGrant } from './login';
import { authorize, mybmwIdentity } from './requests';
import { mybmwRules } from './rules';
import { baseUrlOf, mybmwAccountSchema } from './settings';
import { MYBMW_SCENARIO_HELP } from './simulator-help';

export const mybmw = defineVendor({
  rules: mybmwRules(),
  account: mybmwAccountSchema,
  parts: (account) => ({
    grant: mybmwGrant(account),
    vehicles: mybmwVehicles(account),
    commands: mybmwCommands(account),
    requests: { baseUrl: baseUrlOf(account), authorize },
    rules: mybmwRules(account.pool),
    identity: mybmwIdentity(account),
    attributes: { userAgent: account.userAgentPrefix, region: account.region },
    sharedBy: ['userAgentPrefix', 'region'],
    // All that call with one user agent stop together.
    organization: `${account.userAgentPrefix}/${account.region}`,
  }),
  environment: [...bmwEnvironment, { name: 'BMW_USER_AGENT_PREFIX', as: 'text', sets: ['userAgentPrefix'] }],
  simulator: async () => (await import('./simulator/index.js')).myBmwSimulator,
  simulatorHelp: MYBMW_SCENARIO_HELP,
  example: {
    settings: {},
    secrets: {},
    login: { username: 'demo@example.com', password: 'demo', captcha: 'solved' },
  },
});
