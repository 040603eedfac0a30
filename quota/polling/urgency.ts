/**
 * How urgent an item becomes with time. Urgency is age divided by the wanted age: it grows by 1 in the time that an answer
 * may be old, faster while the vehicle is active, slower at night. Pure.
 */
import { startOfDay, timeOfDay } from '../calendar';
import { DAY_MS, HOUR_MS } from '../durations';
import type { Night, PollingItem, VehiclePhase, VehicleState } from './types';

/** Each failure in a row doubles what is wished, up to this. */
const MAX_FAILURES = 5;
/** First wait after a failure; doubles with each further one, ms. */
const FIRST_RETRY_MS = HOUR_MS / 2;
const MAX_RETRY_MS = 12 * HOUR_MS;

const LONG_MS = DAY_MS / 2;

export interface UrgencyTerms {
  readonly night: Night | null;
  readonly activeMs: number;
}

export class Urgency {
  /** Instants at which some night begins or ends, in order, each with what holds from there. */
  private readonly nights: readonly { readonly at: number; readonly isNight: boolean }[];

  /** @param from @param to span over which urgency is computed. */
  constructor(
    private readonly terms: UrgencyTerms,
    from: number,
    to: number,
  ) {
    this.nights = terms.night === null ? [] : nightsOf(terms.night, from, to);
  }

  phaseAt(vehicle: VehicleState | undefined, at: number): VehiclePhase {
    if (vehicle === undefined) return 'idle';
    const { movedAt, plugged } = vehicle;
    if (movedAt !== null && at < movedAt + this.terms.activeMs) return 'active';
    return plugged ? 'plugged' : 'idle';
  }

  /** How old an answer may be, ms. */
  wishedMs(item: PollingItem, vehicle: VehicleState | undefined, at: number): number {
    const fresh = item.freshMs[this.phaseAt(vehicle, at)];
    // What may be old for a day or longer has no hours.
    const factor = fresh < LONG_MS && this.isNight(at) ? (this.terms.night?.factor ?? 1) : 1;
    return fresh * factor * 2 ** Math.min(MAX_FAILURES, item.failures);
  }

  /**
   * When an item is due that was last called at `since`: once its urgency has grown to `stretch`. Infinity when that is
   * not before `end`.
   */
  dueAt(
    item: PollingItem,
    vehicle: VehicleState | undefined,
    since: number,
    stretch: number,
    end: number,
  ): number {
    let urgency = 0;
    let at = since;
    while (at < end) {
      const until = Math.min(end, this.changeAfter(vehicle, at));
      const rate = 1 / this.wishedMs(item, vehicle, at);
      const reached = at + (stretch - urgency) / rate;
      if (reached <= until) return reached;
      urgency += (until - at) * rate;
      at = until;
    }
    return Number.POSITIVE_INFINITY;
  }

  private isNight(at: number): boolean {
    let isNight = false;
    for (const one of this.nights) {
      if (one.at > at) break;
      isNight = one.isNight;
    }
    return isNight;
  }

  private changeAfter(vehicle: VehicleState | undefined, at: number): number {
    const calm = (vehicle?.movedAt ?? Number.NEGATIVE_INFINITY) + this.terms.activeMs;
    const night = this.nights.find((one) => one.at > at)?.at ?? Number.POSITIVE_INFINITY;
    return Math.min(calm > at ? calm : Number.POSITIVE_INFINITY, night);
  }
}

/** Of a day's calls, what may go into asking again for what fails, all of it together. */
const FAILING_SHARE = 0.1;

/**
 * Calls that reads which fail may still use of the span that began at `since`. The first call of each was an ordinary one,
 * so only those that repeated it count.
 * @param count calls of a whole day.
 */
export function failingCallsLeft(items: readonly PollingItem[], count: number, since: number): number {
  const repeated = items.reduce((sum, item) => sum + repeatsSince(item, since) * item.calls, 0);
  return Math.max(0, Math.max(1, Math.floor(FAILING_SHARE * count)) - repeated);
}

function repeatsSince({ failures, failedAt }: PollingItem, since: number): number {
  let at = failedAt ?? Number.NEGATIVE_INFINITY;
  let repeats = 0;
  for (let n = failures; n > 1 && at > since; n--) {
    repeats++;
    at -= retryMs(n - 1);
  }
  return repeats;
}

function retryMs(failures: number): number {
  return Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(20, Math.max(0, failures - 1)));
}

/** When an item that keeps failing may be tried again: at growing distances, so that it cannot use up a day. */
export function retryAt({ failures, failedAt, notBefore }: PollingItem): number {
  const own = failures > 0 && failedAt !== null ? failedAt + retryMs(failures) : Number.NEGATIVE_INFINITY;
  return Math.max(own, notBefore ?? Number.NEGATIVE_INFINITY);
}

function nightsOf({ from, to, zone }: Night, first: number, last: number) {
  const changes: { at: number; isNight: boolean }[] = [];
  if (from === to) return changes;
  for (let day = startOfDay(first - DAY_MS, zone); day <= last; day = startOfDay(day + 36 * HOUR_MS, zone)) {
    changes.push(
      { at: timeOfDay(day, from, zone), isNight: true },
      { at: timeOfDay(day, to, zone), isNight: false },
    );
  }
  return changes.sort((a, b) => a.at - b.at);
}
