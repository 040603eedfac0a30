/**
 * `take_permits` against a model that keeps every charge in a list, and against the definitions of the limits. Time is
 * a parameter. Numbers are such that sums of them are exact, so that decisions and departures must be equal.
 */
import fc from 'fast-check';
import type { Pool } from 'pg';
import {
  type LimitTemplate,
  type LimitWindow,
  PRIORITIES,
  type Priority,
  priorityRank,
} from '../../../../quota/limits/limit';
import { createPool } from '../../../../store/db';
import { registerLimits, toDecision } from '../../../../store/permits/permits';
import { violations } from '../../../support/models/arrival-judge';
import { type ModelRequest, PermitModel } from '../../../support/models/permit-model';
import { type TestDatabase, testDatabase } from '../../../support/stacks/embedded';

const RUNS = Number(process.env.SLUICE_PROPERTY_RUNS ?? 60);
jest.setTimeout(600_000);

let database: TestDatabase;
let db: Pool;
let scenario = 0;

beforeAll(async () => {
  database = await testDatabase();
  db = createPool(database.url, { max: 1 });
  // Nothing here outlives the run.
  await db.query('set synchronous_commit = off');
});

afterAll(async () => {
  await db.end();
  await database.drop();
});

async function take(requests: readonly ModelRequest[], leadMs: number, now: number) {
  const payload = requests.map((r) => ({ pool: null, rank: priorityRank(r.priority), charges: r.charges }));
  const { rows } = await db.query('select * from take_permits($1::jsonb, $2::float8, $3::float8)', [
    JSON.stringify(payload),
    leadMs,
    now,
  ]);
  const decisions = requests.map((_, i) => toDecision(rows.find((row) => row.idx === i)));
  return decisions;
}

interface LimitSpec {
  readonly window: LimitWindow;
  readonly slackMs: number;
  readonly unit: 'calls' | 'tokens';
  readonly mode: 'enforce' | 'shadow';
  readonly reserve: { readonly background: number; readonly scheduled: number; readonly live: number };
}

async function register(specs: readonly LimitSpec[]) {
  const prefix = `s${scenario++}`;
  const limits = specs.map((spec, i) => {
    const template: LimitTemplate = { name: `l${i}`, operations: '*', scope: '', source: 'test', ...spec };
    return { key: `${prefix}/l${i}`, template };
  });
  await registerLimits(db, prefix, limits);
  return limits;
}

const powerOfTwo = (from: number, to: number) => fc.integer({ min: from, max: to }).map((n) => 2 ** n);

const bucket = fc.record({
  kind: fc.constant('token-bucket' as const),
  ratePerSecond: powerOfTwo(0, 7).map((ms) => 1000 / (ms * 4)),
  burst: fc.integer({ min: 1, max: 8 }),
});
const spacing = fc.record({ kind: fc.constant('spacing' as const), ms: powerOfTwo(2, 9) });
const rolling = fc.record({
  kind: fc.constant('rolling' as const),
  count: fc.integer({ min: 1, max: 8 }),
  ms: fc.integer({ min: 50, max: 2000 }),
});
const calendarOf = (per: 'minute' | 'hour' | 'day' | 'month') =>
  fc.record({
    kind: fc.constant('calendar' as const),
    count: fc.integer({ min: 1, max: 8 }),
    per: fc.constant(per),
    zone: fc.constantFrom(
      'UTC',
      'Europe/Berlin',
      'America/New_York',
      'Asia/Kolkata',
      'Asia/Kathmandu',
      'Australia/Lord_Howe',
    ),
  });
const vendorReset = fc.record({
  kind: fc.constant('vendor-reset' as const),
  count: fc.integer({ min: 1, max: 8 }),
});

const limitOf = (window: fc.Arbitrary<LimitWindow>): fc.Arbitrary<LimitSpec> =>
  fc.record({
    window,
    slackMs: fc.constantFrom(0, 4, 40),
    unit: fc.constantFrom('calls' as const, 'tokens' as const),
    mode: fc.oneof(
      { weight: 5, arbitrary: fc.constant('enforce' as const) },
      { weight: 1, arbitrary: fc.constant('shadow' as const) },
    ),
    reserve: fc.record({
      background: fc.constantFrom(0, 0.25, 0.5),
      scheduled: fc.constantFrom(0, 0.25),
      live: fc.constantFrom(0, 0.25),
    }),
  });

