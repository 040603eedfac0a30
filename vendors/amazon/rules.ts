/** Amazon's part in the vendor contract. */
import type { VendorRules } from '../contract';
import { classifyAmazon, learnAmazon } from './classify';
import {
  AMAZON_OPERATIONS,
  amazonAttributes,
  amazonLimits,
  amazonPool,
  amazonRetry,
  amazonScope,
} from './limits';
import type { AmazonAccount } from './settings';

export const amazonRules: VendorRules = {
  id: 'amazon',
  title: 'Amazon SP-API (vendor real-time reports)',
  limits: amazonLimits,
  operations: AMAZON_OPERATIONS,
  attributes: amazonAttributes,
  pool: amazonPool,
  retry: amazonRetry,
  // A quota met on create, status, document or download stops all of the account's calls, and no other account's.
  // Unless other report types are served: then only the refused one stops.
  poolScope: '{account}',
  subject: 'reportType',
  classify: classifyAmazon,
  learn: learnAmazon,
};

/** The rules as they are for an account: which accounts share the vendor's buckets follows from its settings. */
export function amazonRulesOf(account: Pick<AmazonAccount, 'sellerId' | 'application'>): VendorRules {
  const scope = amazonScope(account);
  return { ...amazonRules, limits: amazonLimits.map((limit) => ({ ...limit, scope })) };
}
