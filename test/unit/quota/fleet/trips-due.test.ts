import {
  dueForTrips,
  settledUntil,
  type TripsDevice,
  type TripsPolicy,
  tripsSpan,
} from '../../../../quota/fleet/trips-due';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MIDNIGHT = Date.parse('2026-11-20T16:00:00Z');
const NOON = MIDNIGHT + 12 * HOUR;
const POLICY: TripsPolicy = { overlapMs: 2 * HOUR, maxSpanMs: DAY, firstSpanMs: DAY };

const device = (deviceId: string, change: Partial<TripsDevice> = {}): TripsDevice => ({
  deviceId,
  movedAt: null,
  askedAt: NOON - 5 * HOUR,
  coveredUntil: NOON - 7 * HOUR,
  callsADay: 5,
  callsLeft: 5,
  resetsAt: MIDNIGHT + DAY,
  ...change,
});
const due = (devices: readonly TripsDevice[], now = NOON) => dueForTrips(devices, POLICY, now);

describe('a device is due', () => {
  test('when its trips were never requested', () => {
    expect(due([device('a', { askedAt: null, coveredUntil: null })])).toEqual(['a']);
  });

  test('again when the first ask was in vain, but not in every cycle', () => {
    expect(due([device('a', { askedAt: NOON - HOUR, coveredUntil: null })])).toEqual([]);
    expect(due([device('a', { askedAt: NOON - 5 * HOUR, coveredUntil: null })])).toEqual(['a']);
  });

  test('when it has moved since its trips were covered, and not when it has not', () => {
    expect(due([device('moved', { movedAt: NOON - HOUR }), device('still')])).toEqual(['moved']);
    expect(due([device('before', { movedAt: NOON - 8 * HOUR })])).toEqual([]);
  });

  test('still or not, before one call can no longer reach what is covered', () => {
    const still = device('a', { askedAt: NOON - 20 * HOUR, coveredUntil: NOON - 22 * HOUR });
    expect(due([still])).toEqual(['a']);
    expect(due([still], NOON - MINUTE)).toEqual([]);
    const { from, to } = tripsSpan(still.coveredUntil, POLICY, NOON);
    expect([to, to - from]).toEqual([NOON, DAY]);
  });

  test('not when its calls of the day are used up, however overdue it is', () => {
    expect(due([device('a', { movedAt: NOON, askedAt: NOON - DAY, callsLeft: 0.5 })])).toEqual([]);
  });

  test('again with its share of the day between: what is left may not be gone by noon', () => {
    const moving = { movedAt: NOON };
    expect(due([device('a', { ...moving, askedAt: NOON - 4.7 * HOUR })])).toEqual([]);
    expect(due([device('b', { ...moving, askedAt: NOON - 4.8 * HOUR })])).toEqual(['b']);
    // History has taken three of the five: the two that are left have to last.
    expect(due([device('c', { ...moving, askedAt: NOON - 5 * HOUR, callsLeft: 2 })])).toEqual([]);
    expect(due([device('d', { ...moving, askedAt: NOON - 6 * HOUR, callsLeft: 2 })])).toEqual(['d']);
  });

  test('in every cycle while it moves, when the limit is wide', () => {
    const wide = { callsADay: 200, callsLeft: 150, movedAt: NOON - MINUTE };
    expect(due([device('a', { ...wide, askedAt: NOON - 15 * MINUTE })])).toEqual(['a']);
    expect(due([device('b', { ...wide, movedAt: null, askedAt: NOON - 15 * MINUTE })])).toEqual([]);
  });
});

test('the most overdue goes first', () => {
  const devices = [
    device('late', { movedAt: NOON - HOUR, askedAt: NOON - 6 * HOUR }),
    device('later', { movedAt: NOON - 5 * HOUR, askedAt: NOON - 11 * HOUR }),
    device('new', { askedAt: null, coveredUntil: null }),
  ];
  expect(due(devices)).toEqual(['new', 'later', 'late']);
});

test('a moving device of five calls a day is called five times a day, evenly', () => {
  const asked: number[] = [];
  let state = device('a', { askedAt: MIDNIGHT - 4.8 * HOUR, coveredUntil: MIDNIGHT - 7 * HOUR });
  for (let now = MIDNIGHT; now < MIDNIGHT + DAY; now += 15 * MINUTE) {
    state = { ...state, movedAt: now };
    if (due([state], now).length === 0) continue;
    asked.push(now);
    state = { ...state, askedAt: now, coveredUntil: now - 2 * HOUR, callsLeft: state.callsLeft - 1 };
  }
  const pauses = asked.slice(1).map((at, i) => (at - (asked[i] ?? 0)) / HOUR);
  expect(asked).toHaveLength(5);
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(4.8);
  expect(asked.at(-1)).toBeGreaterThan(MIDNIGHT + 18 * HOUR);
});

describe('the span of a call', () => {
  test('goes from behind what is covered to now', () => {
    expect(tripsSpan(NOON - 3 * HOUR, POLICY, NOON)).toEqual({ from: NOON - 5 * HOUR, to: NOON });
  });

  test('is cut to the longest one from its beginning: after days without a worker nothing is left out', () => {
    const from = NOON - 3 * DAY - 2 * HOUR;
    expect(tripsSpan(NOON - 3 * DAY, POLICY, NOON)).toEqual({ from, to: from + DAY });
  });

  test('of a device never covered reaches back as far as configured', () => {
    const policy = { ...POLICY, firstSpanMs: 6 * HOUR };
    expect(tripsSpan(null, policy, NOON)).toEqual({ from: NOON - 6 * HOUR, to: NOON });
  });
});

describe('an answer is final', () => {
  const until = NOON - 2 * HOUR;
  const settled = (openSince: number | null) => settledUntil(until, openSince, POLICY, NOON);

  test('until where nothing comes late any more', () => {
    expect(settled(null)).toBe(until);
    expect(settled(NOON - HOUR)).toBe(until);
  });

  test('until the start of a trip that has no end yet, so that the next call asks for it again', () => {
    expect(settled(NOON - 9 * HOUR)).toBe(NOON - 9 * HOUR);
    const next = NOON + 4 * HOUR;
    expect(tripsSpan(settled(NOON - 9 * HOUR), POLICY, next)).toEqual({ from: NOON - 11 * HOUR, to: next });
  });

  test('past a trip that never ends: trips of now are worth more', () => {
    expect(settled(NOON - 23 * HOUR)).toBe(until);
  });
});
