/**
 * Everything that locks rows, side by side: whoever waits, waits for somebody who goes on. Five seconds here, five
 * minutes with SLUICE_LONG=1.
 */
import type { Pool } from 'pg';
import type { LimitInstance } from '../../../../quota/limits/limit';
import { RATE_ALERT } from '../../../../quota/limits/rate-alert';
import { createPool } from '../../../../store/db';
import { clearKindStops, judgeRefusal, recordKindAccepted } from '../../../../store/permits/call-kinds';
import { hurryRefusedItems, unblockLimits } from '../../../../store/permits/limit-blocks';
import { lowerRate, raiseRate, settleAll } from '../../../../store/permits/limit-feedback';
import { overrideLimit, resetOverride } from '../../../../store/permits/limit-overrides';
import { resetLimits } from '../../../../store/permits/limit-resets';
import {
  claimOutcome,
  dropClaim,
  keepAnswer,
  moveOutsidePermit,
  sweepOutsidePermits,
} from '../../../../store/permits/outside-permits';
import {
  learnLimit,
  listLimits,
  moveClock,
  registerLimits,
  reportLateArrival,
  restampPermit,
  returnUnused,
  takePermits,
} from '../../../../store/permits/permits';
import { judgeDoubt, settleDoubts } from '../../../../store/permits/quota-doubts';
import { recordAccepted, recordRefusal } from '../../../../store/permits/rate-refusals';
import { refuseLimits } from '../../../../store/permits/refuse-limits';
import {
  applyPoolEvent,
  readPools,
  registerPool,
  releaseProbe,
  restorePool,
} from '../../../../store/pools/pools';
import { mendRows } from '../../../../store/rows-mended';
import { amazonPool } from '../../../../vendors/amazon/limits';
import { vendorOf } from '../../../../vendors/registry';
import { LONG } from '../../../support/run/long';
import { type TestDatabase, testDatabase } from '../../../support/stacks/embedded';

const RUN_MS = LONG ? 300_000 : 5_000;
const WORKERS = 12;
const POOLS = ['a', 'b', 'c'];
const ORGANIZATION = { key: 'organization', policy: amazonPool };
const KEYS = ['k1', 'k2', 'k3', 'k4', 'k5'];
const PARTS = ['', 'p1', 'p2'];

const instance = (key: string, i: number): LimitInstance => ({
  key,
  template: {
    name: key,
    operations: '*',
    scope: '',
    unit: i % 2 ? 'calls' : 'tokens',
    window:
      i === 0
        ? { kind: 'token-bucket', ratePerSecond: 1000 + i, burst: 1000 }
        : i === 1
          ? { kind: 'calendar', count: 1e6, per: 'minute', zone: 'UTC' }
          : { kind: 'rolling', count: 1e5, ms: 5_000 },
    mode: 'enforce',
    source: 'test',
  },
});

let database: TestDatabase;
let db: Pool;

beforeAll(async () => {
  database = await testDatabase();
  db = createPool(database.url, { max: WORKERS, use: 'permits' });
  for (const pool of POOLS) {
    await registerPool(db, pool, amazonPool, ORGANIZATION);
    await registerLimits(db, pool, KEYS.map(instance));
  }
});
afterAll(async () => {
  await db.end();
  await database.drop();
});

const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)] as T;
/** Some of them, in any order: it is not the callers who keep to one. */
const some = <T>(from: readonly T[]): T[] =>
  [...from].sort(() => Math.random() - 0.5).slice(0, 1 + Math.floor(Math.random() * from.length));
const charges = () => some(KEYS).map((key) => ({ key, units: 1 }));

const EVIDENCE = { vendor: 'test', account: 'a', operation: 'o', message: 'no' };
const ORDER = { key: null, author: 'test', reason: '' };
const TERMS = {
  ...{ account: 'a', operation: 'o', attributes: {}, tokens: 0, priority: 'background' as const },
  caller: 'test',
};
let permits = 1;

