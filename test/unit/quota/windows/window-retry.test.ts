import { callsADay } from '../../../../quota/limits/day-quota';
import {
  failingCallsLeft,
  isWorthSplitting,
  speaksAgainstAll,
  splitWindow,
} from '../../../../quota/windows/window-retry';
import fc from '../../../support/run/properties';

const HOUR = 3_600_000;
type Span = { readonly from: number; readonly to: number };
const hours = (from: number, to: number): Span => ({ from: from * HOUR, to: to * HOUR });

describe('splitting a span that the vendor could not report', () => {
  test('halves on the hour, down to one hour', () => {
    expect(splitWindow(hours(0, 6), HOUR)).toEqual([hours(0, 3), hours(3, 6)]);
    expect(splitWindow(hours(0, 3), HOUR)).toEqual([hours(0, 2), hours(2, 3)]);
    expect(splitWindow(hours(0, 1), HOUR)).toBeNull();
  });

  test('elsewhere at each try, so that two bad hours are not always on both sides', () => {
    const cuts = [0, 1, 2, 3, 4].map((tries) => (splitWindow(hours(0, 16), HOUR, tries)?.[0].to ?? 0) / HOUR);
    expect(cuts).toEqual([8, 4, 12, 2, 10]);
  });

  test('repeated splitting ends in single hours that cover the span once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 14 * 24 }), fc.nat(20), (hours, tries) => {
        const leaves = (s: Span): Span[] => splitWindow(s, HOUR, tries)?.flatMap(leaves) ?? [s];
        const all = leaves({ from: 0, to: hours * HOUR });
        expect(all.map((s) => s.from)).toEqual(Array.from({ length: hours }, (_, hour) => hour * HOUR));
        expect(all.every((s) => s.to - s.from === HOUR)).toBe(true);
      }),
    );
  });
});

test('failing windows share a part of the day, and where that is nothing, a few calls', () => {
  const day = callsADay({ kind: 'token-bucket', ratePerSecond: 0.0167, burst: 15 });
  expect(day).toBeCloseTo(1443, 0);
  expect(failingCallsLeft(day, 0.05, 0)).toBe(72);
  expect(failingCallsLeft(day, 0.05, 73)).toBe(-1);
  expect(failingCallsLeft(callsADay({ kind: 'calendar', count: 10, per: 'day', zone: 'UTC' }), 0.05, 0)).toBe(
    3,
  );
  expect(callsADay({ kind: 'spacing', ms: 60_000 })).toBe(1440);
  expect(callsADay({ kind: 'rolling', count: 4, ms: HOUR })).toBe(96);
  expect(callsADay({ kind: 'calendar', count: 1, per: 'minute', zone: 'UTC' })).toBe(1440);
});

test('late data and our own restraint speak against nobody else', () => {
  expect(speaksAgainstAll('not_yet')).toBe(false);
  expect(speaksAgainstAll('skipped')).toBe(false);
  expect(speaksAgainstAll('fatal')).toBe(true);
  expect(isWorthSplitting('refused')).toBe(true);
  expect(isWorthSplitting('cancelled')).toBe(false);
});
