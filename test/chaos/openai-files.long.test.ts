/**
 * A batch by files, whose worker dies again and again: while parts are cut, uploaded, made, polled and collected, and
 * while they are cancelled. The vendor counts: no request is paid for twice, no batch is left there, nothing is lost.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { listParts } from '../../store/batches/parts';
import { pickBetween } from '../../vendors/kit/random';
import { batchWorkflowId, cancelSignal } from '../../workflows/messages';
import { callsSeen } from '../support/callers/vendor-view';
import { ChaosRig } from '../support/chaos/chaos-rig';
import { longOr } from '../support/run/long';
import { loadBatch, resultsOf, startBatch } from '../support/stacks/openai-stack';
import { vendorBatches } from '../support/vendors/openai-batches';

const ITEMS = 240;
const DEATHS = longOr(8, 5);
const SEED = Number(process.env.CHAOS_SEED ?? 20_26);
/** A worker that has started does what is next within this, ms. */
const NEXT_CALL_MS = 20_000;

let rig: ChaosRig;

beforeAll(async () => {
  const slow = { min: 300, max: 900 };
  rig = await ChaosRig.startOpenAi({
    scenario: {
      latencyMs: { min: 100, max: 600 },
      batches: { validatingMs: slow, finalizingMs: slow, cancellingMs: slow },
    },
    accounts: {
      bios: {
        batchApi: { maxRequests: 40, pollSeconds: 0.3, pollMaxSeconds: 1, settleSeconds: 2 },
      },
    },
  });
});

afterAll(() => rig?.close(), 60_000);

const calls = () => callsSeen(rig.simulatorUrl);
const vendor = () => ({ simulator: { baseUrl: `${rig.simulatorUrl}/v1` } });

async function begin() {
  const { id } = await loadBatch(rig.db, rig.account, ITEMS, { via: 'batch-api' });
  const workflowId = batchWorkflowId('openai/bios', rig.account, id);
  const handle = await startBatch(rig.client, rig.taskQueue, id, workflowId);
  return { id, handle };
}

/** Dies as soon as the vendor has seen another call, or a moment later: on the way, answered, or being stored. */
async function die(round: number): Promise<void> {
  const before = (await calls()).length;
  const wanted = before + pickBetween(1, 4, SEED, round, 'calls');
  await rig
    .eventually('calls', async () => (await calls()).length >= wanted, NEXT_CALL_MS, 20)
    .catch(() => undefined);
  await delay(pickBetween(0, 700, SEED, round, 'moment'));
  await rig.workers[0]?.kill();
  await rig.startWorkers(1);
}

test('whenever the worker dies: one answer for each item, and each is paid for once', async () => {
  await rig.startWorkers(1);
  const { id, handle } = await begin();
  for (let round = 0; round < DEATHS; round++) await die(round);
  const result = await rig.eventually('the batch ends', () => handle.result(), 240_000);
  expect(result).toEqual({ items: ITEMS, done: ITEMS, failed: 0, cancelled: false });
  const results = await resultsOf(rig.db, id);
  expect(results.map(({ seq }) => seq)).toEqual(Array.from({ length: ITEMS }, (_, seq) => seq));
  const seen = await vendorBatches(vendor());
  expect(new Set(seen.map(({ status }) => status))).toEqual(new Set(['completed']));
  expect(seen.reduce((sum, batch) => sum + batch.request_counts.total, 0)).toBe(ITEMS);
  const parts = await listParts(rig.db, id);
  // A part whose file was cut anew before it was made has no batch there.
  const made = parts.flatMap(({ vendorId }) => (vendorId === null ? [] : [vendorId]));
  expect(made.sort()).toEqual(seen.map((batch) => batch.id).sort());
  expect(new Set(parts.map(({ state }) => state))).toEqual(new Set(['settled']));
}, 600_000);

test('whenever the worker dies while it cancels: nothing is left at the vendor, and what was answered is kept', async () => {
  const { id, handle } = await begin();
  const known = (await vendorBatches(vendor())).length;
  const made = async () => (await vendorBatches(vendor())).length - known;
  await rig.eventually('parts are made', async () => (await made()) >= 2, 60_000, 50);
  await handle.signal(cancelSignal, 'not wanted any more');
  for (let round = 100; round < 103; round++) await die(round);
  await rig.eventually('the batch ends', () => handle.result(), 240_000);
  const seen = (await vendorBatches(vendor())).slice(known);
  const open = seen.filter(({ status }) => !['completed', 'cancelled', 'expired', 'failed'].includes(status));
  expect(open).toEqual([]);
  const answered = seen.reduce((sum, batch) => sum + batch.request_counts.completed, 0);
  const done = (await resultsOf(rig.db, id)).filter(({ state }) => state === 'done').length;
  expect(done).toBe(answered);
}, 600_000);
