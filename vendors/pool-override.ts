/** A pool's policy with the overrides of settings. Pure. */
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../quota/durations';
import type { PoolPolicy } from '../quota/pools/state';
import type { PoolOverride } from './account-fields';

export function withPoolOverride(base: PoolPolicy, pool: PoolOverride): PoolPolicy {
  const ms = (value: number | undefined, unitMs: number, fallback: number) =>
    value === undefined ? fallback : Math.max(1, Math.round(value * unitMs));
  const unknownQuotaMaxMs = ms(pool.cooldownMaxMinutes, MINUTE_MS, base.unknownQuotaMaxMs);
  // A cap that is set is one for the first pause, too, unless that is set as well.
  const first =
    pool.cooldownMaxMinutes === undefined
      ? base.unknownQuotaMs
      : Math.min(base.unknownQuotaMs, unknownQuotaMaxMs);
  return {
    ...base,
    unknownQuotaMs: ms(pool.cooldownMinutes, MINUTE_MS, first),
    unknownQuotaFactor: pool.cooldownFactor ?? base.unknownQuotaFactor,
    unknownQuotaMaxMs,
    absurdWaitMs: ms(pool.absurdWaitHours, HOUR_MS, base.absurdWaitMs),
    breakerFailures: pool.breakerFailures ?? base.breakerFailures,
    breakerOpenMs: ms(pool.breakerOpenSeconds, SECOND_MS, base.breakerOpenMs),
    probeTimeoutMs: ms(pool.probeTimeoutSeconds, SECOND_MS, base.probeTimeoutMs),
    hintAfterStrikes: pool.hintAfterStrikes ?? base.hintAfterStrikes,
    ...recheck(base, pool.recheckMinutes),
  };
}

function recheck(base: PoolPolicy, minutes: number | undefined): Pick<PoolPolicy, 'recheck'> {
  if (minutes === undefined) return {};
  const credentialsMs = Math.max(1, Math.round(minutes * MINUTE_MS));
  const configurationMs = Math.min(credentialsMs, base.recheck?.configurationMs ?? 60_000);
  const maxMs = Math.max(credentialsMs, base.recheck?.maxMs ?? 8 * HOUR_MS);
  return { recheck: { credentialsMs, configurationMs, maxMs } };
}
