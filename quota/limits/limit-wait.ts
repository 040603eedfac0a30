/** Why calls wait for a limit, in words, and until when. */
import { WORTH_SAYING_MS } from '../pools/reported-waits';

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

export function limitWaitText({ name, used, limit, source, loweredRate, ...blocked }: WaitedLimit): string {
  if (blocked.blockedUntil !== null) {
    const words = blocked.blockedReason === '' ? '' : `: ${blocked.blockedReason}`;
    return `the vendor has asked calls of ${name} to wait${words}`;
  }
  if (loweredRate) {
    const pace =
      loweredRate >= 1 ? `${numberText(loweredRate)} a second` : `one in ${numberText(1 / loweredRate)} s`;
    return `${name} is used at ${pace}, for the vendor has refused more; it rises as calls are accepted`;
  }
  const by = source === 'header' ? "the vendor's answers" : source;
  return `${name} has ${numberText(used)} of ${numberText(limit)} used, by ${by}`;
}
