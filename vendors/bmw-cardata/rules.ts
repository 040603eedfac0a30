/** CarData's part in the vendor contract. */
import { bmwPool } from '../bmw/pool';
import type { VendorRules } from '../contract';
import { classifyCarData } from './classify';
import {
  CARDATA_OPERATIONS,
  cardataAttributes,
  cardataLimits,
  cardataRetry,
  INTERACTIVE_CALLS,
  type QuotaWindow,
  UNMETERED,
} from './limits';

/** @param interactiveCalls of the day's, kept for people. */
export function cardataRules(
  quotaWindow: QuotaWindow = 'midnight',
  interactiveCalls: number = INTERACTIVE_CALLS,
): VendorRules {
  return {
    id: 'bmw-cardata',
    title: 'BMW CarData',
    limits: cardataLimits(quotaWindow, interactiveCalls),
    operations: CARDATA_OPERATIONS,
    unmetered: UNMETERED,
    attributes: cardataAttributes,
    pool: bmwPool,
    retry: cardataRetry,
    poolScope: '{account}',
    classify: (call, result, nowMs) => classifyCarData(call, result, nowMs, quotaWindow),
    // Nothing is announced: how many calls are left, the vendor does not say.
    learn: () => [],
  };
}
