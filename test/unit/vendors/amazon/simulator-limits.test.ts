/** The simulators judge whether limits were kept, so their own accounting is checked against definitions. */

import { nextBoundary } from '../../../../quota/calendar';
import { judgeArrivals } from '../../../../vendors/kit/judge/judge';
import { LimitBook, type VendorLimit } from '../../../../vendors/kit/judge/limit-book';
import { createMeter, type Meter, type VendorWindow } from '../../../../vendors/kit/judge/meters';
import fc from '../../../support/run/properties';

const T0 = Date.UTC(2026, 4, 20, 12, 0);

/** Arrivals with gaps from "at once" to "long after", as epoch ms. */
const arrivals = fc
  .array(
    fc.oneof(fc.constant(0), fc.double({ min: 0, max: 50, noNaN: true }), fc.integer({ min: 0, max: 5000 })),
    {
      minLength: 1,
      maxLength: 120,
    },
  )
  .map((gaps) => {
    let at = T0;
    return gaps.map((gap) => {
      at += gap;
      return at;
    });
  });

/** Arrivals that the meter lets in, each charged as it is. */
function admitted(meter: Meter, times: readonly number[]): number[] {
  return times.filter((at) => {
    if (!meter.fits(at, 1)) return false;
    meter.charge(at, 1);
    return true;
  });
}

/** The most units in any window that ends with an arrival, straight from the definition, O(n²). */
function worstByDefinition(window: VendorWindow, times: readonly number[]): number {
  let worst = 0;
  times.forEach((end, j) => {
    times.slice(0, j + 1).forEach((start, i) => {
      const units = j - i + 1;
      if (window.kind === 'token-bucket') {
        worst = Math.max(worst, units - ((end - start) * window.ratePerSecond) / 1000);
      } else if (window.kind === 'rolling' || window.kind === 'spacing') {
        if (start + window.ms > end) worst = Math.max(worst, units);
      }
    });
  });
  return worst;
}

const windows = fc.oneof(
  fc.record({
    kind: fc.constant('token-bucket' as const),
    ratePerSecond: fc.double({ min: 0.01, max: 2000, noNaN: true }),
    burst: fc.integer({ min: 1, max: 20 }),
  }),
  fc.record({
    kind: fc.constant('rolling' as const),
    count: fc.integer({ min: 1, max: 20 }),
    ms: fc.integer({ min: 1, max: 20_000 }),
  }),
  fc.record({ kind: fc.constant('spacing' as const), ms: fc.integer({ min: 1, max: 5000 }) }),
);

const allowed = (w: VendorWindow) =>
  w.kind === 'token-bucket' ? w.burst : w.kind === 'spacing' ? 1 : w.count;

/** What a bucket refills in the 0.002 ms that an instant cannot be measured more exactly than. */
const rounding = (w: VendorWindow) => (w.kind === 'token-bucket' ? w.ratePerSecond * 2e-6 : 0);

