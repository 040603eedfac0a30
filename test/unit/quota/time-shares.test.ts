import { type CausedSpan, causeAt, TIME_CAUSES, timeShares, wholeLife } from '../../../quota/time-shares';
import fc from '../../support/run/properties';

const life = { from: 100, to: 200 };

test('what no span explains is the rest', () => {
  expect(timeShares(life, [])).toEqual([{ cause: 'calling', ms: 100, share: 1 }]);
  expect(timeShares(life, [], 'idle')).toEqual([{ cause: 'idle', ms: 100, share: 1 }]);
});

test('of causes at the same time the strongest counts, and nothing outside of the life', () => {
  const spans: CausedSpan[] = [
    { cause: 'vendor', from: 0, to: 150 },
    { cause: 'rateLimit', from: 120, to: 130 },
    { cause: 'person', from: 190, to: Number.POSITIVE_INFINITY },
    { cause: 'vendor', from: 110, to: 140 },
  ];
  expect(timeShares(life, spans)).toEqual([
    { cause: 'person', ms: 10, share: 0.1 },
    { cause: 'rateLimit', ms: 10, share: 0.1 },
    { cause: 'vendor', ms: 40, share: 0.4 },
    { cause: 'calling', ms: 40, share: 0.4 },
  ]);
});

test('the shares always sum to the life exactly, and none is negative', () => {
  // Parts of a ms, spans and lives that end before they begin (a clock was set back), and some that last.
  const time = fc.double({ min: 0, max: 300, noNaN: true });
  const span = fc.record({
    cause: fc.constantFrom(...TIME_CAUSES),
    from: time,
    to: fc.oneof(time, fc.constant(Number.POSITIVE_INFINITY)),
  });
  fc.assert(
    fc.property(fc.array(span), time, time, fc.constantFrom('idle', 'calling'), (spans, from, to, rest) => {
      const found = timeShares({ from, to }, spans, rest);
      const whole = wholeLife({ from, to });
      expect(found.reduce((sum, { ms }) => sum + ms, 0)).toBe(whole.to - whole.from);
      for (const { ms } of found) expect(Number.isSafeInteger(ms) && ms > 0).toBe(true);
      if (found.length > 0) expect(found.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
    }),
  );
});

test('what holds now is the strongest of those that have not ended', () => {
  const spans: CausedSpan[] = [
    { cause: 'quotaPause', from: 0, to: 100 },
    { cause: 'vendor', from: 50, to: Number.POSITIVE_INFINITY },
  ];
  expect([causeAt(spans, 60), causeAt(spans, 100), causeAt(spans, -1)]).toEqual([
    'quotaPause',
    'vendor',
    null,
  ]);
});
