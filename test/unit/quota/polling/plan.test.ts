import { planPolling } from '../../../../quota/polling/plan';
import type { PollingBudget, PollingInput, PollingItem } from '../../../../quota/polling/types';
import { retryAt } from '../../../../quota/polling/urgency';
import fc from '../../../support/run/properties';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 10, 29, 9, 17);
const MIDNIGHT = Date.UTC(2026, 10, 30);

const item = (more: Partial<PollingItem> = {}): PollingItem => ({
  vehicleId: 'A',
  read: 'telematics',
  freshMs: { active: 15 * MINUTE, plugged: 30 * MINUTE, idle: 2 * HOUR },
  calls: 1,
  answeredAt: null,
  failures: 0,
  failedAt: null,
  notBefore: null,
  ...more,
});
const calendar = (left = 40): PollingBudget => ({ kind: 'calendar', count: 40, left, until: MIDNIGHT });
const rolling = (spent: readonly number[] = []): PollingBudget => ({
  kind: 'rolling',
  count: 40,
  ms: DAY,
  spent,
});
const input = (more: Partial<PollingInput> = {}): PollingInput => ({
  now: NOW,
  items: [item()],
  vehicles: [{ vehicleId: 'A', movedAt: null, plugged: false }],
  budget: calendar(),
  night: null,
  activeMs: 2 * HOUR,
  setup: [],
  ...more,
});
const gaps = (times: readonly number[]) => times.slice(1).map((at, i) => at - (times[i] ?? 0));

test('what is wished and can be had is planned as wished, and no more', () => {
  const plan = planPolling(input());
  const times = plan.calls.map(({ at }) => at);
  expect(times[0]).toBe(NOW);
  // The plan of the next day begins where that of this one has ended.
  expect(Math.max(...gaps(times))).toBeLessThanOrEqual(2 * HOUR + MINUTE);
  expect(times.length).toBe(12);
  expect(plan.windows[0]).toMatchObject({ stretch: 1, budget: 40 });
  expect(plan.items).toMatchObject([{ calls: 12, wishedMs: 2 * HOUR }]);
});

test('what cannot be had makes all answers older by one factor, and nothing is left over', () => {
  const b = item({ vehicleId: 'B', read: 'tyres', freshMs: { active: HOUR, plugged: HOUR, idle: HOUR } });
  const a = item({ freshMs: { active: 10 * MINUTE, plugged: 10 * MINUTE, idle: 10 * MINUTE } });
  const plan = planPolling(input({ items: [a, b] }));
  const [today] = plan.windows;
  expect(today).toMatchObject({ planned: 40, budget: 40 });
  const stretch = today?.stretch ?? 0;
  expect(stretch).toBeGreaterThan(1);
  const of = (read: string) =>
    plan.calls.filter((one) => one.read === read && one.at < MIDNIGHT).map(({ at }) => at);
  for (const gap of gaps(of('telematics'))) expect(gap / (10 * MINUTE * stretch)).toBeCloseTo(1, 1);
  for (const gap of gaps(of('tyres'))) expect(gap / (HOUR * stretch)).toBeCloseTo(1, 1);
});

test('a vehicle that moved, one that is plugged in, and one that stands, by day and by night', () => {
  const items = ['moved', 'plugged', 'idle'].map((vehicleId) => item({ vehicleId }));
  const vehicles = [
    { vehicleId: 'moved', movedAt: NOW - HOUR, plugged: false },
    { vehicleId: 'plugged', movedAt: null, plugged: true },
    { vehicleId: 'idle', movedAt: null, plugged: false },
  ];
  const night = { from: 22 * 60, to: 6 * 60, zone: 'UTC', factor: 4 };
  const plan = planPolling(
    input({ items, vehicles, night, budget: { ...calendar(500), count: 500 } as PollingBudget }),
  );
  const within = (vehicleId: string, from: number, to: number) =>
    plan.calls.filter((one) => one.vehicleId === vehicleId && one.at >= from && one.at < to).length;
  // Active for one hour more, by quarters of one.
  expect(within('moved', NOW, NOW + HOUR)).toBe(4);
  expect(within('moved', NOW + 2 * HOUR, NOW + 6 * HOUR)).toBe(2);
  expect(within('plugged', NOW + HOUR, NOW + 5 * HOUR)).toBe(8);
  expect(within('plugged', Date.UTC(2026, 10, 30, 0), Date.UTC(2026, 10, 30, 4))).toBe(2);
  expect(within('idle', NOW, NOW + 8 * HOUR)).toBe(4);
});

