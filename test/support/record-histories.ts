/**
 * Records the histories that test/workflow/replay.test.ts replays, into test/workflow/histories/:
 *
 *     node -r ./test/support/register-ts.cjs test/support/record-histories.ts [backfill] [sync] [batch] …
 *
 * To be run by hand when a workflow is meant to behave differently for new runs. A replay that fails
 * without that intention means that workflows which sleep at a user's right now could not be woken any more.
 */
import { Runtime } from '@temporalio/worker';
import { readBatch } from '../../store/batches/batches';
import { countItems } from '../../store/batches/items';
import { readPool } from '../../store/pools/pools';
import type { batch } from '../../workflows/batches/batch';
import type { command } from '../../workflows/commands/command';
import type { fleetBackfill } from '../../workflows/fleet/fleet-backfill';
import type { positionsTick } from '../../workflows/fleet/fleet-ticks';
import {
  batchStatusQuery,
  commandStatusQuery,
  commandWorkflowId,
  pauseSignal,
  poolWorkflowId,
  reconcileSignal,
  resumeSignal,
  type WorkStatus,
  workStatusQuery,
} from '../../workflows/messages';
import type { quotaPool } from '../../workflows/pools/quota-pool';
import type { BackfillInput, backfill } from '../../workflows/reports/backfill';
import type { datasetSync } from '../../workflows/reports/dataset-sync';
import { eventually } from './eventually';
import { saveHistory } from './history-files';
import { loginAndPolling } from './record-cars';
import { createRunFolder, removeRunFolder } from './run/run-folder';
import { QUICK_GPS51, startGps51Stack, storeWaitingCommand } from './stacks/gps51-stack';
import { startOpenAiStack } from './stacks/openai-stack';
import { DATASET, type Stack, startStack } from './stacks/stack';

const HOUR_MS = 3_600_000;

const poolState = async (stack: Pick<Stack, 'db' | 'pool'>) =>
  (await readPool(stack.db, stack.pool))?.state.state;

async function phase(stack: Stack, workflowId: string, wanted: WorkStatus['phase']): Promise<void> {
  const handle = stack.client.workflow.getHandle(workflowId);
  await eventually(
    `${workflowId} is ${wanted}`,
    async () => (await handle.query(workStatusQuery)).phase === wanted,
  );
}

/** A backfill that runs into a quota, and its pool: pause, probe, an operator's pause and resume. */
async function backfillAndPool(): Promise<void> {
  const stack = await startStack({ account: { pool: { cooldownMinutes: 0.05 } } });
  try {
    await stack.startWorker();
    const pool = stack.client.workflow.getHandle(poolWorkflowId(stack.pool));
    const to = Math.floor(Date.now() / HOUR_MS - 2) * HOUR_MS;
    const input: BackfillInput = {
      dataset: DATASET,
      account: stack.account,
      purpose: 'backfill',
      from: to - 24 * HOUR_MS,
      to,
      chunkHours: 4,
      priority: null,
    };
    stack.simulator.control({ addFaults: [{ kind: 'quota', operation: 'getReport', skip: 3, count: 1 }] });
    const handle = await stack.client.workflow.start<typeof backfill>('backfill', {
      workflowId: 'backfill',
      taskQueue: stack.settings.temporal.taskQueue,
      args: [input],
    });
    await eventually('the pool pauses', async () => (await poolState(stack)) === 'quota_paused');
    await handle.result();
    await pool.signal(reconcileSignal);
    await pool.signal(pauseSignal, { reason: 'inventory count', until: Date.now() + 3_600_000 });
    await eventually('the pool is held', async () => (await poolState(stack)) === 'held');
    await pool.signal(resumeSignal);
    await eventually('the pool is normal again', async () => (await poolState(stack)) === 'closed');
    await saveHistory(stack, 'backfill-with-pause', 'backfill');
    await saveHistory(stack, 'pool-through-its-states', poolWorkflowId(stack.pool));
  } finally {
    await stack.close();
  }
}

