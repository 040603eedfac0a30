/** MyBMW's part in the vendor contract. */
import type { PoolPolicy } from '../../quota/pools/state';
import type { PoolOverride } from '../account-fields';
import { bmwPool } from '../bmw/pool';
import type { VendorRules } from '../contract';
import { withPoolOverride } from '../pool-override';
import { classifyMyBmw } from './classify';
import { MYBMW_OPERATIONS, mybmwAttributes, mybmwLimits, mybmwRetry } from './limits';

/** @param pauses of the account's settings: a quota closes what its accounts share, which goes by these rules. */
export function mybmwRules(pauses: PoolOverride = {}): VendorRules {
  return {
    id: 'bmw-mybmw',
    title: "MyBMW (for the platform's own clients)",
    limits: mybmwLimits,
    operations: MYBMW_OPERATIONS,
    attributes: mybmwAttributes,
    pool: poolOf(pauses),
    retry: mybmwRetry,
    poolScope: '{account}',
    classify: classifyMyBmw,
    // Nothing is announced: how many calls are left, the vendor does not say.
    learn: () => [],
  };
}

function poolOf({ cooldownMinutes, cooldownFactor, cooldownMaxMinutes }: PoolOverride): PoolPolicy {
  const policy = withPoolOverride(bmwPool, { cooldownMinutes, cooldownFactor, cooldownMaxMinutes });
  return {
    ...policy,
    hint: 'the quota of the user agent has been used up several times in a row: see which accounts and other programs call with it',
  };
}