test('a call that keeps failing is tried at growing distances, and its failures cost the others nothing', () => {
  const failing = item({ read: 'image', failures: 3, failedAt: NOW - MINUTE });
  expect(retryAt(failing) - NOW).toBe(2 * HOUR - MINUTE);
  const alone = planPolling(input());
  const plan = planPolling(input({ items: [item(), failing] }));
  expect(plan.calls.filter(({ read }) => read === 'image').length).toBeLessThanOrEqual(2);
  expect(plan.calls.filter(({ read }) => read === 'telematics').length).toBe(alone.calls.length);
  let attempts = 0;
  let one = item({ failures: 1, failedAt: NOW });
  for (; retryAt(one) < NOW + DAY; attempts++) {
    one = item({ failures: one.failures + 1, failedAt: retryAt(one) });
  }
  expect(attempts).toBeLessThanOrEqual(6);
});

test('an answer in pages is planned with what each of them costs', () => {
  const plan = planPolling(input({ items: [item({ calls: 3 })] }));
  expect(plan.calls.filter(({ at }) => at === NOW).length).toBe(3);
  expect(plan.windows[0]?.planned).toBe(plan.calls.filter(({ at }) => at < MIDNIGHT).length);
  const short = planPolling(input({ items: [item({ calls: 3 })], budget: calendar(2) }));
  expect(short.calls.filter(({ at }) => at < MIDNIGHT)).toEqual([]);
  // In a rolling window, all pages wait until there is room for the last of them.
  const spent = Array.from({ length: 39 }, (_, i) => NOW - 20 * HOUR + i * MINUTE);
  const late = planPolling(input({ items: [item({ calls: 3 })], budget: rolling(spent) }));
  expect(late.calls[0]?.at).toBeGreaterThan((spent[1] ?? 0) + DAY);
  expect(late.calls[0]?.at).toBeLessThan((spent[2] ?? 0) + DAY);
});

test('what answers in pages leave over goes to others', () => {
  for (const left of [9, 10, 11, 12, 13]) {
    const cars = ['A', 'B', 'C'].map((vehicleId) => item({ vehicleId }));
    const paged = ['A', 'B', 'C'].map((vehicleId) => item({ vehicleId, read: 'charging-history', calls: 2 }));
    const plan = planPolling(input({ items: [...cars, ...paged], budget: calendar(left) }));
    expect(plan.windows[0]).toMatchObject({ planned: left, budget: left });
  }
  // Fewer than what was never read would take: what fits is read.
  const never = ['A', 'B', 'C'].flatMap((vehicleId) => [
    item({ vehicleId, read: 'charging-history', calls: 2 }),
    item({ vehicleId, read: 'tyres' }),
  ]);
  expect(planPolling(input({ items: never, budget: calendar(5) })).windows[0]).toMatchObject({
    planned: 5,
    stretch: null,
  });
});

test('whatever fails, and however many reads do, asking again costs a tenth of a day at most', () => {
  const reads = Array.from({ length: 30 }, (_, i) => `read ${i}`);
  let items = reads.map((read) => item({ read, failures: 1, failedAt: NOW }));
  let asked = 0;
  for (let now = NOW; now < NOW + DAY; ) {
    const { calls } = planPolling(input({ now, items, budget: rolling() }));
    const [next] = calls;
    if (next === undefined) break;
    now = Math.max(next.at, now + MINUTE);
    if (now >= NOW + DAY) break;
    asked++;
    items = items.map((one) =>
      one.read === next.read ? { ...one, failures: one.failures + 1, failedAt: now } : one,
    );
  }
  expect(asked).toBeGreaterThanOrEqual(1);
  expect(asked).toBeLessThanOrEqual(4);
});

test('what is needed first comes first and is counted; nothing left is nothing planned', () => {
  const plan = planPolling(input({ setup: ['container-list', 'container-create'] }));
  expect(plan.calls.slice(0, 3).map(({ read }) => read)).toEqual([
    'container-list',
    'container-create',
    'telematics',
  ]);
  expect(planPolling(input({ budget: calendar(0) })).calls.every(({ at }) => at >= MIDNIGHT)).toBe(true);
  expect(planPolling(input({ items: [] })).calls).toEqual([]);
});

