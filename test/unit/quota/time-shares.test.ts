import fc from 'fast-check';
import { type CausedSpan, TIME_CAUSES, timeShares } from '../../../quota/time-shares';

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

test('the shares always sum to the life', () => {
  const span = fc.record({
    cause: fc.constantFrom(...TIME_CAUSES),
    from: fc.integer({ min: 0, max: 300 }),
    to: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constant(Number.POSITIVE_INFINITY)),
  });
  fc.assert(
    fc.property(fc.array(span), (spans) => {
      const found = timeShares(life, spans);
      expect(found.reduce((sum, { ms }) => sum + ms, 0)).toBe(100);
      expect(found.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
    }),
  );
});
