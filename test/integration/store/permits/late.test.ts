/**
 * Permits that leave late: whatever stalls, and whenever, the departures that result keep every limit. Time is a
 * parameter.
 */

import type { Pool } from 'pg';
import type { LimitTemplate, LimitWindow } from '../../../../quota/limits/limit';
import { registerLimits, reportLateArrival, takePermits } from '../../../../store/permits/permits';
import { violations } from '../../../support/models/arrival-judge';
import fc from '../../../support/run/properties';
import { uniqueName } from '../../../support/stacks/embedded';
import { ownDatabase } from '../../../support/stacks/own-database';

const RUNS = Number(process.env.SLUICE_PROPERTY_RUNS ?? 60);
jest.setTimeout(600_000);

let db: Pool;

ownDatabase({ max: 1, durable: false }, (made) => {
  db = made;
});

async function register(windows: readonly LimitWindow[], slackMs: number) {
  const prefix = uniqueName('late');
  const limits = windows.map((window, i) => {
    const template: LimitTemplate = {
      name: `l${i}`,
      operations: '*',
      scope: '',
      unit: 'calls',
      window,
      mode: 'enforce',
      slackMs,
      source: 'test',
    };
    return { key: `${prefix}/${i}`, template };
  });
  await registerLimits(db, prefix, limits);
  return limits;
}

const window: fc.Arbitrary<LimitWindow> = fc.oneof(
  fc.record({
    kind: fc.constant('token-bucket' as const),
    ratePerSecond: fc.constantFrom(1000 / 64, 1000 / 256),
    burst: fc.integer({ min: 1, max: 6 }),
  }),
  fc.record({ kind: fc.constant('spacing' as const), ms: fc.constantFrom(64, 200) }),
  fc.record({
    kind: fc.constant('rolling' as const),
    count: fc.integer({ min: 1, max: 6 }),
    ms: fc.constantFrom(200, 1000),
  }),
  fc.record({
    kind: fc.constant('calendar' as const),
    count: fc.integer({ min: 2, max: 9 }),
    per: fc.constant('minute' as const),
    zone: fc.constant('UTC'),
  }),
);

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ take: fc.integer({ min: 1, max: 5 }) }) },
  /** The permit granted `back` permits ago has not left and is moved; it leaves somewhere in the span that it is given. */
  {
    weight: 2,
    arbitrary: fc.record({
      move: fc.integer({ min: 0, max: 7 }),
      spanMs: fc.constantFrom(0, 0, 40, 250),
      leaves: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
);

test('a permit that is moved keeps every limit, and so do those granted before and after', async () => {
  let moved = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(window, { minLength: 1, maxLength: 3 }),
      fc.constantFrom(0, 4),
      fc.constantFrom(Date.UTC(2026, 4, 5, 12), Date.UTC(2026, 4, 5, 12, 0, 59, 700)),
      fc.array(fc.record({ after: fc.integer({ min: 0, max: 250 }), step }), { minLength: 5, maxLength: 40 }),
      async (windows, slackMs, start, steps) => {
        const limits = await register(windows, slackMs);
        const charges = limits.map((l) => ({ key: l.key, units: 1 }));
        /** Permits that have left or still may: where they are booked, and when they leave; null: spent. */
        const permits: ({ readonly bookedAt: number; readonly leavesAt: number } | null)[] = [];
        let now = start;
        for (const { after, step: s } of steps) {
          now += after;
          if ('take' in s) {
            const requests = Array.from({ length: s.take }, () => ({ pool: null, rank: 0, charges }));
            const { rows } = await db.query(
              'select granted, depart_at from take_permits($1::jsonb, 25, $2)',
              [JSON.stringify(requests), now],
            );
            for (const row of rows) {
              if (row.granted) permits.push({ bookedAt: row.depart_at, leavesAt: row.depart_at });
            }
          } else {
            const i = permits.length - 1 - s.move;
            const from = permits[i];
            if (from === undefined || from === null || from.bookedAt > now) continue;
            const { rows } = await db.query(
              'select restamp_permit($1::text[], $2::float8[], $3, 5, null, null, $4, null, $5) as later',
              [charges.map((c) => c.key), charges.map((c) => c.units), from.bookedAt, now, s.spanMs],
            );
            const later: number | null = rows[0].later;
            if (later === null) refused++;
            else {
              moved++;
              expect(later).toBeGreaterThanOrEqual(now + 5);
            }
            permits[i] =
              later === null ? null : { bookedAt: later + s.spanMs, leavesAt: later + s.leaves * s.spanMs };
          }
        }
        const calls = permits
          .flatMap((permit) => (permit === null ? [] : [{ at: permit.leavesAt, units: 1 }]))
          .sort((a, b) => a.at - b.at);
        for (const l of limits) expect(violations(l.template.window, calls)).toEqual([]);
      },
    ),
    { numRuns: RUNS * 3 },
  );
  // Both happen, or the property says little.
  expect(moved).toBeGreaterThan(RUNS);
  expect(refused).toBeGreaterThan(RUNS / 4);
});

test('all of a burst can be moved, for nobody relied on its time', async () => {
  const [limit] = await register([{ kind: 'rolling', count: 10, ms: 4000 }], 100);
  const [bucket] = await register([{ kind: 'token-bucket', ratePerSecond: 4, burst: 10 }], 100);
  for (const l of [limit, bucket]) {
    const key = l?.key ?? '';
    const at = Date.UTC(2026, 4, 5, 12);
    const requests = Array.from({ length: 10 }, () => ({
      pool: null,
      rank: 0,
      charges: [{ key, units: 1 }],
    }));
    await db.query('select * from take_permits($1::jsonb, 0, $2)', [JSON.stringify(requests), at]);
    for (let i = 0; i < 9; i++) {
      const { rows } = await db.query(
        'select restamp_permit(array[$1], array[1], $2, 5, null, null, $3) as later',
        [key, at, at + 60 + i],
      );
      expect(rows[0].later).toBe(at + 65 + i);
    }
  }
});

test.each<LimitWindow>([
  { kind: 'spacing', ms: 500 },
  { kind: 'rolling', count: 2, ms: 500 },
  { kind: 'token-bucket', ratePerSecond: 2, burst: 2 },
])('calls of $kind that arrived late hold back the next', async (w) => {
  const [limit] = await register([w], 0);
  const charges = [{ key: limit?.key ?? '', units: 1 }];
  const request = { pool: null, priority: 'background', charges } as const;
  const count = w.kind === 'spacing' ? 1 : 2;
  const granted = await takePermits(db, new Array(count).fill(request), 0);
  let arrivedAt = 0;
  for (const permit of granted) {
    if (!permit.granted) throw new Error('the limit is fresh: it grants');
    arrivedAt = permit.departAt + 100;
    await reportLateArrival(db, charges, permit.departAt, arrivedAt);
  }
  const [next] = await takePermits(db, [request], 0);
  expect(next?.granted === false && next.retryAt).toBeCloseTo(arrivedAt + 500, 1);
});