const priority: fc.Arbitrary<Priority> = fc.constantFrom(...PRIORITIES);
const units = fc.oneof(
  { weight: 6, arbitrary: fc.constant(1) },
  { weight: 2, arbitrary: fc.integer({ min: 2, max: 4 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 9) },
);

interface Ask {
  readonly priority: Priority;
  /** Units against each limit of the scenario; null: not charged to it. */
  readonly units: readonly (number | null)[];
}

const askOf = (limits: number, ranks: fc.Arbitrary<Priority>): fc.Arbitrary<Ask> =>
  fc.record({
    priority: ranks,
    units:
      limits === 1
        ? fc.tuple(units)
        : fc.array(fc.option(units, { freq: 4 }), { minLength: limits, maxLength: limits }),
  });

type Step =
  | { readonly do: 'take'; readonly asks: readonly Ask[]; readonly leadMs: number }
  /** The answer of the call granted `back` calls ago: it cost `less` units less than was charged. */
  | { readonly do: 'settle'; readonly back: number; readonly less: number }
  | {
      readonly do: 'learn';
      readonly remaining?: number;
      readonly capacity?: number;
      readonly factor?: number;
      readonly resetMs?: number;
    }
  /** The call granted `back` calls ago is answered: refused, with a wait or without one, or admitted. */
  | { readonly do: 'refuse'; readonly back: number; readonly waitMs: number | null }
  | { readonly do: 'recover'; readonly back: number };

const settleStep: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('settle' as const),
  back: fc.integer({ min: 0, max: 5 }),
  less: fc.integer({ min: 1, max: 4 }),
});
const learnStep: fc.Arbitrary<Step> = fc.record(
  {
    do: fc.constant('learn' as const),
    remaining: fc.integer({ min: 0, max: 8 }),
    capacity: fc.integer({ min: 1, max: 8 }),
    factor: fc.constantFrom(0.5, 1, 2),
    resetMs: fc.integer({ min: 1, max: 3000 }),
  },
  { requiredKeys: ['do'] },
);
const back = fc.integer({ min: 0, max: 5 });
const refuseStep: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('refuse' as const),
  back,
  waitMs: fc.constantFrom(null, 0, 50, 1000, 7000, 60_000),
});
const recoverStep: fc.Arbitrary<Step> = fc.record({ do: fc.constant('recover' as const), back });
const takeStep = (limits: number, ranks: fc.Arbitrary<Priority>): fc.Arbitrary<Step> =>
  fc.record({
    do: fc.constant('take' as const),
    asks: fc.array(askOf(limits, ranks), { minLength: 1, maxLength: 5 }),
    leadMs: fc.constantFrom(0, 20, 25),
  });

interface Scenario {
  /** Rates become such that their sums are not exact: times may differ by less than a microsecond. */
  readonly inexact?: boolean;
  readonly limits: readonly LimitSpec[];
  readonly start: number;
  /** Each step with the milliseconds that pass before it. */
  readonly steps: readonly { readonly after: number; readonly step: Step }[];
}

const PLAIN_START = Date.UTC(2026, 4, 5, 12);
const shortPause = fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 1500 }));

interface Granted {
  readonly at: number;
  readonly ask: Ask;
  /** Units in the end, for each limit. */
  readonly cost: (number | null)[];
}

