/** Amazon's Selling Partner API, as a vendor. */
import { defineVendor } from '../define';
import { amazonLogin, amazonPartitions, amazonReports } from './calls';
import { AMAZON_DATASETS as DESCRIPTIONS } from './datasets';
import { amazonRules, amazonRulesOf } from './rules';
import { AMAZON_DATASETS, amazonAccountSchema } from './settings';

export const amazon = defineVendor({
  rules: amazonRules,
  account: amazonAccountSchema,
  datasets: AMAZON_DATASETS,
  descriptions: DESCRIPTIONS,
  parts: (account) => ({
    login: amazonLogin(account),
    reports: amazonReports(account),
    partitions: (dataset) => amazonPartitions(account, dataset),
    rules: amazonRulesOf(account),
    sharedBy: ['sellerId', 'application'],
    attributes: account.sellerId === undefined ? {} : { sellerId: account.sellerId },
  }),
  simulator: async () => (await import('./simulator/index.js')).amazonSimulator,
});
