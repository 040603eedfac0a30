/**
 * A day of polling under a budget. Each item is called when its answer reaches the wanted age; where the budget is too
 * small for that, all ages grow by the same factor, the smallest with which the budget lasts. So no vehicle and no read
 * starves, and nothing that could be spent is left. Pure: the same input makes the same plan, so that whoever makes it
 * again after a restart goes on with it.
 *
 * A calendar day's budget is planned for that day and ends with it; in a rolling window the calls of the next 24 hours are
 * planned, each not before an earlier one has left the window.
 */
import { DAY_MS, SECOND_MS } from '../durations';
import type {
  ItemOutlook,
  PlannedCall,
  PlannedWindow,
  PollingBudget,
  PollingInput,
  PollingItem,
  PollingPlan,
  VehicleState,
} from './types';
import { failingCallsLeft, retryAt, Urgency } from './urgency';

/** Between two calls, ms: nothing is gained by haste. */
const SPACING_MS = 5 * SECOND_MS;
/** Kept clear of the edges of windows, for the vendor's clock is not ours, ms. */
const EDGE_MS = 10 * SECOND_MS;
/** A stretch beyond this is no plan any more. */
const MAX_STRETCH = 1e6;

interface Track {
  readonly item: PollingItem;
  readonly vehicle: VehicleState | undefined;
  /** When it was last called; null: never. */
  asked: number | null;
  notBefore: number;
}

interface Span {
  readonly from: number;
  readonly to: number;
  readonly calls: number;
  /** Of these, what reads that fail may use. */
  readonly failing: number;
  /** When `n` more calls may be made at the earliest, given those of the plan so far. */
  readonly earliest: (planned: readonly number[], at: number, n: number) => number;
}

/** @returns the calls of the 24 hours from now, in order. */
export function planPolling(input: PollingInput): PollingPlan {
  const from = input.now;
  const to = from + DAY_MS;
  const spans = spansOf(input, Math.max(from, input.closedUntil ?? from), to);
  const end = Math.max(to, ...spans.map((span) => span.to));
  const urgency = new Urgency(input, from - DAY_MS, end + DAY_MS);
  const vehicles = new Map(input.vehicles.map((vehicle) => [vehicle.vehicleId, vehicle]));
  let tracks: readonly Track[] = input.items.map((item): Track => {
    const asked = item.failures > 0 ? maxOf(item.answeredAt, item.failedAt) : item.answeredAt;
    return { item, vehicle: vehicles.get(item.vehicleId), asked, notBefore: retryAt(item) };
  });
  const calls: PlannedCall[] = [];
  const windows: PlannedWindow[] = [];
  let setup = input.setup;
  for (const span of spans) {
    const first: PlannedCall[] = [];
    for (const read of setup.slice(0, span.calls)) {
      const earlier = first.map(({ at }) => at);
      const at = span.earliest(earlier, span.from + first.length * SPACING_MS, 1);
      first.push({ at, vehicleId: '', read });
    }
    setup = setup.slice(first.length);
    const best = bestSchedule(tracks, urgency, span, first);
    tracks = best.tracks;
    calls.push(...best.calls);
    windows.push({
      from: span.from,
      to: span.to,
      budget: span.calls,
      planned: best.calls.length,
      stretch: best.fits ? best.stretch : null,
    });
  }
  const shown = calls.filter(({ at }) => at < to);
  const items = input.items.map((item) =>
    outlookOf(
      item,
      shown,
      urgency.wishedMs({ ...item, failures: 0 }, vehicles.get(item.vehicleId), from),
      input,
      to,
    ),
  );
  return { from, to, calls: shown, windows, items };
}

interface Schedule {
  readonly calls: readonly PlannedCall[];
  readonly tracks: readonly Track[];
  readonly stretch: number;
  readonly fits: boolean;
}

/** The least stretch that fits; what is then left over goes to single items, first come, first served. */
function bestSchedule(
  tracks: readonly Track[],
  urgency: Urgency,
  span: Span,
  first: readonly PlannedCall[],
): Schedule {
  const at = (stretches: readonly number[]) => scheduleOf(tracks, urgency, span, first, stretches);
  const even = (stretch: number) => at(tracks.map(() => stretch));
  const asWished = even(1);
  if (asWished.fits) return asWished;
  let low = 1;
  let high = 2;
  while (high < MAX_STRETCH && !even(high).fits) {
    low = high;
    high *= 2;
  }
  for (let i = 0; i < 40 && high - low > 1e-6 * high; i++) {
    const middle = (low + high) / 2;
    if (even(middle).fits) high = middle;
    else low = middle;
  }
  let stretches = tracks.map(() => high);
  let best = even(high);
  for (let i = 0; i < tracks.length && best.calls.length < span.calls; i++) {
    const tried = stretches.map((stretch, k) => (k === i ? low : stretch));
    const schedule = at(tried);
    if (!schedule.fits) continue;
    stretches = tried;
    best = schedule;
  }
  // What an answer in pages did not fit into, one more answer of a single call may.
  for (let i = 0; i < tracks.length && best.calls.length < span.calls; i++) {
    if ((tracks[i]?.item.calls ?? 1) > span.calls - best.calls.length) continue;
    for (let stretch = low; stretch > low / 10; stretch *= 0.95) {
      const tried = stretches.map((other, k) => (k === i ? stretch : other));
      const schedule = at(tried);
      if (!schedule.fits) break;
      if (schedule.calls.length === best.calls.length) continue;
      stretches = tried;
      best = schedule;
      break;
    }
  }
  return { ...best, stretch: high };
}