/** Runs a scenario through both; fails at the first difference. Returns what was let through. */
async function runBoth(s: Scenario): Promise<{ granted: Granted[]; keys: string[] }> {
  const limits = await register(s.limits);
  const model = new PermitModel(limits);
  const granted: Granted[] = [];
  let now = s.start;
  for (const { after, step } of s.steps) {
    now += after;
    if (step.do === 'take') {
      const requests = step.asks.map((ask) => ({
        priority: ask.priority,
        charges: limits.flatMap((l, i) => {
          const n = ask.units[i];
          return n === null || n === undefined ? [] : [{ key: l.key, units: n }];
        }),
      }));
      const expected = model.take(requests, step.leadMs, now);
      const decisions = await take(requests, step.leadMs, now);
      for (const [i, decision] of decisions.entries()) {
        const want = expected[i];
        const ask = step.asks[i];
        if (!want || !ask) throw new Error('unreachable: one answer for each request');
        if (want.granted) {
          const departAt = s.inexact ? expect.closeTo(want.departAt, 2) : want.departAt;
          expect(decision).toMatchObject({ granted: true, departAt });
          granted.push({ at: want.departAt, ask, cost: [...ask.units] });
        } else {
          expect(decision.granted).toBe(false);
          const retryAt = decision.granted ? 0 : (decision.retryAt ?? 0);
          // Asking again earlier than necessary is allowed; asking again at once is not.
          expect(retryAt).toBeGreaterThan(now + step.leadMs);
          expect(retryAt).toBeLessThanOrEqual(
            Math.max(want.readyAt + (s.inexact ? 0.01 : 0), now + step.leadMs + 10),
          );
        }
      }
    } else if (step.do === 'settle') {
      const call = granted.at(-1 - step.back);
      if (!call || call.at > now) continue;
      for (const [i, limit] of limits.entries()) {
        const cost = call.cost[i] ?? 0;
        const delta = -Math.min(step.less, cost);
        if (limit.template.unit !== 'tokens' || delta === 0 || !model.limit(limit.key).enforced) continue;
        call.cost[i] = cost + delta;
        model.limit(limit.key).settle(delta, call.at, now);
        await db.query('select settle_units($1, $2, $3, $4)', [limit.key, delta, call.at, now]);
      }
    } else if (step.do === 'refuse' || step.do === 'recover') {
      const [limit] = limits;
      const call = granted.at(-1 - step.back);
      if (!limit || !call || call.at > now) continue;
      if (step.do === 'recover') {
        model.limit(limit.key).recover(now, call.at);
        await db.query('select limit_recover($1, $2, $3)', [limit.key, now, call.at]);
      } else {
        const cost = call.cost[0] ?? 0;
        model.limit(limit.key).refuse(call.at, now, cost, step.waitMs);
        await db.query('select limit_refused($1, $2, $3, $4, $5)', [
          limit.key,
          call.at,
          now,
          cost,
          step.waitMs,
        ]);
      }
    } else {
      const [limit] = limits;
      if (!limit) continue;
      const w = limit.template.window;
      const rate = w.kind === 'token-bucket' && step.factor ? w.ratePerSecond * step.factor : undefined;
      const { remaining, capacity, resetMs } = step;
      model.limit(limit.key).learn(
        {
          ...(rate === undefined ? {} : { ratePerSecond: rate }),
          ...(capacity === undefined ? {} : { capacity }),
          ...(remaining === undefined ? {} : { remaining }),
          ...(resetMs === undefined ? {} : { resetMs }),
        },
        now,
      );
      await db.query('select learn_limit($1, $2, $3, $4, $5, null, $6)', [
        limit.key,
        rate ?? null,
        capacity ?? null,
        remaining ?? null,
        resetMs ?? null,
        now,
      ]);
    }
  }
  const { rows } = await db.query('select key, shadow_over as overs from limits where key = any ($1)', [
    limits.map((l) => l.key),
  ]);
  for (const row of rows) expect([row.key, row.overs]).toEqual([row.key, model.limit(row.key).overs]);
  return { granted, keys: limits.map((l) => l.key) };
}

/** Judges what was let through by each limit's definition. */
function expectKept(specs: readonly LimitSpec[], granted: readonly Granted[]): void {
  for (const [i, { window, mode }] of specs.entries()) {
    if (mode === 'shadow' || window.kind === 'vendor-reset') continue;
    const calls = granted.map((g) => ({ at: g.at, units: g.cost[i] ?? 0 }));
    expect(violations(window, calls)).toEqual([]);
  }
}

async function check(scenarios: fc.Arbitrary<Scenario>, runs = RUNS): Promise<void> {
  await fc.assert(
    fc.asyncProperty(scenarios, async (s) => {
      const { granted } = await runBoth(s);
      if (!s.steps.some(({ step }) => step.do === 'learn' || step.do === 'recover'))
        expectKept(s.limits, granted);
    }),
    { numRuns: runs },
  );
}

const oneLimit = (
  window: fc.Arbitrary<LimitWindow>,
  start: fc.Arbitrary<number> = fc.constant(PLAIN_START),
  pause: fc.Arbitrary<number> = shortPause,
): fc.Arbitrary<Scenario> =>
  fc.record({
    limits: fc.tuple(limitOf(window)),
    start,
    steps: fc.array(
      fc.record({
        after: pause,
        step: fc.oneof(
          { weight: 8, arbitrary: takeStep(1, priority) },
          { weight: 2, arbitrary: settleStep },
          { weight: 1, arbitrary: learnStep },
        ),
      }),
      { minLength: 1, maxLength: 40 },
    ),
  });

