/** Every vendor that Sluice knows, one line each. A new vendor is a new folder and a new line here. */
import { AMAZON_DATASETS, amazonAccountSchema } from './amazon/settings';

export const VENDORS = {
  amazon: { account: amazonAccountSchema, datasets: AMAZON_DATASETS },
} as const;

export type VendorId = keyof typeof VENDORS;

export function isVendorId(id: string): id is VendorId {
  return Object.hasOwn(VENDORS, id);
}
