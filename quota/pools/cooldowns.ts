/** How long a pool stays closed where the vendor does not say, or says too little. */
import { HOUR_MS } from '../durations';
import type { HoldCause, PoolPolicy } from './state';

/** A stated wait below this is as good as none, ms. */
export const NO_WAIT_MS = 1000;

/** The length of a cooldown of unknown length, ms: base × factor^(strikes before), up to 10 % more, capped. */
export function unknownCooldownMs(policy: PoolPolicy, strikes: number, jitter: number): number {
  const grown = policy.unknownQuotaMs * policy.unknownQuotaFactor ** Math.max(0, strikes);
  const maxMs = Math.max(policy.unknownQuotaMaxMs, policy.unknownQuotaMs);
  // Jitter only lengthens, up to the cap: an unknown pause ended early would spend a call on a quota that is still used up.
  const wait = Math.min(grown, maxMs) * (1 + 0.1 * Math.abs(clampUnit(jitter)));
  return Math.max(1, Math.round(Math.min(wait, maxMs)));
}

/**
 * The least pause after stated waits that turned out too short, ms. The first is believed. A vendor that says
 * "0 seconds" each time would otherwise be called without end: a thousandth of the unknown pause, longer with each
 * strike, never above the unknown pause itself.
 */
export function disprovedWaitMs(policy: PoolPolicy, strikes: number): number {
  if (strikes <= 0) return 0;
  return Math.min(
    policy.unknownQuotaMs,
    (policy.unknownQuotaMs / 1000) * policy.unknownQuotaFactor ** (strikes - 1),
  );
}

/**
 * How long a hold lasts before one call probes, ms; null when only an operator ends it.
 * @param probes for the same cause so far.
 */
export function recheckMs(
  policy: PoolPolicy,
  cause: HoldCause | null | undefined,
  probes: number,
): number | null {
  const grown = (firstMs: number, maxMs: number) =>
    Math.max(1, Math.round(Math.min(maxMs, firstMs * 2 ** Math.min(30, Math.max(0, probes)))));
  const { recheck } = policy;
  if (cause === 'configuration') {
    const { configurationMs, maxMs } = recheck ?? CONFIGURATION_RECHECKS;
    return grown(configurationMs, Math.min(maxMs, CONFIGURATION_RECHECKS.maxMs));
  }
  if (cause !== 'credentials' || recheck === undefined) return null;
  return grown(recheck.credentialsMs, recheck.maxMs);
}

const CONFIGURATION_RECHECKS = { configurationMs: 60_000, maxMs: HOUR_MS };

function clampUnit(x: number): number {
  return Number.isNaN(x) ? 0 : Math.min(1, Math.max(-1, x));
}