describe('one limit decides as the model does, and keeps its definition', () => {
  test.each([
    ['a token bucket', bucket],
    ['spacing', spacing],
    ['a rolling window', rolling],
    ['a vendor-stated reset', vendorReset],
  ])('%s', async (_, window) => {
    await check(oneLimit(window as fc.Arbitrary<LimitWindow>));
  });

  test.each([
    ['a token bucket', bucket],
    ['spacing', spacing],
  ])('%s whose vendor refuses, admits and announces', async (_, window) => {
    const pause = fc.oneof(shortPause, fc.integer({ min: 1000, max: 120_000 }));
    await check(
      fc.record({
        inexact: fc.constant(true),
        limits: fc.tuple(limitOf(window as fc.Arbitrary<LimitWindow>)),
        start: fc.constant(PLAIN_START),
        steps: fc.array(
          fc.record({
            after: pause,
            step: fc.oneof(
              { weight: 8, arbitrary: takeStep(1, priority) },
              { weight: 1, arbitrary: settleStep },
              { weight: 1, arbitrary: learnStep },
              { weight: 4, arbitrary: refuseStep },
              { weight: 4, arbitrary: recoverStep },
            ),
          }),
          { minLength: 1, maxLength: 60 },
        ),
      }),
    );
  });

  /** Instants around which calendars do unusual things, and a plain one. */
  const around = fc
    .tuple(
      fc.constantFrom(
        Date.UTC(2026, 2, 29, 1), // Europe/Berlin: summer time begins
        Date.UTC(2026, 9, 25, 1), // and ends
        Date.UTC(2026, 2, 8, 7), // America/New_York begins
        Date.UTC(2026, 10, 1, 6), // and ends
        Date.UTC(2026, 3, 4, 15), // Australia/Lord_Howe goes back by half an hour
        Date.UTC(2026, 9, 3, 15, 30), // and forth
        Date.UTC(2026, 1, 28, 23),
        Date.UTC(2026, 11, 31, 23),
      ),
      fc.integer({ min: -30 * 3600_000, max: 2 * 3600_000 }),
    )
    .map(([at, offset]) => at + offset);

  const near = (ms: number) =>
    fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: ms }), fc.constant(ms / 4));

  test.each([
    ['minute', 60_000],
    ['hour', 3_600_000],
    ['day', 43_200_000],
    ['month', 10 * 86_400_000],
  ] as const)('a calendar %s', async (per, pause) => {
    await check(oneLimit(calendarOf(per), around, near(pause)));
  });

  test('a calendar window is left and entered with the slack kept clear', async () => {
    // Steps that land within milliseconds of the window's end.
    const edge = fc.constantFrom(0, 1, 3, 4, 5, 39, 40, 41, 59_960, 59_959, 59_961, 60_000, 30_000);
    await check(oneLimit(calendarOf('minute'), fc.constant(PLAIN_START), edge));
  });

  test('what is given ahead for the next window counts there, also for a caller with a shorter lead', async () => {
    const minute: LimitSpec = {
      window: { kind: 'calendar', count: 1, per: 'minute', zone: 'UTC' },
      slackMs: 4,
      unit: 'calls',
      mode: 'enforce',
      reserve: { background: 0, scheduled: 0, live: 0 },
    };
    const ask: Ask = { priority: 'background', units: [1] };
    const { granted } = await runBoth({
      limits: [minute],
      start: PLAIN_START,
      steps: [
        { after: 59_987, step: { do: 'take', asks: [ask, ask], leadMs: 25 } },
        { after: 0, step: { do: 'take', asks: [ask], leadMs: 0 } },
        { after: 0, step: { do: 'take', asks: [ask], leadMs: 25 } },
      ],
    });
    expect(granted.map(({ at }) => at - PLAIN_START)).toEqual([59_987, 60_004]);
  });
});

