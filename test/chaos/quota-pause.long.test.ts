/**
 * A quota refusal in the middle of a backfill, and everything that may be killed killed during the pause: nothing is
 * called before its end, one call goes first, and at the end it is as if nothing had happened.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { readPool } from '../../store/pools/pools';
import {
  allCalls,
  chunksIngested,
  expectLimitsKept,
  expectWholeAndOnce,
  finished,
  pastHours,
  startBackfill,
} from '../support/chaos/chaos-judge';
import { ChaosRig } from '../support/chaos/chaos-rig';

const WINDOWS = 40;
/** Every answer of the vendor takes this long, ms: what comes sooner after a call did not wait for its answer. */
const ANSWER_MS = 150;
/** Calls that the backfill has under way at most: two creates, six polls, four fetches. */
const MOST_IN_FLIGHT = 12;
/** A call that had its permit when the pool closed arrives within this on a busy machine, ms. */
const DEPARTURE_MS = 3000;

let rig: ChaosRig;

beforeAll(async () => {
  rig = await ChaosRig.start({
    scenario: {
      latencyMs: { min: ANSWER_MS, max: ANSWER_MS },
      reports: { queueMs: { min: 100, max: 300 }, processingMs: { min: 200, max: 800 } },
      // Used for 15 s: the pause outlives a token, and nobody may fetch another before it ends.
      tokens: { lifetimeSeconds: 20 },
    },
    // Long enough for four rounds of kills and restarts, also on a machine that is busier now than at its start.
    account: (startMs) => ({ pool: { cooldownMinutes: Math.max(60_000, 10 * startMs) / 60_000 } }),
  });
});

afterAll(() => rig?.close(), 60_000);

test('a pause outlives every process, and what follows is one probe and then the rest', async () => {
  const span = pastHours(WINDOWS * 6);
  await rig.startWorkers(1);
  await startBackfill(rig, span);
  await rig.eventually('some chunks are done', async () => (await chunksIngested(rig)) >= 5);
  await rig.control({ quota: { operation: '*', account: '*', forMs: 4000 } });
  const paused = await rig.eventually('the pool pauses', async () => {
    const record = await readPool(rig.db, rig.pool);
    return record?.state.state === 'quota_paused' ? record.state : null;
  });
  const [worker] = rig.workers;
  if (worker === undefined || paused.until === null) throw new Error('no worker, or a pause without end');
  expect(await chunksIngested(rig)).toBeLessThan(WINDOWS);

  await delay(500);
  await worker.kill();
  await rig.startWorkers(1);
  await rig.temporal.kill();
  await rig.temporal.start();
  await rig.postgres.kill();
  await rig.postgres.start();
  await rig.killAll();
  const lastKill = Date.now();
  await rig.startAll(1);
  expect(lastKill).toBeLessThan(paused.until);
  const restored = await readPool(rig.db, rig.pool);
  if (Date.now() < paused.until) expect(restored?.state).toEqual(paused);

  expect(await finished(rig, 180_000)).toMatchObject({ chunks: WINDOWS, done: WINDOWS, failed: 0 });

  const calls = await allCalls(rig);
  const refused = calls.filter((c) => c.status === 429);
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.length).toBeLessThanOrEqual(MOST_IN_FLIGHT);
  const { since, until } = paused;
  expect(calls.filter((c) => c.t > since + DEPARTURE_MS && c.t < until)).toEqual([]);
  const after = calls.filter((c) => c.t >= until && c.operation !== 'token');
  const [probe, next] = after;
  expect((next?.t ?? 0) - (probe?.t ?? 0)).toBeGreaterThanOrEqual(ANSWER_MS);
  expect(after.filter((c) => c.status === 429)).toEqual([]);
  // The pause outlived the token, so a login there was: after the pause.
  expect(calls.some((c) => c.operation === 'token' && c.t >= until)).toBe(true);

  await expectWholeAndOnce(rig, span, WINDOWS);
  await expectLimitsKept(rig);
  expect((await readPool(rig.db, rig.pool))?.state).toMatchObject({ state: 'closed', strikes: 0 });
}, 600_000);
