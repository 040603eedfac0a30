/**
 * Background work that has reached the threshold of its daily limit sleeps until the day turns: one timer in one
 * history. Everything dies meanwhile; the timer keeps its time, nothing is called before it, and then it goes on.
 */
import { countItems } from '../../store/batches/items';
import { batchStatusQuery, batchWorkflowId } from '../../workflows/messages';
import { callsSeen } from '../support/callers/vendor-view';
import { ChaosRig } from '../support/chaos/chaos-rig';
import { timersIn } from '../support/histories';
import { loadBatch, STEADY_DAY, startBatch } from '../support/stacks/openai-stack';

const DAILY_LIMIT = 50;
const THRESHOLD = 0.8;
const BEFORE_PAUSE = DAILY_LIMIT * THRESHOLD;
const ITEMS = 60;

let rig: ChaosRig;

beforeAll(async () => {
  rig = await ChaosRig.startOpenAi({
    scenario: { latencyMs: { min: 20, max: 100 } },
    accounts: { bios: { ...STEADY_DAY, dailyLimit: DAILY_LIMIT, quotaThreshold: THRESHOLD } },
  });
});

afterAll(() => rig?.close(), 60_000);

async function texts() {
  return (await callsSeen(rig.simulatorUrl)).filter((c) => c.operation === 'createResponse');
}

/** The day of the daily limit ends in `ms`; a test cannot wait for midnight. @returns when, epoch ms. */
async function shortenDay(ms: number): Promise<number> {
  const { rows } = await rig.db.query<{ at: number }>(
    `update limits set resets_at = now_ms() + $1 where name = 'daily' and used > 0 returning resets_at as at`,
    [ms],
  );
  return rows[0]?.at ?? Number.NaN;
}

test('the pause at the threshold outlives every process, ends when the day turns, and not before', async () => {
  await rig.startWorkers(1);
  const { id } = await loadBatch(rig.db, rig.account, ITEMS);
  const { workflowId } = await startBatch(
    rig.client,
    rig.taskQueue,
    id,
    batchWorkflowId('openai/bios', rig.account, id),
  );
  const handle = rig.client.workflow.getHandle(workflowId);
  const pendingTimers = async () => timersIn(await handle.fetchHistory()).filter((t) => t.pending);
  await rig.eventually('the first calls', async () => (await texts()).length >= 3);
  const turnsAt = await shortenDay(Math.max(60_000, 10 * rig.startMs));
  const [timer] = await rig.eventually('it sleeps', async () => {
    const timers = (await pendingTimers()).filter((t) => Math.abs(t.firesAt - turnsAt) < 5000);
    return timers.length === 1 ? timers : null;
  });
  expect((await countItems(rig.db, id)).done).toBe(BEFORE_PAUSE);
  expect(await handle.query(batchStatusQuery)).toMatchObject({ phase: 'waiting for quota' });

  await rig.killAll();
  const killedAt = Date.now();
  await rig.startAll(1);
  expect(killedAt).toBeLessThan(turnsAt);
  if (Date.now() < turnsAt - 1000) expect(await pendingTimers()).toEqual([timer]);

  const result = await rig.eventually('the batch ends', () => handle.result(), 180_000);
  expect(result).toMatchObject({ items: ITEMS, done: ITEMS, failed: 0 });
  const calls = await texts();
  expect(calls).toHaveLength(ITEMS);
  expect(calls.filter((c) => c.t < turnsAt)).toHaveLength(BEFORE_PAUSE);
  expect(calls.filter((c) => c.status !== 200)).toEqual([]);
}, 600_000);