function scheduleOf(
  tracks: readonly Track[],
  urgency: Urgency,
  span: Span,
  first: readonly PlannedCall[],
  stretches: readonly number[],
): Schedule {
  const state = tracks.map((track) => ({ ...track }));
  const calls = [...first];
  let failing = span.failing;
  let fits = true;
  const times = first.map(({ at }) => at);
  const dueOf = (track: Track, stretch: number) => {
    const due =
      track.asked === null
        ? span.from
        : urgency.dueAt(track.item, track.vehicle, track.asked, stretch, span.to);
    return Math.max(span.from, due, track.notBefore);
  };
  const dues = state.map((track, i) => dueOf(track, stretches[i] ?? 1));
  for (;;) {
    let next = -1;
    for (let i = 0; i < dues.length; i++) {
      if ((dues[i] ?? Number.POSITIVE_INFINITY) < (dues[next] ?? Number.POSITIVE_INFINITY)) next = i;
    }
    const track = state[next];
    const due = dues[next];
    if (track === undefined || due === undefined) break;
    const after = times.at(-1);
    const { vehicleId, read, calls: cost, failures } = track.item;
    const soonest = Math.max(due, after === undefined ? due : after + SPACING_MS);
    const at = Math.ceil(span.earliest(times, soonest, cost));
    if (at >= span.to) break;
    if (failures > 0 && cost > failing) {
      dues[next] = Number.POSITIVE_INFINITY;
      continue;
    }
    if (calls.length + cost > span.calls) {
      // Others may be had with less.
      fits = false;
      if (calls.length >= span.calls) break;
      dues[next] = Number.POSITIVE_INFINITY;
      continue;
    }
    if (failures > 0) failing -= cost;
    for (let page = 0; page < cost; page++) {
      calls.push({ at, vehicleId, read });
      times.push(at);
    }
    track.asked = at;
    track.notBefore = Number.NEGATIVE_INFINITY;
    dues[next] = dueOf(track, stretches[next] ?? 1);
  }
  return { calls, tracks: state, stretch: stretches[0] ?? 1, fits };
}

function spansOf({ budget, items, now }: PollingInput, from: number, to: number): Span[] {
  const fresh = failingCallsLeft([], budget.count, now);
  const failing = failingCallsLeft(items, budget.count, now - DAY_MS);
  if (budget.kind === 'rolling') {
    const span = { from, to, calls: budget.count, failing, earliest: inRollingWindow(budget) };
    return to > from ? [span] : [];
  }
  const spans: Span[] = [];
  const anyTime = (_: readonly number[], at: number) => at;
  const first = Math.max(now, Math.min(budget.until, now + DAY_MS));
  const left = Math.max(0, Math.floor(budget.left));
  spans.push({ from, to: first - EDGE_MS, calls: left, failing, earliest: anyTime });
  for (let day = first; day < to; day += DAY_MS) {
    spans.push({
      from: Math.max(from, day + EDGE_MS),
      to: day + DAY_MS - EDGE_MS,
      calls: Math.floor(budget.count),
      failing: fresh,
      earliest: anyTime,
    });
  }
  return spans.filter((span) => span.to > span.from);
}

/** Not before so many of the calls made and planned have left that there is room for `n` more. */
function inRollingWindow({ count, ms, spent }: Extract<PollingBudget, { kind: 'rolling' }>) {
  return (planned: readonly number[], at: number, n: number): number => {
    const whole = Math.floor(count);
    if (whole < n) return Number.POSITIVE_INFINITY;
    const all = [...spent, ...planned];
    const blocking = all[all.length - whole + n - 1];
    return blocking === undefined ? at : Math.max(at, blocking + ms + EDGE_MS);
  };
}

function outlookOf(
  item: PollingItem,
  calls: readonly PlannedCall[],
  wishedMs: number,
  { now }: PollingInput,
  to: number,
): ItemOutlook {
  const own = calls.filter(({ vehicleId, read }) => vehicleId === item.vehicleId && read === item.read);
  const answers = [...(item.answeredAt === null ? [] : [item.answeredAt]), ...own.map(({ at }) => at)];
  const ends = [...answers.slice(1), to];
  const begin = item.answeredAt === null ? (answers[0] ?? to) : now;
  let oldestMs: number | null = null;
  let area = 0;
  for (const [i, answered] of answers.entries()) {
    const end = ends[i] ?? to;
    const start = Math.max(begin, answered);
    if (end <= start) continue;
    oldestMs = Math.max(oldestMs ?? 0, end - answered);
    area += ((end - answered) ** 2 - (start - answered) ** 2) / 2;
  }
  const meanMs = oldestMs === null || to <= begin ? null : area / (to - begin);
  return { vehicleId: item.vehicleId, read: item.read, calls: own.length, wishedMs, oldestMs, meanMs };
}

function maxOf(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.max(a, b);
}