/** Everything that locks limits or pools, or several rows besides. */
const WORK: readonly (() => Promise<unknown>)[] = [
  () =>
    takePermits(
      db,
      some(POOLS).map((pool) => ({
        pool,
        priority: pick(['background', 'interactive'] as const),
        charges: charges(),
      })),
      40,
    ),
  () => restampPermit(db, charges(), Date.now(), 3, { key: pick(POOLS), epoch: 0, organizationEpoch: 0 }),
  () => reportLateArrival(db, charges(), Date.now() - 5, Date.now()),
  () => returnUnused(db, charges(), Date.now()),
  () =>
    settleAll(db, pick(KEYS), [
      { units: 1, departAt: Date.now() },
      { units: -1, departAt: Date.now() },
    ]),
  () => learnLimit(db, { key: pick(KEYS), capacity: 1e5 + Math.floor(Math.random() * 10), remaining: 9e4 }),
  () => lowerRate(db, pick(KEYS), { departAt: Date.now() }),
  () => raiseRate(db, pick(KEYS)),
  () => recordAccepted(db, some(KEYS), Date.now()),
  () => db.query('update limits set rate_strikes = 1 where key = $1', [pick(KEYS)]),
  () =>
    registerLimits(
      db,
      pick(POOLS),
      some(KEYS).map((key) => instance(key, Math.floor(Math.random() * 3))),
    ),
  () => registerPool(db, pick(POOLS), { ...amazonPool, breakerFailures: pick([4, 5]) }, ORGANIZATION),
  () => unblockLimits(db, { pool: pick(POOLS), names: null, by: 'test', reason: '' }),
  () => hurryRefusedItems(db, ['test']),
  () => resetLimits(db, { pool: pick(POOLS), names: null, by: 'test', reason: '' }),
  () => listLimits(db, pick(POOLS)),
  () =>
    applyPoolEvent(db, pick([...POOLS, ORGANIZATION.key]), {
      type: 'pause',
      reason: '',
      until: Date.now() + 5,
    }),
  () => applyPoolEvent(db, pick([...POOLS, ORGANIZATION.key]), { type: 'resume' }),
  () => applyPoolEvent(db, pick([...POOLS, ORGANIZATION.key]), { type: 'timer' }),
  async () => {
    const [pool, organization] = await readPools(db, [pick(POOLS), ORGANIZATION.key]);
    if (pool) await releaseProbe(db, pool.key, pool.state.epoch, organization?.state.epoch ?? 0);
  },
  async () => {
    const [pool] = await readPools(db, [pick(POOLS)]);
    if (pool) await restorePool(db, pool.key, { ...pool.state, epoch: pool.state.epoch + 1 }, pool.policy);
  },
  () => moveClock(db, { step: pick([600, -600]), lastGood: Date.now() }),
  () => mendRows(db),
  () =>
    takePermits(
      db,
      some(POOLS).map((pool) => ({
        pool,
        priority: 'background' as const,
        charges: charges(),
        record: { id: `permit_${permits++}`, lifeMs: 50, terms: TERMS },
      })),
      40,
    ),
  async () => {
    const id = `permit_${Math.floor(Math.random() * permits)}`;
    const claim = await claimOutcome(db, id, 'digest');
    if (claim.kind === 'yours') await pick([dropClaim, (of: Pool) => keepAnswer(of, id, {})])(db, id);
  },
  () => moveOutsidePermit(db, `permit_${Math.floor(Math.random() * permits)}`, Date.now()),
  () => sweepOutsidePermits(db),
  () => overrideLimit(db, { ...ORDER, pool: pick(POOLS), name: pick(KEYS) }, { mode: 'enforce' }),
  () => resetOverride(db, { ...ORDER, pool: pick(POOLS), name: pick(KEYS) }),
  () =>
    judgeDoubt(db, {
      ...{ pool: pick(POOLS), limit: pick(KEYS), wide: pick(KEYS), caller: 'test', evidence: EVIDENCE },
      ...{ departedAt: Date.now(), until: Date.now() + 5, blocks: true },
    }),
  () => settleDoubts(db, pick(POOLS), Date.now()),
  () =>
    recordRefusal(
      db,
      {
        ...{ pool: pick(POOLS), limits: some(KEYS), named: pick(KEYS), caller: 'test', evidence: EVIDENCE },
        ...{ escalation: null, waitMs: 5, statedWaitMs: null, departedAt: Date.now(), jitter: 0.5 },
      },
      RATE_ALERT,
    ),
  () => refuseLimits(db, some(KEYS), { departAt: Date.now(), waitMs: 5, reason: '' }),
  () =>
    recordKindAccepted(
      db,
      pick(POOLS),
      { operation: 'o', subject: pick(KEYS), part: pick(PARTS) },
      Date.now(),
    ),
  () =>
    judgeRefusal(db, {
      ...{ pool: pick(POOLS), operation: 'o', subject: pick(KEYS), departedAt: Date.now() },
      ...{ part: pick(PARTS), of: 'quota' },
      ...{ subjects: KEYS, policy: amazonPool, statedWaitMs: 5, jitter: 0.5, reason: '', evidence: EVIDENCE },
      hint: '',
    } as Parameters<typeof judgeRefusal>[1]),
  () => clearKindStops(db, pick(POOLS)),
];

test(
  'nobody waits in a circle, or longer than a lock may take',
  async () => {
    const until = performance.now() + RUN_MS;
    const failures = new Map<string, number>();
    const done = new Map<number, number>();
    const worker = async () => {
      // All of it at least once, however slow the machine is.
      while (performance.now() < until || done.size < WORK.length) {
        if (failures.size > 0) return;
        const which = Math.floor(Math.random() * WORK.length);
        try {
          await WORK[which]?.();
          done.set(which, (done.get(which) ?? 0) + 1);
        } catch (error) {
          const { code, message } = error as { code?: string; message: string };
          const what = `${which}: ${code ?? ''} ${message}`;
          failures.set(what, (failures.get(what) ?? 0) + 1);
        }
      }
    };
    await Promise.all(Array.from({ length: WORKERS }, worker));
    expect([...failures]).toEqual([]);
    expect(done.size).toBe(WORK.length);
  },
  RUN_MS + 300_000,
);

test('processes that make limits for the first time, some of which are there, do not lock each other out', async () => {
  const { url } = await testDatabase();
  const db = createPool(url, { max: 10 });
  const [template] = vendorOf('amazon').rules.limits;
  if (template === undefined) throw new Error('no limit');
  const limits = (round: number, names: string) =>
    [...names].map((name) => ({ key: `v/${round}/${name}`, template }));
  try {
    for (let round = 0; round < 15; round++) {
      await Promise.all(
        ['d', 'ad', 'abcd', 'bd', 'abd', 'cd', 'acd', 'abc', 'b'].map((names) =>
          registerLimits(db, 'v/x', limits(round, names)),
        ),
      );
    }
    const { rows } = await db.query<{ n: string }>("select count(*) as n from limits where key like 'v/%'");
    expect(Number(rows[0]?.n)).toBe(60);
  } finally {
    await db.end();
  }
});