/** A sync that fills, audits twice, sleeps, is paused by hand, and waits for its pool. */
async function syncWithAudits(): Promise<void> {
  const stack = await startStack({
    scenario: { reports: { duplicateWindowMinutes: 0 }, data: { lateShare: 0.4 } },
    dataset: { lookbackDays: 2, chunkHours: 12, minRerequestMinutes: 0, weeklyAudit: true },
  });
  try {
    await stack.startWorker();
    const pool = stack.client.workflow.getHandle(poolWorkflowId(stack.pool));
    const handle = await stack.client.workflow.start<typeof datasetSync>('datasetSync', {
      workflowId: 'sync',
      taskQueue: stack.settings.temporal.taskQueue,
      args: [{ dataset: DATASET, account: stack.account }],
    });
    await phase(stack, 'sync', 'sleeping');
    await pool.signal(pauseSignal, 'inventory count');
    await eventually('the pool is held', async () => (await poolState(stack)) === 'held');
    await handle.signal(pauseSignal, 'stocktaking');
    await phase(stack, 'sync', 'paused');
    await handle.signal(resumeSignal);
    await phase(stack, 'sync', 'waiting for quota');
    await pool.signal(resumeSignal);
    await phase(stack, 'sync', 'sleeping');
    await saveHistory(stack, 'sync-with-audits', 'sync');
    await handle.terminate();
  } finally {
    await stack.close();
  }
}

/** A batch through failures that are tried again, a spent budget, an operator's pause, and a daily threshold. */
async function batchWithPause(): Promise<void> {
  const stack = await startOpenAiStack({
    scenario: { faults: [{ kind: 'status', operation: 'createResponse', status: 500, count: 5 }] },
    account: {
      concurrency: { min: 2, max: 8 },
      pool: { breakerFailures: 1000 },
      dailyLimit: 250,
      quotaThreshold: 0.8,
    },
  });
  try {
    await stack.startWorker();
    const { id } = await stack.load(220);
    const handle = await stack.client.workflow.start<typeof batch>('batch', {
      workflowId: 'batch',
      taskQueue: stack.settings.temporal.taskQueue,
      args: [{ batchId: id }],
    });
    const done = (n: number) =>
      eventually(`${n} are done`, async () => (await countItems(stack.db, id)).done >= n);
    await done(40);
    stack.simulator.control({ addErrors: [{ id: 'spent', code: 'insufficient_quota' }] });
    await eventually('the pool is held', async () => (await poolState(stack)) === 'held');
    await eventually(
      'it waits',
      async () => (await handle.query(batchStatusQuery)).phase === 'waiting for quota',
    );
    stack.simulator.control({ clearErrors: ['spent'] });
    await stack.client.workflow.getHandle(poolWorkflowId(stack.pool)).signal(resumeSignal);
    await done(90);
    await handle.signal(pauseSignal, 'a look at the texts');
    await eventually('it is paused', async () => (await readBatch(stack.db, id))?.state === 'paused');
    await eventually('nothing in flight', async () => (await countItems(stack.db, id)).running === 0);
    await handle.signal(resumeSignal);
    await done(110);
    // The day turns soon: at the threshold it sleeps until then.
    await stack.db.query(`update limits set resets_at = now_ms() + 8000 where name = 'daily'`);
    await handle.result();
    await saveHistory(stack, 'batch-with-pause', 'batch');
  } finally {
    await stack.close();
  }
}

/** A fleet's backfill that is paused in the middle of a page, and that the day's calls are used up for. */
async function fleetOverDays(): Promise<void> {
  // A "day" of a minute.
  const minute = { per: 'minute' } as const;
  const stack = await startGps51Stack({
    scenario: { fleet: { devices: 2, parkedShare: 0 }, days: minute, latencyMs: { min: 200, max: 300 } },
    account: { limits: { ...QUICK_GPS51, 'device-trajectory-per-day': minute } },
  });
  try {
    await stack.startWorker();
    const to = Math.floor(Date.now() / HOUR_MS - 24) * HOUR_MS;
    const handle = await stack.client.workflow.start<typeof fleetBackfill>('fleetBackfill', {
      workflowId: 'fleet-backfill',
      taskQueue: stack.settings.temporal.taskQueue,
      args: [
        {
          dataset: 'gps51/tracks',
          account: stack.account,
          from: to - 5 * 24 * HOUR_MS,
          to,
          devices: null,
          chunkHours: null,
          priority: 'background',
        },
      ],
    });
    const wanted = (name: WorkStatus['phase']) =>
      eventually(`it is ${name}`, async () => (await handle.query(workStatusQuery)).phase === name);
    const calls = async () =>
      (await stack.db.query('select count(*) n from fleet_devices')).rows[0].n as number;
    await eventually('the first calls are under way', async () => (await calls()) > 0);
    await handle.signal(pauseSignal, 'inventory count');
    await wanted('paused');
    await handle.signal(resumeSignal);
    await wanted('waiting for quota');
    const pool = stack.client.workflow.getHandle(poolWorkflowId(stack.pool));
    await pool.signal(pauseSignal, 'stocktaking');
    await eventually('the pool is held', async () => (await poolState(stack)) === 'held');
    await eventually('it waits for the pool', async () =>
      (await handle.query(workStatusQuery)).detail.includes('stocktaking'),
    );
    await pool.signal(resumeSignal);
    await handle.result();
    await saveHistory(stack, 'fleet-backfill-over-days', 'fleet-backfill');
  } finally {
    await stack.close();
  }
}