describe('a meter', () => {
  test('never lets in more than any window may hold', () => {
    fc.assert(
      fc.property(windows, arrivals, (window, times) => {
        const inside = admitted(createMeter(window, T0), times);
        expect(worstByDefinition(window, inside)).toBeLessThanOrEqual(allowed(window) + rounding(window));
      }),
    );
  });

  test('refuses only what would not fit: adding a refused call breaks the definition', () => {
    fc.assert(
      fc.property(windows, arrivals, (window, times) => {
        const meter = createMeter(window, T0);
        const inside: number[] = [];
        for (const at of times) {
          if (meter.fits(at, 1)) {
            meter.charge(at, 1);
            inside.push(at);
          } else {
            expect(worstByDefinition(window, [...inside, at])).toBeGreaterThan(allowed(window));
          }
        }
      }),
    );
  });

  test('says how long a refused call has to wait: not before, and then it fits', () => {
    fc.assert(
      fc.property(windows, arrivals, (window, times) => {
        const meter = createMeter(window, T0);
        const inside = admitted(meter, times);
        const at = inside.at(-1) ?? T0;
        const wait = meter.waitMs(at, 1);
        // Five microseconds on either side, for instants are rounded.
        if (wait > 0.01) expect(meter.fits(at + wait - 0.005, 1)).toBe(false);
        expect(meter.fits(at + wait + 0.005, 1)).toBe(true);
      }),
    );
  });

  test('a bucket does not drift: an hour at exactly its rate is let in, call by call', () => {
    const meter = createMeter({ kind: 'token-bucket', ratePerSecond: 0.3, burst: 1 }, T0);
    const times = Array.from({ length: 1080 }, (_, i) => T0 + (i * 1000) / 0.3);
    expect(admitted(meter, times)).toHaveLength(1080);
  });

  test('a rolling window is open at its start: the call of t has left at t + ms', () => {
    const meter = createMeter({ kind: 'rolling', count: 2, ms: 1000 }, T0);
    expect(admitted(meter, [T0, T0 + 1, T0 + 999.9, T0 + 1000, T0 + 1000.5, T0 + 1001])).toEqual([
      T0,
      T0 + 1,
      T0 + 1000,
      T0 + 1001,
    ]);
  });

  test('calendar days end at midnight of their zone, and the hour that is repeated counts twice', () => {
    const meter = createMeter({ kind: 'calendar', count: 1, per: 'day', zone: 'Europe/Berlin' }, T0);
    const midnight = Date.UTC(2026, 4, 20, 22, 0);
    expect(admitted(meter, [T0, midnight - 1, midnight, midnight + 1])).toEqual([T0, midnight]);
    // The end of summer time: 02:00 to 03:00 comes twice, so that 2 h hold three boundaries.
    const first = Date.UTC(2026, 9, 25, 0, 0);
    expect(nextBoundary(first, 'hour', 'Europe/Berlin')).toBe(first + 3_600_000);
    expect(nextBoundary(first, 'day', 'Europe/Berlin')).toBe(Date.UTC(2026, 9, 25, 23, 0));
    expect(nextBoundary(first, 'month', 'UTC')).toBe(Date.UTC(2026, 10, 1));
    expect(nextBoundary(T0 + 30_500.25, 'minute', 'UTC')).toBe(T0 + 60_000);
  });

  test('a vendor-stated reset comes at its stated time, and regularly from then on', () => {
    const meter = createMeter({ kind: 'vendor-reset', count: 2, everyMs: 10_000 }, T0);
    meter.setReset?.(T0 + 500);
    expect(
      admitted(
        meter,
        [0, 1, 2, 499, 500, 501, 502, 10_499, 10_500].map((ms) => T0 + ms),
      ),
    ).toEqual([0, 1, 500, 501, 10_500].map((ms) => T0 + ms));
  });

  test('a limit that is changed keeps what it has counted', () => {
    const before = createMeter({ kind: 'token-bucket', ratePerSecond: 1, burst: 10 }, T0);
    for (let i = 0; i < 8; i++) before.charge(T0, 1);
    const after = createMeter({ kind: 'token-bucket', ratePerSecond: 2, burst: 10 }, T0, before);
    expect(after.usage(T0)).toBeCloseTo(8, 3);
    expect(after.usage(T0 + 1000)).toBeCloseTo(6, 3);
  });
});

describe('the judge of a log', () => {
  test('finds the worst window that the definition has', () => {
    fc.assert(
      fc.property(windows, arrivals, (window, times) => {
        const judged = judgeArrivals(window, times);
        expect(judged.worst).toBeCloseTo(worstByDefinition(window, times), 4);
      }),
    );
  });

  test('agrees with the meters about what was let in', () => {
    fc.assert(
      fc.property(windows, arrivals, (window, times) => {
        expect(judgeArrivals(window, admitted(createMeter(window, T0), times)).kept).toBe(true);
      }),
    );
  });

  test('counts calendar units one by one', () => {
    const window = { kind: 'calendar', count: 2, per: 'minute', zone: 'UTC' } as const;
    const kept = [0, 59_999, 60_000, 60_001].map((ms) => T0 + ms);
    expect(judgeArrivals(window, kept)).toMatchObject({ worst: 2, kept: true });
    expect(judgeArrivals(window, [...kept, T0 + 119_999])).toMatchObject({
      worst: 3,
      worstAt: T0 + 119_999,
      kept: false,
    });
  });
});

