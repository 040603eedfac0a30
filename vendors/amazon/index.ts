/** Amazon's Selling Partner API, as a vendor. */
import { defineVendor } from '../define';
import { amazonLogin, amazonPartitions, amazonReports } from './calls';
import { AMAZON_DATASETS as DESCRIPTIONS } from './datasets';
import { unknownMarketplaces } from './marketplaces';
import { amazonRules, amazonRulesOf } from './rules';
import { AMAZON_DATASETS, amazonAccountSchema, amazonEndpoints } from './settings';

export const amazon = defineVendor({
  rules: amazonRules,
  account: amazonAccountSchema,
  datasets: AMAZON_DATASETS,
  descriptions: DESCRIPTIONS,
  parts: (account) => ({
    login: amazonLogin(account),
    reports: amazonReports(account),
    requests: { baseUrl: amazonEndpoints(account).baseUrl, authorize: amazonReports(account).authorize },
    partitions: (dataset) => amazonPartitions(account, dataset),
    rules: amazonRulesOf(account),
    sharedBy: ['sellerId', 'application'],
    unknownValues: unknownMarketplaces(account),
    attributes: account.sellerId === undefined ? {} : { sellerId: account.sellerId },
  }),
  simulator: async () => (await import('./simulator/index.js')).amazonSimulator,
  example: {
    settings: {
      region: 'na',
      credentials: {
        clientId: 'env:AMAZON_CLIENT_ID',
        clientSecret: 'env:AMAZON_CLIENT_SECRET',
        refreshToken: 'env:AMAZON_REFRESH_TOKEN',
      },
      marketplaces: ['ATVPDKIKX0DER'],
      currency: 'USD',
    },
    secrets: {
      AMAZON_CLIENT_ID: 'example',
      AMAZON_CLIENT_SECRET: 'example-secret',
      AMAZON_REFRESH_TOKEN: 'Atzr|example',
    },
  },
});
