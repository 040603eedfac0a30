import {
  askableSpan,
  type ChunkPolicy,
  isTooOld,
  joinSpans,
  planChunks,
  type Span,
  subtractSpans,
} from '../../../../quota/windows/chunks';
import { AMAZON_DATASETS, RT_TRAFFIC } from '../../../../vendors/amazon/datasets';
import fc from '../../../support/run/properties';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const at = (text: string) => Date.parse(`${text}Z`);
const policy: ChunkPolicy = {
  gridMs: HOUR,
  chunkMs: 6 * HOUR,
  joinOlderThanMs: 48 * HOUR,
  maxSpanMs: 14 * DAY,
  lookbackMs: 30 * DAY,
  safeLagMs: HOUR,
};
const now = at('2026-11-20T12:34');
const span = (from: string, to: string): Span => ({ from: at(from), to: at(to) });

test('a window that has waited is too old once its first hour has left the lookback', () => {
  const { from, to } = askableSpan(policy, now) ?? { from: 0, to: 0 };
  expect(isTooOld({ from, to }, policy.lookbackMs, now)).toBe(false);
  expect(isTooOld({ from, to }, policy.lookbackMs, from + policy.lookbackMs)).toBe(false);
  expect(isTooOld({ from, to }, policy.lookbackMs, from + policy.lookbackMs + 1)).toBe(true);
});

describe('planning reports for gaps', () => {
  test('recent hours are cut on the clock, newest first', () => {
    const gaps = [span('2026-11-19T05:00', '2026-11-19T19:00')];
    expect(planChunks({ gaps, now, policy, mode: 'sync' })).toEqual([
      span('2026-11-19T18:00', '2026-11-19T19:00'),
      span('2026-11-19T12:00', '2026-11-19T18:00'),
      span('2026-11-19T06:00', '2026-11-19T12:00'),
      span('2026-11-19T05:00', '2026-11-19T06:00'),
    ]);
  });

  test('an hour is requested only when its data had the safe lag to arrive', () => {
    const gaps = [span('2026-11-20T10:00', '2026-11-20T14:00')];
    expect(planChunks({ gaps, now, policy, mode: 'sync' })).toEqual([
      span('2026-11-20T10:00', '2026-11-20T11:00'),
    ]);
  });

  test('30 days of history take 3 long reports and then the short ones of the last 48 hours', () => {
    const gaps = [span('2026-10-01T00:00', '2026-11-21T00:00')];
    const plan = planChunks({ gaps, now, policy, mode: 'sync', order: 'oldest' });
    expect(plan.slice(0, 3)).toEqual([
      span('2026-10-21T13:00', '2026-11-04T13:00'),
      span('2026-11-04T13:00', '2026-11-18T12:00'),
      span('2026-11-18T12:00', '2026-11-18T18:00'),
    ]);
    expect(plan.at(-1)).toEqual(span('2026-11-20T06:00', '2026-11-20T11:00'));
  });

  test('old gaps that touch are joined; those with good data between them are not', () => {
    const gaps = [
      span('2026-11-02T00:00', '2026-11-03T00:00'),
      span('2026-11-01T00:00', '2026-11-02T00:00'),
      span('2026-11-03T01:00', '2026-11-04T00:00'),
    ];
    expect(planChunks({ gaps, now, policy, mode: 'sync' })).toEqual([
      span('2026-11-03T01:00', '2026-11-04T00:00'),
      span('2026-11-01T00:00', '2026-11-03T00:00'),
    ]);
  });

  test('an explicit backfill is cut from its own start, and again at the same places when resumed', () => {
    const plan = (from: string) =>
      planChunks({
        gaps: [span(from, '2026-11-10T20:00')],
        now,
        policy,
        mode: 'fixed',
        alignTo: at('2026-11-10T03:00'),
        order: 'oldest',
      });
    expect(plan('2026-11-10T03:00')).toEqual([
      span('2026-11-10T03:00', '2026-11-10T09:00'),
      span('2026-11-10T09:00', '2026-11-10T15:00'),
      span('2026-11-10T15:00', '2026-11-10T20:00'),
    ]);
    expect(plan('2026-11-10T09:00')).toEqual(plan('2026-11-10T03:00').slice(1));
  });

  test('a policy off its own grid is refused by name', () => {
    const bad = { ...policy, chunkMs: 90 * 60_000 };
    expect(() => planChunks({ gaps: [], now, policy: bad, mode: 'sync' })).toThrow(
      /chunkMs is 5400000.*multiple/,
    );
  });

  test('the descriptions keep within what Amazon accepts', () => {
    for (const dataset of AMAZON_DATASETS) {
      expect(dataset.chunks.maxSpanMs).toBeLessThanOrEqual(dataset.maxSpanMs);
      expect(dataset.chunks.lookbackMs).toBeLessThanOrEqual(dataset.lookbackMs);
      expect(dataset.chunks.safeLagMs).toBeGreaterThanOrEqual(dataset.endLagMs);
    }
    expect(RT_TRAFFIC.endLagMs).toBe(HOUR);
    expect(RT_TRAFFIC.options).toEqual([]);
  });
});

