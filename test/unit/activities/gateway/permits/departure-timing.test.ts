/** Telling the database's time, and telling a call that was held up from one whose vendor is far. */

import { DbClock } from '../../../../../activities/gateway/permits/db-clock';
import { Transit } from '../../../../../activities/gateway/permits/transit';
import fc from '../../../../support/run/properties';

describe('DbClock', () => {
  const legs = fc.record({
    pause: fc.double({ min: 0, max: 1000, noNaN: true }),
    there: fc.double({ min: 0.05, max: 30, noNaN: true }),
    back: fc.double({ min: 0.05, max: 30, noNaN: true }),
  });

  test('is never off by more than the slower half of the fastest round trip, whatever the slow ones do', () => {
    fc.assert(
      fc.property(fc.array(legs, { minLength: 1, maxLength: 50 }), fc.integer(), (trips, offset) => {
        let local = 0;
        const clock = new DbClock(() => local);
        let best = Number.POSITIVE_INFINITY;
        for (const { pause, there, back } of trips) {
          local += pause;
          const askedAt = local;
          local += there + back;
          clock.observe(askedAt, local, askedAt + there + offset);
          best = Math.min(best, (there + back) / 2);
          // 50 ppm of the time that has passed is allowed for drift.
          expect(Math.abs(clock.now() - (local + offset))).toBeLessThanOrEqual(best + local * 50e-6 + 1e-6);
        }
      }),
    );
  });

  test('follows a clock that was stepped', () => {
    let local = 0;
    const clock = new DbClock(() => local);
    clock.observe(0, 1, 1_000_000);
    local = 100;
    clock.observe(99, 100, 2_000_000);
    expect(clock.now()).toBeCloseTo(2_000_000.5, 3);
  });

  test('is vague at first, and again after a pause that only a slow answer has ended', () => {
    let local = 0;
    const clock = new DbClock(() => local);
    expect(clock.now()).toBeNaN();
    for (let i = 0; i < 6; i++) {
      expect(clock.vague).toBe(true);
      local += 1;
      clock.observe(local - 1, local, local);
    }
    expect(clock.vague).toBe(false);
    local += 3_600_000;
    clock.observe(local - 50, local, local - 25);
    expect(clock.vague).toBe(true);
  });
});

describe('Transit', () => {
  const seen = (times: readonly number[]) => {
    const transit = new Transit();
    for (const t of times) transit.note(t, 5);
    return transit;
  };
  const steady = (ms: number) => Array.from({ length: 64 }, (_, i) => ms + (i % 3));

  test('a call that took longer than usual by more than the tolerance may have arrived late', () => {
    expect(seen(steady(1)).note(5, 5)).toBe(0);
    expect(seen(steady(1)).note(7, 5)).toBe(6);
  });

  test('a far vendor is not late', () => {
    expect(seen(steady(180)).note(183, 5)).toBe(0);
  });

  test('of a late call only what it took longer than the fastest can have gone by before it arrived', () => {
    // Booked at its answer, each call of a vendor that takes 180 ms would cost the limit that time.
    expect(seen(steady(180)).note(190, 5)).toBe(10);
  });

  test('a vendor whose answers vary says nothing about arrivals', () => {
    const varied = Array.from({ length: 64 }, (_, i) => 50 + (i % 16) * 10);
    expect(seen(varied).note(400, 5)).toBe(0);
  });

  test('until something is usual, every slow call counts as late', () => {
    expect(new Transit().note(4, 5)).toBe(0);
    expect(new Transit().note(30, 5)).toBe(30);
  });
});
