/** GPS51's part in the vendor contract. */
import type { VendorRules } from '../contract';
import { classifyGps51 } from './classify';
import { GPS51_OPERATIONS, gps51Attributes, gps51Limits, gps51Pool, gps51Retry } from './limits';

/** @param zone of the vendor's days, an IANA name: an account's setting. */
export function gps51Rules(zone: string): VendorRules {
  return {
    id: 'gps51',
    title: 'GPS51 (fleet tracking)',
    limits: gps51Limits(zone),
    operations: GPS51_OPERATIONS,
    attributes: gps51Attributes,
    pool: gps51Pool,
    retry: gps51Retry,
    // A day's calls are used up for the account; the egress IP's limits have their own waits.
    poolScope: '{account}',
    ambiguousQuota: true,
    classify: (call, result, nowMs) => classifyGps51(call, result, nowMs, zone),
    // Nothing is announced; what the number of devices teaches is in `FleetApi.limitsOf`.
    learn: () => [],
  };
}
