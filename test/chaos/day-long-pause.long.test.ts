/**
 * A pause of a day is one timer in one history and one row in one table. It holds through the death of every
 * process, and through the loss of either of the two, until an operator ends it.
 */
import { readPool } from '../../store/pools/pools';
import { poolStatusQuery, poolWorkflowId, resumeSignal } from '../../workflows/messages';
import {
  allCalls,
  chunksIngested,
  expectWholeAndOnce,
  finished,
  pastHours,
  startBackfill,
  type TimeSpan,
} from '../support/chaos/chaos-judge';
import { ChaosRig } from '../support/chaos/chaos-rig';
import { type HistoryTimer, timersIn } from '../support/histories';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A call that had its permit when the pool closed arrives within this on a busy machine, ms. */
const DEPARTURE_MS = 3000;
const ANSWER_MS = 100;
/** A busy machine starts the timer of a day later by so much at most. */
const TIMER_MS = 60_000;

/** The windows of the first test, and those before them of the second. */
const span = pastHours(20 * 6);
const older = { from: span.from - 8 * 6 * HOUR_MS, to: span.from };

let rig: ChaosRig;

beforeAll(async () => {
  rig = await ChaosRig.start({
    scenario: {
      latencyMs: { min: ANSWER_MS, max: ANSWER_MS },
      reports: { queueMs: { min: 100, max: 300 }, processingMs: { min: 200, max: 800 } },
    },
    account: () => ({ pool: { cooldownMinutes: 1440 } }),
  });
  await rig.startWorkers(1);
});

afterAll(() => rig?.close(), 60_000);

/** The timers in the history of the pool's workflow that were started since an instant. */
async function poolTimers(since: number): Promise<readonly HistoryTimer[]> {
  return timersIn(await rig.client.workflow.getHandle(poolWorkflowId(rig.pool)).fetchHistory(), since);
}

/** The pool as Postgres has it, once it is paused. */
function pausedPool() {
  return rig.eventually('the pool pauses', async () => {
    const record = await readPool(rig.db, rig.pool);
    const state = record?.state;
    return state?.state === 'quota_paused' && state.until !== null ? { ...state, until: state.until } : null;
  });
}

/** The one timer of a pause, once the workflow has started it. */
function pauseTimer(since: number): Promise<HistoryTimer> {
  return rig.eventually('the pause is one pending timer', async () => {
    const pending = (await poolTimers(since)).filter((t) => t.pending);
    return pending.length === 1 ? pending[0] : null;
  });
}

/** Kills all and starts all; resolves when the pool's workflow answers, having read Postgres again. */
async function killAllAndRestart(): Promise<void> {
  await rig.killAll();
  await rig.startAll(1);
  await rig.eventually('the pool workflow has read Postgres', async () => {
    const { events } = await rig.client.workflow.getHandle(poolWorkflowId(rig.pool)).fetchHistory();
    const reads = (events ?? []).filter((e) => e.activityTaskScheduledEventAttributes);
    const done = (events ?? []).filter((e) => e.activityTaskCompletedEventAttributes);
    return reads.length > 0 && reads.length === done.length;
  });
}

function poolStatus() {
  return rig.eventually('the pool workflow answers', () =>
    rig.client.workflow.getHandle(poolWorkflowId(rig.pool)).query(poolStatusQuery),
  );
}

/** The operator's word, as `temporal workflow signal --name resume` gives it; then one call, then the others. */
async function resumeAndFinish(filled: TimeSpan, windows: number, workflowId: string): Promise<void> {
  const before = (await allCalls(rig)).length;
  await rig.client.workflow.getHandle(poolWorkflowId(rig.pool)).signal(resumeSignal);
  expect(await finished(rig, 120_000, workflowId)).toMatchObject({ failed: 0 });
  const after = (await allCalls(rig)).slice(before).filter((c) => c.operation !== 'token');
  const [probe, next] = after;
  expect((next?.t ?? 0) - (probe?.t ?? 0)).toBeGreaterThanOrEqual(ANSWER_MS);
  expect(after.filter((c) => c.status === 429)).toEqual([]);
  await expectWholeAndOnce(rig, filled, windows);
  expect((await readPool(rig.db, rig.pool))?.state).toMatchObject({ state: 'closed', strikes: 0 });
}

test('a day’s pause is one timer and one row, and survives the loss of either', async () => {
  await startBackfill(rig, span);
  await rig.eventually('some chunks are done', async () => (await chunksIngested(rig)) >= 3);
  await rig.control({ quota: { operation: '*', account: '*', forMs: 3000 } });
  const paused = await pausedPool();
  const length = paused.until - paused.since;
  // The jitter only lengthens a pause whose length nobody has stated.
  expect(length).toBeGreaterThanOrEqual(DAY_MS);
  expect(length).toBeLessThanOrEqual(1.1 * DAY_MS);
  const timer = await pauseTimer(paused.since);
  expect(Math.abs(timer.firesAt - paused.until)).toBeLessThan(TIMER_MS);

  // Everything dies.
  await killAllAndRestart();
  expect(await poolTimers(paused.since)).toEqual([timer]);
  expect((await readPool(rig.db, rig.pool))?.state).toEqual(paused);

  // Postgres loses the row.
  await rig.db.query('delete from pools');
  await killAllAndRestart();
  await rig.eventually(
    'the row is back',
    async () => (await readPool(rig.db, rig.pool))?.state.until === paused.until,
  );
  expect((await readPool(rig.db, rig.pool))?.state).toEqual(paused);
  expect(await poolTimers(paused.since)).toEqual([timer]);

  // Temporal loses everything, the backfill too.
  await rig.temporal.kill();
  rig.temporal.forget();
  await rig.temporal.start();
  expect((await readPool(rig.db, rig.pool))?.state).toEqual(paused);
  await startBackfill(rig, span, 'backfill again');
  const { firesAt } = await pauseTimer(paused.since);
  expect(Math.abs(firesAt - paused.until)).toBeLessThan(TIMER_MS);
  expect((await poolStatus()).waiting).toEqual(['backfill again']);
  expect((await readPool(rig.db, rig.pool))?.state).toEqual(paused);

  expect((await allCalls(rig)).filter((c) => c.t > paused.since + DEPARTURE_MS)).toEqual([]);
  await resumeAndFinish(span, 20, 'backfill again');
}, 600_000);

test('a day that the vendor states is kept to the second', async () => {
  await rig.control({
    addFaults: [
      {
        kind: 'status',
        operation: 'getReport',
        status: 429,
        headers: { 'retry-after': String(DAY_MS / 1000) },
        body: JSON.stringify({
          errors: [{ code: 'QuotaExceeded', message: 'You exceeded your quota for the requested resource.' }],
        }),
        count: 1,
        skip: 2,
      },
    ],
  });
  await startBackfill(rig, older, 'older');
  const paused = await pausedPool();
  expect(paused.until - paused.since).toBeCloseTo(DAY_MS, 0);
  const timer = await pauseTimer(paused.since);
  await killAllAndRestart();
  expect(await poolTimers(paused.since)).toEqual([timer]);
  expect((await readPool(rig.db, rig.pool))?.state).toEqual(paused);
  expect((await allCalls(rig)).filter((c) => c.t > paused.since + DEPARTURE_MS)).toEqual([]);

  await resumeAndFinish({ from: older.from, to: span.to }, 28, 'older');
}, 600_000);