/** A command that waits for a closed pool, is handed over, and whose result is asked for until it comes. */
async function commandThatWaits(): Promise<void> {
  const stack = await startGps51Stack({
    scenario: {
      missingActions: ['sendcmd'],
      commands: { outcomes: [{ device: '*', command: 'LOCATE', result: 6, afterMs: 4000 }] },
    },
  });
  try {
    await stack.startWorker();
    const pool = stack.client.workflow.getHandle(poolWorkflowId(stack.pool));
    await stack.client.workflow.signalWithStart('quotaPool', {
      workflowId: pool.workflowId,
      taskQueue: stack.settings.temporal.taskQueue,
      args: [{ key: stack.pool, policy: stack.fleet.pool }] as Parameters<typeof quotaPool>,
      signal: pauseSignal,
      signalArgs: [{ reason: 'stocktaking' }],
    });
    await eventually('the pool is held', async () => (await poolState(stack)) === 'held');
    const asked = await storeWaitingCommand(stack);
    const handle = await stack.client.workflow.start<typeof command>('command', {
      workflowId: commandWorkflowId(stack.account, asked.commandId),
      taskQueue: stack.settings.temporal.taskQueue,
      args: [asked],
    });
    await eventually('it waits for the pool', async () =>
      JSON.stringify(await handle.query(commandStatusQuery)).includes('stocktaking'),
    );
    await pool.signal(resumeSignal);
    await handle.result();
    await saveHistory(stack, 'command-held-and-polled', handle.workflowId);
  } finally {
    await stack.close();
  }
}

/** Runs of the schedules: one that polls all devices, and one that waits out a limit between two pages of trips. */
async function fleetTicks(): Promise<void> {
  const stack = await startGps51Stack({
    scenario: { fleet: { devices: 10, parkedShare: 0 } },
    account: { limits: { ...QUICK_GPS51, 'ip-per-minute': { count: 5, ms: 8000 } } },
  });
  try {
    await stack.startWorker();
    const { account, settings } = stack;
    const run = async (workflowType: 'positionsTick' | 'tripsTick', name: string) => {
      const dataset = workflowType === 'positionsTick' ? 'gps51/positions' : 'gps51/trips';
      const { workflowId, result } = await stack.client.workflow
        .start<typeof positionsTick>(workflowType, {
          workflowId: workflowType,
          taskQueue: settings.temporal.taskQueue,
          args: [{ dataset, account, intervalMs: 120_000 }],
        })
        .then(async (handle) => ({ workflowId: handle.workflowId, result: await handle.result() }));
      if (result.outcome !== 'done') throw new Error(`${workflowType}: ${result.detail}`);
      await saveHistory(stack, name, workflowId);
    };
    await run('positionsTick', 'fleet-positions');
    await run('tripsTick', 'fleet-trips-between-limits');
  } finally {
    await stack.close();
  }
}

const RECORDINGS = {
  backfill: backfillAndPool,
  sync: syncWithAudits,
  batch: batchWithPause,
  fleet: fleetOverDays,
  command: commandThatWaits,
  ticks: fleetTicks,
  cars: loginAndPolling,
};

async function main(names: readonly string[]): Promise<void> {
  const folder = createRunFolder();
  try {
    for (const [name, record] of Object.entries(RECORDINGS)) {
      if (names.length === 0 || names.includes(name)) await record();
    }
  } finally {
    await Runtime.instance().shutdown();
    await removeRunFolder(folder);
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
