/**
 * A batch of texts, and ten deaths of whatever runs it (four in the short form). Every call costs money: at the end every item has the one
 * result that was stored first, and what was called twice was on the way when something died.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { countItems } from '../../store/batches/items';
import { pickBetween } from '../../vendors/kit/random';
import { batchWorkflowId } from '../../workflows/messages';
import { callsSeen, type VendorCallSeen } from '../support/callers/vendor-view';
import { ChaosRig } from '../support/chaos/chaos-rig';
import { longOr } from '../support/run/long';
import { loadBatch, resultsOf, startBatch } from '../support/stacks/openai-stack';

const ITEMS = longOr(800, 450);
const RATE = 30;
const MOST_IN_FLIGHT = 20;
const SEED = Number(process.env.CHAOS_SEED ?? 20_26);
/** A result that has come is stored within this, as a rule, ms; a call lost with it counts as on the way. */
const STORED_MS = 1000;
/** A page whose worker died is given to the next one after a quarter of a minute: other deaths do not wait for it, ms. */
const NO_CALLS_MS = 6000;

type Part = 'worker' | 'temporal' | 'postgres';
const DEATHS: readonly Part[] = shuffled([
  ...Array<Part>(longOr(3, 1)).fill('worker'),
  ...Array<Part>(longOr(3, 1)).fill('temporal'),
  ...Array<Part>(longOr(4, 2)).fill('postgres'),
]);

let rig: ChaosRig;

beforeAll(async () => {
  rig = await ChaosRig.startOpenAi({
    scenario: {
      requestsPerMinute: RATE * 60,
      burstSeconds: 1,
      latencyMs: { min: 100, max: 600 },
    },
    accounts: {
      bios: {
        concurrency: { min: 4, max: MOST_IN_FLIGHT },
        // Late by up to a second on a busy machine.
        limits: { requests: { ratePerSecond: RATE * 0.9, burst: RATE, slackMs: 800 } },
      },
    },
  });
});

afterAll(() => rig?.close(), 60_000);

/** The order is the seed's. */
function shuffled(parts: readonly Part[]): Part[] {
  const keyed = parts.map((part, i) => ({ part, key: pickBetween(0, 1_000_000, SEED, i, 'order') }));
  return keyed.sort((a, b) => a.key - b.key).map(({ part }) => part);
}

async function texts(): Promise<readonly VendorCallSeen[]> {
  return (await callsSeen(rig.simulatorUrl)).filter((c) => c.operation === 'createResponse');
}

async function killAndRestart(part: Part, downMs: number): Promise<number> {
  const victim = { worker: rig.workers[0], temporal: rig.temporal, postgres: rig.postgres }[part];
  await victim?.kill();
  const diedAt = Date.now();
  await delay(downMs);
  await victim?.start();
  return diedAt;
}

/** Calls whose answers were on the way at an instant, or had come and were perhaps not stored yet. */
function inFlightAt(calls: readonly VendorCallSeen[], at: number): number {
  const endOf = (c: VendorCallSeen) => c.t + Number(c.requestDetail.latencyMs ?? 0) + STORED_MS;
  return calls.filter((c) => c.status === 200 && c.t <= at && at < endOf(c)).length;
}

test('whoever dies and whenever: one result for each item, and no call twice but those that were on the way', async () => {
  await rig.startWorkers(1);
  const { id } = await loadBatch(rig.db, rig.account, ITEMS);
  const { workflowId } = await startBatch(
    rig.client,
    rig.taskQueue,
    id,
    batchWorkflowId('openai/bios', rig.account, id),
  );
  const deaths: number[] = [];
  for (const [round, part] of DEATHS.entries()) {
    const before = (await texts()).length;
    const wanted = pickBetween(5, 30, SEED, round, 'calls');
    await rig
      .eventually('calls', async () => (await texts()).length >= before + wanted, NO_CALLS_MS)
      .catch(() => undefined);
    await delay(pickBetween(0, 200, SEED, round, 'moment'));
    deaths.push(await killAndRestart(part, pickBetween(300, 800, SEED, round, 'down')));
  }
  expect((await countItems(rig.db, id)).done).toBeLessThan(ITEMS);
  const result = await rig.eventually(
    'the batch ends',
    () => rig.client.workflow.getHandle(workflowId).result(),
    180_000,
  );
  expect(result).toEqual({ items: ITEMS, done: ITEMS, failed: 0, cancelled: false });

  const calls = await texts();
  const answered = calls.filter((c) => c.status === 200);
  expect(calls.filter((c) => c.status === 429)).toEqual([]);
  const results = await resultsOf(rig.db, id);
  expect(results.map((r) => r.seq)).toEqual(Array.from({ length: ITEMS }, (_, seq) => seq));
  expect(results.every((r) => r.state === 'done' && (r.result?.text.length ?? 0) > 0)).toBe(true);
  const stored = new Set(results.map((r) => r.responseId));
  expect(stored.size).toBe(ITEMS);
  const given = new Set(answered.map((c) => c.requestDetail.responseId));
  expect([...stored].filter((response) => !given.has(response))).toEqual([]);

  const times = new Map<unknown, number>();
  for (const { requestDetail } of answered) {
    times.set(requestDetail.inputHash, (times.get(requestDetail.inputHash) ?? 0) + 1);
  }
  expect(times.size).toBe(ITEMS);
  const again = answered.length - ITEMS;
  const onTheWay = deaths.map((at) => inFlightAt(answered, at));
  expect(again).toBeLessThanOrEqual(onTheWay.reduce((sum, n) => sum + n, 0));
  expect(again).toBeLessThanOrEqual(DEATHS.length * MOST_IN_FLIGHT);
}, 600_000);