describe('a more important caller that waits', () => {
  const spent = (unit: 'calls' | 'tokens'): LimitSpec => ({
    window: { kind: 'rolling', count: 2, ms: 60_000 },
    slackMs: 0,
    unit,
    mode: 'enforce',
    reserve: { background: 0, scheduled: 0, live: 0 },
  });

  test.each([
    ['calls', 'interactive'],
    ['tokens', 'background'],
  ] as const)(
    'for %s of a long window that are spent at once: the next slot is of the %s one',
    async (unit, winner) => {
      const [limit] = await register([spent(unit)]);
      const ask = (priority: Priority): ModelRequest => ({
        priority,
        charges: [{ key: limit?.key ?? '', units: 1 }],
      });
      await take([ask('background'), ask('background')], 0, PLAIN_START);
      const [waits] = await take([ask('interactive')], 0, PLAIN_START + 1000);
      expect(waits).toMatchObject({ granted: false, retryAt: PLAIN_START + 60_000 });
      // Every other caller asks first when the slot is free.
      const freed = PLAIN_START + 60_000;
      const lower = await take([ask('background'), ask('scheduled'), ask('live')], 0, freed);
      expect(lower.some((decision) => decision.granted)).toBe(winner !== 'interactive');
      const [command] = await take([ask('interactive')], 0, freed + 1);
      expect(command?.granted).toBe(winner === 'interactive');
    },
  );

  test('is served before the live one, that before the scheduled, and history comes last', async () => {
    const [limit] = await register([{ ...spent('calls'), window: { kind: 'spacing', ms: 64 } }]);
    const order = [...PRIORITIES].reverse();
    const ask = (priority: Priority): ModelRequest => ({
      priority,
      charges: [{ key: limit?.key ?? '', units: 1 }],
    });
    await take([ask('background')], 0, PLAIN_START);
    for (const [i, first] of order.entries()) {
      const waiting = PRIORITIES.slice(0, order.length - i);
      const decisions = await take(waiting.map(ask), 0, PLAIN_START + 64 * (i + 1));
      expect(waiting.filter((_, j) => decisions[j]?.granted)).toEqual([first]);
    }
  });

  test('leaves the reserve to those above it: each priority may use a little more than the one below', async () => {
    const [limit] = await register([
      {
        ...spent('calls'),
        window: { kind: 'rolling', count: 8, ms: 60_000 },
        reserve: { background: 0.5, scheduled: 0.25, live: 0.125 },
      },
    ]);
    const granted: number[] = [];
    for (const [i, priority] of PRIORITIES.entries()) {
      const ask: ModelRequest = { priority, charges: [{ key: limit?.key ?? '', units: 1 }] };
      const decisions = await take(Array<ModelRequest>(8).fill(ask), 0, PLAIN_START + i);
      granted.push(decisions.filter((decision) => decision.granted).length);
    }
    expect(granted).toEqual([4, 2, 1, 1]);
  });
});

describe('several limits', () => {
  const anyWindow = fc.oneof(bucket, spacing, rolling, vendorReset, calendarOf('minute'));

  test('a request is charged to all of its limits at one departure, or to none', async () => {
    const scenarios = fc.integer({ min: 2, max: 4 }).chain((count) =>
      fc.record({
        limits: fc.array(limitOf(anyWindow), { minLength: count, maxLength: count }),
        start: fc.constantFrom(PLAIN_START, PLAIN_START - 500),
        steps: fc.array(
          fc.record({
            after: shortPause,
            // One rank: who claims what is shown by the tests of claims, for one limit at a time.
            step: fc.oneof(
              { weight: 8, arbitrary: takeStep(count, fc.constant<Priority>('background')) },
              { weight: 1, arbitrary: settleStep },
            ),
          }),
          { minLength: 1, maxLength: 30 },
        ),
      }),
    );
    await check(scenarios, RUNS * 2);
  });

  test('a limit that was ready is checked again when another one moves the departure', async () => {
    // Near the end of a minute a bucket's next unit may fall into the time that the calendar keeps clear.
    const edge = fc.constantFrom(0, 4, 10, 16, 25, 30, 59_930, 59_960, 59_990, 60_000);
    const pair = (calendar: LimitWindow, other: LimitWindow): LimitSpec[] =>
      [calendar, other].map((window) => ({
        window,
        slackMs: 4,
        unit: 'calls',
        mode: 'enforce',
        reserve: { background: 0, scheduled: 0, live: 0 },
      }));
    await check(
      fc.record({
        limits: fc.tuple(calendarOf('minute'), fc.oneof(bucket, spacing)).map(([a, b]) => pair(a, b)),
        start: fc.constant(PLAIN_START),
        steps: fc.array(fc.record({ after: edge, step: takeStep(2, fc.constant<Priority>('background')) }), {
          minLength: 1,
          maxLength: 30,
        }),
      }),
    );
  });

  test('the same limit named twice by one request is charged for both', async () => {
    const [limit] = await register([
      {
        window: { kind: 'rolling', count: 3, ms: 1000 },
        slackMs: 0,
        unit: 'calls',
        mode: 'enforce',
        reserve: { background: 0, scheduled: 0, live: 0 },
      },
    ]);
    const key = limit?.key ?? '';
    const twice = {
      priority: 'background',
      charges: [
        { key, units: 1 },
        { key, units: 1 },
      ],
    } as const;
    const [first, second] = await take([twice, twice], 0, PLAIN_START);
    expect(first).toMatchObject({ granted: true });
    expect(second).toMatchObject({ granted: false, deniedBy: key, retryAt: PLAIN_START + 1000 });
  });
});
