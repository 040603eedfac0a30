/** Amazon's part in the vendor contract. */
import type { VendorRules } from '../contract';
import { classifyAmazon, learnAmazon } from './classify';
import { amazonLimits, amazonPool, amazonRetry } from './limits';

export const amazonRules: VendorRules = {
  id: 'amazon',
  title: 'Amazon SP-API (vendor real-time reports)',
  limits: amazonLimits,
  pool: amazonPool,
  retry: amazonRetry,
  // A quota met on create, status, document or download stops all of the account's calls, and no other account's.
  poolScope: '{account}',
  classify: classifyAmazon,
  learn: learnAmazon,
};
