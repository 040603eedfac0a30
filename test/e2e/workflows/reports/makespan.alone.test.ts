import { Runtime } from '@temporalio/worker';
import { HOUR_MS } from '../../../../quota/durations';
import type { backfill } from '../../../../workflows/reports/backfill';
import { callsSeen } from '../../../support/callers/vendor-view';
import { longOr } from '../../../support/run/long';
import { Processors } from '../../../support/run/processors';
import { undisturbed } from '../../../support/run/undisturbed';
import { uniqueName } from '../../../support/stacks/embedded';
import { DATASET, startStack } from '../../../support/stacks/stack';

afterAll(() => Runtime.instance().shutdown());

const WINDOWS = longOr(75, 60);
const RATE = 2.5;
const BURST = 15;
/** One of the burst is kept for the live hour. */
const SPENDABLE = BURST - 1;

test('only the quotas bound the speed, and no call is refused', async () => {
  const processors = new Processors();
  // The last document is fetched as soon as the last report can be made and seen: nothing queues behind creation.
  const { over, tailMs } = await undisturbed(run, (seen) => seen.over <= 1.05 && seen.tailMs <= 3000, 5);
  expect(over).toBeLessThanOrEqual((1.05 * 0.95) / processors.leastUse());
  expect(tailMs).toBeLessThanOrEqual(3000);
});

/** The time from the first creation to the last by what the quotas allow, and from there to the last document. */
async function run(): Promise<{ readonly over: number; readonly tailMs: number }> {
  const bucket = { ratePerSecond: RATE, burst: BURST };
  const stack = await startStack({
    limits: {
      createReport: bucket,
      getReportDocument: bucket,
      getReport: { ratePerSecond: 40, burst: 60 },
      getReports: { ratePerSecond: 1, burst: 10 },
    },
    scenario: {
      limits: { createReport: bucket, getReportDocument: bucket },
      reports: { queueMs: { min: 100, max: 200 }, processingMs: { min: 200, max: 400 } },
    },
    dataset: { poll: { initialSeconds: 0.7, factor: 1.3, maxSeconds: 1 } },
  });
  try {
    await stack.startWorker();
    const to = Math.floor((Date.now() - 2 * HOUR_MS) / HOUR_MS) * HOUR_MS;
    const summary = await stack.client.workflow.execute<typeof backfill>('backfill', {
      workflowId: uniqueName('backfill'),
      taskQueue: stack.settings.temporal.taskQueue,
      args: [
        {
          dataset: DATASET,
          account: stack.account,
          purpose: 'backfill',
          from: to - WINDOWS * HOUR_MS,
          to,
          chunkHours: 1,
          priority: null,
        },
      ],
    });
    expect(summary).toMatchObject({ done: WINDOWS, failed: 0 });

    const calls = await callsSeen(stack.simulator.url);
    expect(calls.filter((c) => c.status === 429)).toEqual([]);
    const created = calls.filter((c) => c.operation === 'createReport').map((c) => c.t);
    const first = created[0] ?? 0;
    const allowed = ((WINDOWS - SPENDABLE) / RATE) * 1000;
    const took = (created.at(-1) ?? 0) - first;
    const docs = calls.filter((c) => c.operation === 'downloadDocument').map((c) => c.t - first);
    expect(took).toBeGreaterThanOrEqual(allowed * 0.99);
    return { over: took / allowed, tailMs: (docs.at(-1) ?? 0) - took };
  } finally {
    await stack.close();
  }
}
