/** Why calls wait for a limit, in words, and until when. */
import { WORTH_SAYING_MS } from '../pools/reported-waits';
import type { Priority } from './limit';

/** A limit as far as it says why. */
export interface WaitedLimit {
  readonly name: string;
  readonly used: number;
  readonly limit: number;
  /** Where its numbers come from. */
  readonly source: string;
  /** Epoch ms; null when the vendor has stated no wait. */
  readonly blockedUntil: number | null;
  readonly blockedReason: string;
  /** Units a second, where the vendor's refusals have lowered the rate; null or left out where they have not. */
  readonly loweredRate?: number | null;
  readonly kind?: string;
  /** Units that are kept for more important work. */
  readonly kept?: number;
  /** Priority of calls that wait for it and are served before others; null or left out where there are none. */
  readonly claimedBy?: Priority | null;
}

/** A limit as far as it says when it has room. */
export interface RoomyLimit {
  readonly kind: string;
  readonly mode: string;
  readonly left: number;
  readonly periodMs: number | null;
  /** Epoch ms. */
  readonly resetsAt: number | null;
}

/** Of these limits, the one without room for one more call for the longest time, where that is worth saying. */
export function usedUpOf<T extends RoomyLimit>(
  limits: readonly T[],
  now: number,
): (T & { readonly until: number }) | null {
  const [longest = null] = limits
    .filter(({ mode, left }) => mode === 'enforce' && left < 1)
    .map((limit) => ({ ...limit, until: roomAt(limit, now) }))
    .filter(({ until }) => until - now >= WORTH_SAYING_MS)
    .sort((a, b) => b.until - a.until);
  return longest;
}

/** When a limit that is used up has room for one unit, epoch ms. */
function roomAt({ kind, left, periodMs, resetsAt }: RoomyLimit, now: number): number {
  if (kind !== 'bucket') return resetsAt ?? now;
  const unitAt = now + (1 - left) * (periodMs ?? 0);
  return resetsAt === null ? unitAt : Math.min(unitAt, resetsAt);
}

const numberText = (value: number) => Math.floor(value).toLocaleString('en-US');

export function limitWaitText(waited: WaitedLimit): string {
  const { name, loweredRate, blockedUntil, blockedReason } = waited;
  if (blockedUntil !== null) {
    const words = blockedReason === '' ? '' : `: ${blockedReason}`;
    return `the vendor has asked calls of ${name} to wait${words}`;
  }
  const first = standBackText(waited);
  if (first !== null) return first;
  if (loweredRate) {
    const pace =
      loweredRate >= 1 ? `${numberText(loweredRate)} a second` : `one in ${numberText(1 / loweredRate)} s`;
    return `${name} is used at ${pace}, for the vendor has refused more; it rises as calls are accepted`;
  }
  return usedText(waited);
}

/** Of a limit that others go first at, or that is kept for them: who; null where its room is for everybody. */
export function standBackText(waited: WaitedLimit): string | null {
  const { kind, used, limit, kept = 0, claimedBy } = waited;
  if (claimedBy) return `${usedText(waited)}; ${claimedBy} calls wait for it and go first`;
  // A pace comes back all the time, for everybody.
  if (kind === 'bucket' || used + 1 > limit || used + 1 <= limit - kept) return null;
  return `${usedText(waited)}; the rest (${numberText(limit - used)}) is kept for more important work`;
}

function usedText({ name, used, limit, source }: WaitedLimit): string {
  const by = source === 'header' ? "the vendor's answers" : source;
  return `${name} has ${numberText(used)} of ${numberText(limit)} used, by ${by}`;
}