test('nothing is planned before a closed pool opens', () => {
  for (const budget of [calendar(), rolling()]) {
    const until = NOW + 3 * HOUR;
    const { calls } = planPolling(input({ budget, closedUntil: until }));
    expect(calls[0]?.at).toBe(until);
    expect(planPolling(input({ budget, closedUntil: MIDNIGHT + 5_000 })).calls[0]?.at).toBeGreaterThan(
      MIDNIGHT,
    );
    expect(planPolling(input({ budget, closedUntil: Number.POSITIVE_INFINITY }))).toMatchObject({
      calls: [],
      windows: [],
    });
  }
});

test('the plan goes on after a restart: made again a moment after a call, it has the same calls left', () => {
  const first = planPolling(input({ budget: calendar(20) }));
  const second = first.calls[1];
  if (!second) throw new Error('no second call');
  const later = planPolling(
    input({ now: NOW + MINUTE, items: [item({ answeredAt: NOW })], budget: calendar(19) }),
  );
  expect(later.calls[0]?.at).toBe(second.at);
});

describe('for any wishes, history and budget', () => {
  const arbitraryItem = fc.record({
    vehicleId: fc.constantFrom('A', 'B', 'C'),
    read: fc.constantFrom('telematics', 'tyres', 'image', 'basic-data'),
    freshMs: fc
      .tuple(
        fc.integer({ min: 1, max: 3000 }),
        fc.integer({ min: 1, max: 3000 }),
        fc.integer({ min: 1, max: 3000 }),
      )
      .map(([a, p, i]) => ({ active: a * MINUTE, plugged: p * MINUTE, idle: i * MINUTE })),
    calls: fc.constantFrom(1, 1, 1, 3),
    answeredAt: fc.option(fc.integer({ min: 0, max: 3000 }).map((ago) => NOW - ago * MINUTE)),
    failures: fc.integer({ min: 0, max: 9 }),
    failedAt: fc.option(fc.integer({ min: 0, max: 600 }).map((ago) => NOW - ago * MINUTE)),
    notBefore: fc.option(fc.integer({ min: -100, max: 600 }).map((later) => NOW + later * MINUTE)),
  });
  const items = fc.uniqueArray(arbitraryItem, {
    maxLength: 8,
    selector: ({ vehicleId, read }) => `${vehicleId} ${read}`,
  });
  const vehicles = fc.array(
    fc.record({
      vehicleId: fc.constantFrom('A', 'B', 'C'),
      movedAt: fc.option(fc.integer({ min: 0, max: 500 }).map((ago) => NOW - ago * MINUTE)),
      plugged: fc.boolean(),
    }),
    { maxLength: 3 },
  );
  const night = fc.option(
    fc.record({
      from: fc.integer({ min: 0, max: 1439 }),
      to: fc.integer({ min: 0, max: 1439 }),
      zone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York'),
      factor: fc.integer({ min: 1, max: 8 }),
    }),
  );

  test('a calendar day never holds more than its budget, which is used up where answers become older than wished', () => {
    fc.assert(
      fc.property(items, vehicles, night, fc.integer({ min: 0, max: 40 }), (all, cars, hours, left) => {
        const plan = planPolling(input({ items: all, vehicles: cars, night: hours, budget: calendar(left) }));
        const today = plan.calls.filter(({ at }) => at < MIDNIGHT);
        expect(today.length).toBeLessThanOrEqual(left);
        expect(plan.calls.length - today.length).toBeLessThanOrEqual(40);
        expect(plan.calls.every(({ at }) => at >= NOW && at < NOW + DAY)).toBe(true);
        expect(gaps(plan.calls.map(({ at }) => at)).every((gap) => gap >= 0)).toBe(true);
        for (const one of plan.windows) {
          expect(one.planned).toBeLessThanOrEqual(one.budget);
          // What has several pages may leave one or two calls that no whole answer fits into.
          if (one.stretch === null || one.stretch > 1)
            expect(one.planned).toBeGreaterThanOrEqual(Math.floor(0.98 * one.budget) - 2);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('no window of 24 hours, wherever it lies, holds more than its budget with what was spent before', () => {
    const history = fc
      .array(fc.integer({ min: 1, max: 1439 }), { maxLength: 40 })
      .map((ago) => ago.map((minutes) => NOW - minutes * MINUTE).sort((a, b) => a - b));
    fc.assert(
      fc.property(items, vehicles, night, history, (all, cars, hours, spent) => {
        const plan = planPolling(input({ items: all, vehicles: cars, night: hours, budget: rolling(spent) }));
        const times = [...spent, ...plan.calls.map(({ at }) => at)];
        for (const at of times) {
          expect(times.filter((one) => one > at - DAY && one <= at).length).toBeLessThanOrEqual(40);
        }
      }),
      { numRuns: 60 },
    );
  });
});
