/** What a pool that is not closed lets through: nothing while it is blocked, then one probe at a time. */

import type { Pool } from 'pg';
import { CLOSED_POOL, isBlocked, transition } from '../../../../quota/pools/pool';
import type { PoolEvent, PoolPolicy, PoolState } from '../../../../quota/pools/state';
import {
  type PermitRequest,
  registerLimits,
  restampPermit,
  takePermits,
  toDecision,
} from '../../../../store/permits/permits';
import { applyPoolEvent, registerPool, releaseProbe, restorePool } from '../../../../store/pools/pools';
import fc from '../../../support/run/properties';
import { uniqueName } from '../../../support/stacks/embedded';
import { ownDatabase } from '../../../support/stacks/own-database';

const RUNS = Number(process.env.SLUICE_PROPERTY_RUNS ?? 60);
jest.setTimeout(600_000);

const POLICY: PoolPolicy = {
  unknownQuotaMs: 5_000,
  unknownQuotaFactor: 2,
  unknownQuotaMaxMs: 60_000,
  absurdWaitMs: 1e9,
  breakerFailures: 3,
  breakerOpenMs: 4_000,
  probeTimeoutMs: 2_000,
  hintAfterStrikes: 3,
  hint: 'check',
};
const EVIDENCE = { vendor: 'v', account: 'a', operation: 'o' };

let db: Pool;

ownDatabase({ max: 10 }, (made) => {
  db = made;
});

async function newPool(): Promise<string> {
  const key = uniqueName('pool');
  await registerPool(db, key, POLICY);
  return key;
}

const requestOf = (pool: string, charges: PermitRequest['charges'] = []): PermitRequest => ({
  pool,
  priority: 'background',
  charges,
});

const until = (ms: number): PoolEvent => ({
  type: 'quota',
  epoch: 1,
  statedWaitMs: ms,
  reason: 'quota',
  evidence: EVIDENCE,
  jitter: 0,
});

describe('take_permits against the breaker of quota/pools/pool', () => {
  /** As applyPoolEvent writes a state, at a time that the test chooses. */
  const write = (key: string, s: PoolState) =>
    db.query(
      `update pools set state = $2, until_ms = $3, since_ms = $4, reason = $5, strikes = $6, failures = $7, epoch = $8,
              probe_until = 0 where key = $1`,
      [key, s.state, s.until, s.since, s.reason, s.strikes, s.failures, s.epoch],
    );

  const event = fc.oneof(
    fc.record({
      type: fc.constant('quota' as const),
      statedWaitMs: fc.option(fc.integer({ min: 1, max: 8000 })),
      reason: fc.constant('quota'),
      evidence: fc.constant(EVIDENCE),
      jitter: fc.constant(0),
    }),
    fc.record({
      type: fc.constantFrom('failure' as const, 'hold' as const),
      reason: fc.constant('failed'),
      evidence: fc.constant(EVIDENCE),
    }),
    fc.record({ type: fc.constant('success' as const) }),
    fc.record({ type: fc.constantFrom('timer' as const, 'resume' as const) }),
    fc.record({
      type: fc.constant('pause' as const),
      reason: fc.constant('by hand'),
      until: fc.constant(null),
    }),
  );
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ take: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 2, arbitrary: fc.record({ event, behind: fc.constantFrom(0, 0, 1) }) },
    { weight: 1, arbitrary: fc.record({ release: fc.constantFrom(0, 1) }) },
  );

  test('nothing passes a block, one probe passes after it, and each has an epoch of its own', async () => {
    const steps = fc.array(fc.record({ after: fc.integer({ min: 0, max: 3000 }), step }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const key = await newPool();
        let state: PoolState = CLOSED_POOL;
        let probeUntil = 0;
        let now = 1_700_000_000_000;
        for (const { after, step: s } of sequence) {
          now += after;
          if ('take' in s) {
            const requests = Array.from({ length: s.take }, () => ({ pool: key, rank: 0, charges: [] }));
            const { rows } = await db.query('select * from take_permits($1::jsonb, 0, $2)', [
              JSON.stringify(requests),
              now,
            ]);
            for (const decision of rows.map(toDecision)) {
              if (isBlocked(state, now)) {
                expect(decision).toMatchObject({ granted: false, deniedBy: 'pool', retryAt: state.until });
              } else if (state.state === 'closed') {
                expect(decision).toMatchObject({ granted: true, probe: false, epoch: state.epoch });
              } else if (probeUntil > now) {
                expect(decision).toMatchObject({ granted: false, deniedBy: 'probe', retryAt: probeUntil });
              } else {
                state = { ...state, state: 'half_open', until: null, epoch: state.epoch + 1 };
                probeUntil = now + POLICY.probeTimeoutMs;
                expect(decision).toMatchObject({ granted: true, probe: true, epoch: state.epoch });
              }
              expect(decision.poolState).toBe(state.state);
            }
          } else if ('event' in s) {
            const next = transition(
              state,
              { ...s.event, epoch: state.epoch - s.behind } as PoolEvent,
              POLICY,
              now,
            );
            if (next !== state) {
              await write(key, next);
              probeUntil = 0;
            }
            state = next;
          } else {
            await releaseProbe(db, key, state.epoch - s.release);
            if (s.release === 0) probeUntil = 0;
          }
        }
      }),
      { numRuns: RUNS },
    );
  });
});