describe('a book of limits', () => {
  const perAccount: VendorLimit = {
    name: 'account',
    operations: '*',
    scope: '{account}',
    window: { kind: 'rolling', count: 2, ms: 1000 },
  };
  const perDevice: VendorLimit = {
    name: 'device',
    operations: ['track'],
    scope: '{account}/{device}',
    window: { kind: 'rolling', count: 1, ms: 1000 },
  };
  const call = (operation: string, device: string) => ({
    operation,
    account: 'a',
    attributes: { device },
  });

  test('charges all limits of a call or none', () => {
    const book = new LimitBook([perAccount, perDevice]);
    expect(book.admit(call('track', '1'), T0)).toBeNull();
    expect(book.admit(call('track', '1'), T0 + 10)).toEqual({ limit: 'device', waitMs: 990 });
    expect(book.admit(call('track', '2'), T0 + 20)).toBeNull();
    expect(book.admit(call('list', '1'), T0 + 30)).toEqual({ limit: 'account', waitMs: 970 });
    expect(book.admit(call('list', '1'), T0 + 1000)).toBeNull();
  });

  test('can count refused calls against the caller', () => {
    const book = new LimitBook([{ ...perAccount, countsRefused: true }]);
    for (const ms of [0, 1, 2]) book.admit(call('list', '1'), T0 + ms);
    expect(book.admit(call('list', '1'), T0 + 1000.5)).toMatchObject({ limit: 'account' });
  });

  test('counts other units, and books what was used beyond the estimate', () => {
    const tokens: VendorLimit = {
      name: 'tokens',
      operations: '*',
      scope: '{account}',
      unit: 'tokens',
      window: { kind: 'token-bucket', ratePerSecond: 100, burst: 1000 },
    };
    const book = new LimitBook([tokens]);
    const asking = (n: number) => ({ ...call('responses', '1'), units: { tokens: n } });
    expect(book.admit(asking(600), T0)).toBeNull();
    book.book('tokens', asking(0), 300, T0);
    expect(book.state('tokens', asking(0), T0)?.remaining).toBeCloseTo(100, 3);
    expect(book.admit(asking(200), T0)?.waitMs).toBeCloseTo(1000, 1);
    expect(book.admit(asking(2000), T0)?.waitMs).toBe(Number.POSITIVE_INFINITY);
  });

  test('reports the worst window with refused calls in it, and how many it refused', () => {
    const book = new LimitBook([perAccount]);
    for (const ms of [0, 100, 200, 300, 2000]) book.admit(call('list', '1'), T0 + ms);
    expect(book.report(T0 + 2000)).toEqual([
      expect.objectContaining({
        limit: 'account',
        scope: 'a',
        allowed: 2,
        inUse: 1,
        worst: 4,
        worstAt: T0 + 300,
        arrivals: 5,
        violations: 2,
      }),
    ]);
  });

  test('decides after a replay as if it had never stopped', () => {
    fc.assert(
      fc.property(arrivals, fc.nat(), (times, cut) => {
        const live = new LimitBook([perAccount, perDevice]);
        const verdicts = times.map((at, i) => live.admit(call('track', String(i % 3)), at) !== null);
        const restarted = new LimitBook([perAccount, perDevice]);
        const half = cut % (times.length + 1);
        times.slice(0, half).forEach((at, i) => {
          restarted.replay(call('track', String(i % 3)), at, verdicts[i] === true);
        });
        const rest = times
          .slice(half)
          .map((at, i) => restarted.admit(call('track', String((i + half) % 3)), at) !== null);
        expect(rest).toEqual(verdicts.slice(half));
        const end = times.at(-1) ?? T0;
        expect(restarted.report(end)).toEqual(live.report(end));
      }),
    );
  });
});
