/**
 * Processes die in the middle of calls, again and again, and two answers to createReport are lost. At the end every
 * window was made once, every row is there, and the vendor has never been asked more than it allows.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { pickBetween } from '../../vendors/kit/random';
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
import { longOr } from '../support/run/long';

const WINDOWS = longOr(40, 24);
const SEED = Number(process.env.CHAOS_SEED ?? 20_26);

/** The create call whose worker dies while the vendor, who has made the report, takes its time to say so. */
const SLOW_CREATE = 3;

type Part = 'worker 1' | 'worker 2' | 'temporal' | 'postgres';
const EVERYTHING: readonly Part[] = ['worker 1', 'worker 2', 'temporal', 'postgres'];

/** Who dies together; the seed decides when. */
const DEATHS: readonly (readonly Part[])[] = longOr<readonly (readonly Part[])[]>(
  [
    ['worker 1'],
    ['postgres'],
    ['temporal'],
    ['worker 1', 'worker 2'],
    EVERYTHING,
    ['temporal', 'postgres'],
    ['worker 2', 'postgres'],
    EVERYTHING,
  ],
  [['postgres'], ['worker 1', 'temporal'], EVERYTHING],
);

let rig: ChaosRig;

beforeAll(async () => {
  rig = await ChaosRig.start({
    scenario: {
      latencyMs: { min: 20, max: 250 },
      reports: { queueMs: { min: 100, max: 500 }, processingMs: { min: 200, max: 1000 } },
      faults: [
        { kind: 'drop-after-processing', operation: 'createReport', count: 1, skip: 4 },
        { kind: 'drop-after-processing', operation: 'createReport', count: 1, skip: 17 },
        { kind: 'latency', operation: 'createReport', count: 1, skip: SLOW_CREATE - 1, latencyMs: 5000 },
      ],
    },
  });
});

afterAll(() => rig?.close(), 60_000);

/** kill -9 of all of them at once, and their return half a second to a second later. */
async function killAndRestart(victims: readonly Part[], downMs: number): Promise<void> {
  const parts = {
    'worker 1': rig.workers[0],
    'worker 2': rig.workers[1],
    temporal: rig.temporal,
    postgres: rig.postgres,
  } as const;
  const chosen = victims.map((name) => parts[name]);
  await Promise.all(chosen.map((part) => part?.kill()));
  await delay(downMs);
  await Promise.all(chosen.map((part) => part?.start()));
}

async function creates() {
  return (await allCalls(rig)).filter((c) => c.operation === 'createReport');
}

test('nothing is lost, repeated or called too fast, whichever process dies and whenever', async () => {
  const span = pastHours(WINDOWS * 6);
  await rig.startWorkers(2);
  await startBackfill(rig, span);
  await rig.eventually('the slow create call', async () => (await creates()).length >= SLOW_CREATE);
  await killAndRestart(['worker 1', 'worker 2'], 500);
  for (const [round, victims] of DEATHS.entries()) {
    const before = (await allCalls(rig)).length;
    const calls = pickBetween(5, 20, SEED, round, 'calls');
    await rig.eventually(
      `${calls} calls before death ${round}`,
      async () => (await allCalls(rig)).length >= before + calls,
    );
    await delay(pickBetween(0, 120, SEED, round, 'moment'));
    await killAndRestart(victims, pickBetween(500, 1000, SEED, round, 'down'));
  }
  expect(await chunksIngested(rig)).toBeLessThan(WINDOWS);

  expect(await finished(rig, 180_000)).toMatchObject({ chunks: WINDOWS, done: WINDOWS, failed: 0 });

  const calls = await allCalls(rig);
  expect(calls.filter((c) => c.status === 429)).toEqual([]);
  // Three answers were lost for certain: each report was looked for, found and adopted.
  const faults = calls.map((c) => ('fault' in c ? c.fault : null));
  expect(faults.filter((f) => f === 'drop-after-processing')).toHaveLength(2);
  expect(faults.filter((f) => f === 'latency')).toHaveLength(1);
  expect(calls.filter((c) => c.operation === 'getReports').length).toBeGreaterThanOrEqual(3);
  await expectWholeAndOnce(rig, span, WINDOWS);
  await expectLimitsKept(rig);
}, 600_000);