describe('a block that is written while calls are being taken', () => {
  test('whoever asks after it was written is denied; whoever was granted decided before it', async () => {
    const key = await newPool();
    let written = false;
    const grantedAt: number[] = [];
    const grantedAfter: number[] = [];
    let deniedAfter = 0;
    const taker = async () => {
      while (deniedAfter < 20) {
        const askedAfter = written;
        const [decision] = await takePermits(db, [requestOf(key)], 0);
        if (decision?.granted) (askedAfter ? grantedAfter : grantedAt).push(decision.now);
        else if (askedAfter) deniedAfter++;
      }
    };
    const takers = Array.from({ length: 6 }, taker);
    while (grantedAt.length < 50) await new Promise((resolve) => setImmediate(resolve));
    const { after } = await applyPoolEvent(db, key, until(60_000));
    written = true;
    await Promise.all(takers);
    expect(grantedAfter).toEqual([]);
    expect(Math.max(...grantedAt)).toBeLessThanOrEqual(after.since);
  });

  test('many that ask together when it has ended are one probe', async () => {
    const key = await newPool();
    await applyPoolEvent(db, key, until(1));
    const decisions = await Promise.all(
      Array.from({ length: 30 }, async () => (await takePermits(db, [requestOf(key)], 5))[0]),
    );
    const granted = decisions.filter((d) => d?.granted);
    expect(granted).toHaveLength(1);
    expect(granted[0]).toMatchObject({ probe: true });
    expect(decisions.filter((d) => d && !d.granted).map((d) => d && !d.granted && d.deniedBy)).toEqual(
      new Array(29).fill('probe'),
    );
  });
});

describe('a pool whose row was lost and created again', () => {
  const remembered = (ms: number): PoolState => ({
    ...CLOSED_POOL,
    state: 'quota_paused',
    until: Date.now() + ms,
    reason: 'remembered',
    epoch: 7,
  });

  test('gets back the pause that its workflow remembers', async () => {
    const key = await newPool();
    const pause = remembered(60_000);
    expect(await restorePool(db, key, pause, POLICY)).toEqual(pause);
    const [decision] = await takePermits(db, [requestOf(key)], 0);
    expect(decision).toMatchObject({ granted: false, deniedBy: 'pool', retryAt: pause.until, epoch: 7 });
  });

  test('keeps a longer pause that it has learned since, as the newer one', async () => {
    const key = await newPool();
    const { after } = await applyPoolEvent(db, key, until(120_000));
    const restored = await restorePool(db, key, remembered(60_000), POLICY);
    expect(restored).toMatchObject({
      state: 'quota_paused',
      until: after.until,
      reason: after.reason,
      epoch: 8,
    });
  });
});

describe('a permit whose process stalled', () => {
  async function newLimit(pool: string) {
    const key = uniqueName('limit');
    const template = {
      name: 'l',
      operations: '*',
      scope: '',
      unit: 'calls',
      window: { kind: 'spacing', ms: 1000 },
      mode: 'enforce',
      source: 'test',
    } as const;
    await registerLimits(db, pool, [{ key, template }]);
    return [{ key, units: 1 }];
  }

  test('is spent when its pool has been closed since', async () => {
    const pool = await newPool();
    const charges = await newLimit(pool);
    const [permit] = await takePermits(db, [requestOf(pool, charges)], 0);
    if (!permit?.granted) throw new Error('the limit is fresh: it grants');
    await applyPoolEvent(db, pool, until(60_000));
    const at = { key: pool, epoch: permit.epoch };
    expect(await restampPermit(db, charges, permit.departAt, 5, at)).toBeNull();
    expect(await restampPermit(db, [], permit.departAt, 5, at)).toBeNull();
  });

  test('moves to a later departure while its pool is as it was, and the next keeps its distance from there', async () => {
    const pool = await newPool();
    const charges = await newLimit(pool);
    const [permit] = await takePermits(db, [requestOf(pool, charges)], 0);
    if (!permit?.granted) throw new Error('the limit is fresh: it grants');
    const later = await restampPermit(db, charges, permit.departAt, 300, { key: pool, epoch: permit.epoch });
    expect(later).toBeGreaterThanOrEqual(permit.departAt + 300);
    const [next] = await takePermits(db, [requestOf(pool, charges)], 0);
    expect(next?.granted === false && next.retryAt).toBeGreaterThanOrEqual((later ?? 0) + 1000);
  });
});
