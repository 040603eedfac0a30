/** What waits at a closed pool for very long goes on waiting in fresh histories: commands, fleets' histories, the pool. */
import { Runtime } from '@temporalio/worker';
import { HOUR_MS } from '../../../../quota/durations';
import { readPool } from '../../../../store/pools/pools';
import type { CommandInput, command } from '../../../../workflows/commands/command';
import type { FleetBackfillInput, fleetBackfill } from '../../../../workflows/fleet/fleet-backfill';
import {
  commandStatusQuery,
  commandWorkflowId,
  limitUnblockedSignal,
  type PauseInput,
  pauseSignal,
  poolStatusQuery,
  poolWorkflowId,
  reconcileSignal,
  resumeSignal,
  workStatusQuery,
} from '../../../../workflows/messages';
import type { QuotaPoolInput, quotaPool } from '../../../../workflows/pools/quota-pool';
import { eventually } from '../../../support/eventually';
import { runsOf } from '../../../support/runs';
import { uniqueName } from '../../../support/stacks/embedded';
import { type Gps51Stack, startGps51Stack, storeWaitingCommand } from '../../../support/stacks/gps51-stack';

const EVENTS = 30;

let stack: Gps51Stack;
let pool: { workflowId: string; firstExecutionRunId: string };

/** The pool's workflow, paused by an operator. */
beforeEach(async () => {
  stack = await startGps51Stack({ scenario: { fleet: { devices: 2, parkedShare: 0 } } });
  const { signaledRunId, workflowId } = await stack.client.workflow.signalWithStart<
    typeof quotaPool,
    [PauseInput?]
  >('quotaPool', {
    workflowId: poolWorkflowId(stack.pool),
    taskQueue: stack.settings.temporal.taskQueue,
    args: [{ key: stack.pool, policy: stack.fleet.pool, eventsBeforeContinue: EVENTS }],
    signal: pauseSignal,
    signalArgs: ['stocktaking'],
  });
  pool = { workflowId, firstExecutionRunId: signaledRunId };
  // A worker starts the pools that it finds without a workflow: this one is there by then.
  await stack.startWorker();
  await eventually('the pool is held by the operator', async () =>
    (await readPool(stack.db, stack.pool))?.state.reason.includes('stocktaking'),
  );
});

afterEach(() => stack?.close());
afterAll(() => Runtime.instance().shutdown());

const poolHandle = () => stack.client.workflow.getHandle<typeof quotaPool>(pool.workflowId);
const waiting = async () => (await poolHandle().query(poolStatusQuery)).waiting;

/** Signals that change nothing, until the history is longer than it may be, or a fresh one has begun. */
async function lengthen(workflowId: string, signal: typeof limitUnblockedSignal): Promise<void> {
  const handle = stack.client.workflow.getHandle(workflowId);
  const { runId } = await handle.describe();
  await eventually('a long history', async () => {
    await handle.signal(signal);
    const now = await handle.describe();
    return now.runId !== runId || now.historyLength > EVENTS + 5;
  });
}

/** A backfill of a day's tracks that waits at the pool. */
async function startBackfill(more: Partial<FleetBackfillInput> = {}) {
  const to = Math.floor(Date.now() / HOUR_MS - 24) * HOUR_MS;
  const handle = await stack.client.workflow.start<typeof fleetBackfill>('fleetBackfill', {
    workflowId: uniqueName('fleet-backfill'),
    taskQueue: stack.settings.temporal.taskQueue,
    args: [
      {
        dataset: 'gps51/tracks',
        account: stack.account,
        ...{ from: to - 24 * HOUR_MS, to, devices: null, chunkHours: null, priority: 'background' },
        ...more,
      },
    ],
  });
  await eventually('it waits', async () => (await waiting()).includes(handle.workflowId));
  return handle;
}

test('a command that has waited for very long is sent once, from a fresh history', async () => {
  const asked = await storeWaitingCommand(stack);
  const handle = await stack.client.workflow.start<typeof command>('command', {
    workflowId: commandWorkflowId(stack.account, asked.commandId),
    taskQueue: stack.settings.temporal.taskQueue,
    args: [{ ...asked, eventsBeforeContinue: EVENTS }],
  });
  await eventually('it waits', async () => (await waiting()).includes(handle.workflowId));
  await lengthen(handle.workflowId, limitUnblockedSignal);
  expect(await handle.query(commandStatusQuery)).toMatchObject({
    phase: 'waiting',
    detail: expect.stringContaining('stocktaking'),
  });
  await poolHandle().signal(resumeSignal);
  expect(await handle.result()).toMatchObject({ state: 'succeeded' });

  const runs = await runsOf<CommandInput>(stack.client, handle.workflowId, handle.firstExecutionRunId);
  expect(runs.map(({ input }) => input.commandId)).toEqual([asked.commandId, asked.commandId]);
  const sent = await fetch(`${stack.simulator.url}/_sim/commands?code=LOCATE`);
  expect(((await sent.json()) as { commands: unknown[] }).commands).toHaveLength(1);
});

test('a fleet’s backfill that has waited for very long goes on in a fresh history', async () => {
  const handle = await startBackfill({ eventsBeforeContinue: EVENTS });
  await lengthen(handle.workflowId, limitUnblockedSignal);
  await poolHandle().signal(resumeSignal);
  expect(await handle.result()).toMatchObject({ failed: 0, problems: [] });
  expect(await handle.query(workStatusQuery)).toMatchObject({ phase: 'done' });
  const runs = await runsOf<FleetBackfillInput>(stack.client, handle.workflowId, handle.firstExecutionRunId);
  expect(runs).toHaveLength(2);
});

test('a pool remembers its pause and who waits for it, and wakes them from a fresh history', async () => {
  const handle = await startBackfill();
  const poolRuns = () => runsOf<QuotaPoolInput>(stack.client, pool.workflowId, pool.firstExecutionRunId);
  const before = (await poolRuns()).length;
  await lengthen(pool.workflowId, reconcileSignal);
  await eventually('a fresh history', async () => (await poolRuns()).length > before);
  expect((await poolRuns()).at(-1)?.input).toMatchObject({
    waiting: [handle.workflowId],
    remembered: { state: 'held', reason: expect.stringContaining('stocktaking') },
  });
  await poolHandle().signal(resumeSignal);
  expect(await handle.result()).toMatchObject({ failed: 0 });
});
