/** How accounts at BMW pause. The lengths are those of the platform's own clients, because operators know them. */
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../quota/durations';
import type { PoolPolicy } from '../../quota/pools/state';
import type { VendorEnvironment } from '../define';

export const bmwPool: PoolPolicy = {
  // A pause whose length nobody states doubles up to five minutes. What the vendor states (13 minutes to 2 h 26 min have
  // been seen) is never cut short.
  unknownQuotaMs: 30 * SECOND_MS,
  unknownQuotaFactor: 2,
  unknownQuotaMaxMs: 300 * SECOND_MS,
  absurdWaitMs: 2 * DAY_MS,
  breakerFailures: 5,
  breakerOpenMs: MINUTE_MS,
  probeTimeoutMs: 2 * MINUTE_MS,
  // Refused credentials are not probed, only a person's login ends the hold: each probe would cost a call.
  hintAfterStrikes: 3,
  hint: 'the quota has been used up several times in a row: see who else spends it, and whether its window is as set',
};

/** Variables that operators of the platform have set so far. */
export const bmwEnvironment: readonly VendorEnvironment[] = [
  // Seconds: the longest pause whose length the vendor does not state.
  { name: 'BMW_QUOTA_MAX_PAUSE', as: 'seconds', sets: ['pool', 'cooldownMaxMinutes'] },
];
