/** Every vendor that Sluice knows, one line each. A new vendor is a new folder and a new line here. */
import { amazonLogin, amazonPartitions, amazonReports } from './amazon/calls';
import { AMAZON_DATASETS as AMAZON_DESCRIPTIONS } from './amazon/datasets';
import { amazonRules } from './amazon/rules';
import { AMAZON_DATASETS, amazonAccountSchema } from './amazon/settings';

export const VENDORS = {
  amazon: {
    account: amazonAccountSchema,
    datasets: AMAZON_DATASETS,
    descriptions: AMAZON_DESCRIPTIONS,
    rules: amazonRules,
    login: amazonLogin,
    reports: amazonReports,
    partitions: amazonPartitions,
  },
} as const;

export type VendorId = keyof typeof VENDORS;

export function isVendorId(id: string): id is VendorId {
  return Object.hasOwn(VENDORS, id);
}
