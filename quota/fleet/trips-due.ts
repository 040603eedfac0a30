/**
 * Which devices' trips to request now, when a device may be called only a few times a day. Pure; times are epoch
 * milliseconds.
 *
 * A device is due when it has been under way since its trips were last covered, and in any case before a single call
 * can no longer reach back to where they are covered. Its calls are spread over the day: after each, it waits for its
 * share of the day, or of what is left of the day for what is left of its calls. When the limits are wide that share
 * is shorter than a cycle, and every cycle asks for every device that moves.
 */
import { DAY_MS } from '../durations';

export interface TripsDevice {
  readonly deviceId: string;
  /** When it was last under way, as far as positions show; null: never seen under way. */
  readonly movedAt: number | null;
  /** When its trips were last requested on schedule; null: never. */
  readonly askedAt: number | null;
  /** Its trips are in up to here; null: nothing is. */
  readonly coveredUntil: number | null;
  /** The device's calls a day, and how many of them are left. */
  readonly callsADay: number;
  readonly callsLeft: number;
  /** When its calls are whole again. */
  readonly resetsAt: number;
}

export interface TripsPolicy {
  /** Each ask goes back this far behind what is covered, and covers only what is as old as this, ms. */
  readonly overlapMs: number;
  /** Longest span of one call, ms. */
  readonly maxSpanMs: number;
  /** How far the first ask of a device goes back, ms. */
  readonly firstSpanMs: number;
}

/** Device ids to ask for at `now`, the most overdue first. */
export function dueForTrips(devices: readonly TripsDevice[], policy: TripsPolicy, now: number): string[] {
  return devices
    .map((device) => ({ deviceId: device.deviceId, dueAt: dueAt(device, policy, now) }))
    .filter(({ dueAt }) => dueAt <= now)
    .sort((a, b) => a.dueAt - b.dueAt || (a.deviceId < b.deviceId ? -1 : 1))
    .map(({ deviceId }) => deviceId);
}

/** The earliest time at which the device may and should be called; Infinity: not before something happens. */
function dueAt(device: TripsDevice, policy: TripsPolicy, now: number): number {
  const { askedAt, coveredUntil, movedAt, callsADay, callsLeft, resetsAt } = device;
  if (callsLeft < 1) return Number.POSITIVE_INFINITY;
  if (askedAt === null) return Number.NEGATIVE_INFINITY;
  const share = Math.max(DAY_MS / callsADay, (resetsAt - now) / callsLeft);
  // Asked for in vain so far.
  if (coveredUntil === null) return askedAt + share;
  const stale = coveredUntil + reachMs(policy);
  const wanted = movedAt !== null && movedAt > coveredUntil ? movedAt : stale;
  return Math.max(askedAt + share, Math.min(wanted, stale));
}

/** What is covered may be this old for one call to reach from behind it to now, ms; a day at most. */
export function reachMs({ maxSpanMs, overlapMs }: TripsPolicy): number {
  return Math.max(Math.min(maxSpanMs, DAY_MS) - overlapMs, overlapMs);
}

/**
 * What to ask for: from behind what is covered to now, and no longer than a call may be. A longer way is gone in
 * several calls, from its beginning, so that nothing is left out.
 */
export function tripsSpan(
  coveredUntil: number | null,
  policy: TripsPolicy,
  now: number,
): { readonly from: number; readonly to: number } {
  const first = now - policy.firstSpanMs;
  const from = coveredUntil === null ? first : Math.min(coveredUntil, now) - policy.overlapMs;
  return { from, to: Math.min(now, from + policy.maxSpanMs) };
}

/**
 * Up to when an answer to a call at `now` is final. A trip that is reported without an end is requested
 * from its start on until it has one; but only as long as a call that begins there reaches to now.
 * @param until the end of the requested span, less what may still arrive late. @param openSince start of the first such trip.
 */
export function settledUntil(
  until: number,
  openSince: number | null,
  policy: TripsPolicy,
  now: number,
): number {
  const isAwaited = openSince !== null && now - openSince < reachMs(policy);
  return isAwaited ? Math.min(until, openSince) : until;
}