describe('any gaps, any policy', () => {
  const gap = fc
    .tuple(fc.integer({ min: -40 * 24 * 4, max: 8 }), fc.integer({ min: 1, max: 20 * 24 * 4 }))
    // Quarter hours, so that gaps begin and end inside grid cells too.
    .map(([start, length]) => ({
      from: now - (now % HOUR) + start * (HOUR / 4),
      to: now - (now % HOUR) + (start + length) * (HOUR / 4),
    }));
  const anyPolicy = fc.record({
    gridMs: fc.constant(HOUR),
    chunkMs: fc.integer({ min: 1, max: 48 }).map((n) => n * HOUR),
    joinOlderThanMs: fc.integer({ min: 0, max: 20 * DAY }),
    maxSpanMs: fc.integer({ min: 1, max: 14 * 24 }).map((n) => n * HOUR),
    lookbackMs: fc.integer({ min: 0, max: 40 * DAY }),
    safeLagMs: fc.integer({ min: 0, max: 3 * HOUR }),
  });
  const cells = (spans: readonly Span[]): number[] =>
    spans.flatMap(({ from, to }) => {
      const list: number[] = [];
      for (let cell = Math.ceil(from / HOUR) * HOUR; cell + HOUR <= to; cell += HOUR) list.push(cell);
      return list;
    });
  const arguments_ = [
    fc.array(gap, { maxLength: 8 }),
    anyPolicy,
    fc.constantFrom('sync' as const, 'fixed' as const),
    fc.constantFrom('newest' as const, 'oldest' as const),
  ] as const;

  test('chunks cover what may be requested exactly once and nothing else', () => {
    fc.assert(
      fc.property(...arguments_, (gaps, anyOf, mode, order) => {
        const askable = askableSpan(anyOf, now);
        const wanted = cells(
          joinSpans(gaps).map((g) => ({
            from: Math.max(g.from, askable?.from ?? 0),
            to: Math.min(g.to, askable?.to ?? 0),
          })),
        );
        const plan = planChunks({ gaps, now, policy: anyOf, mode, order });
        const got = cells(plan).sort((a, b) => a - b);
        expect(got).toEqual(wanted);
      }),
    );
  });

  test('every chunk lies on the grid, within lookback and lag, no longer than allowed, in order', () => {
    fc.assert(
      fc.property(...arguments_, (gaps, anyOf, mode, order) => {
        const plan = planChunks({ gaps, now, policy: anyOf, mode, order });
        const starts = plan.map((chunk) => chunk.from);
        expect(starts).toEqual([...starts].sort((a, b) => (order === 'newest' ? b - a : a - b)));
        for (const { from, to } of plan) {
          expect(from % HOUR).toBe(0);
          expect(to % HOUR).toBe(0);
          expect(from).toBeGreaterThanOrEqual(now - anyOf.lookbackMs);
          expect(to).toBeLessThanOrEqual(now - anyOf.safeLagMs);
          expect(to - from).toBeGreaterThan(0);
          expect(to - from).toBeLessThanOrEqual(anyOf.maxSpanMs);
          const recent = mode === 'fixed' || from >= now - anyOf.joinOlderThanMs;
          if (recent) expect(to - from).toBeLessThanOrEqual(anyOf.chunkMs);
        }
      }),
    );
  });
});

test('subtracting spans leaves what lies in none of them, exactly', () => {
  const spans = fc.array(
    fc
      .tuple(fc.nat(40), fc.integer({ min: 1, max: 10 }))
      .map(([from, length]) => ({ from, to: from + length })),
    { maxLength: 6 },
  );
  const cells = (of: readonly Span[]) =>
    new Set(of.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i)));
  fc.assert(
    fc.property(spans, spans, (given, less) => {
      const gone = cells(less);
      expect([...cells(subtractSpans(given, less))].sort()).toEqual(
        [...cells(given)].filter((cell) => !gone.has(cell)).sort(),
      );
    }),
  );
});
