/** Signals pool workflows, and starts those that do not run. */
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { PoolSignal } from '../activities/pools/pool';
import type { PoolPolicy } from '../quota/pools/state';
import {
  failureSignal,
  poolWorkflowId,
  quotaHitSignal,
  reconcileSignal,
  successSignal,
  waitingSignal,
} from '../workflows/messages';
import type { quotaPool } from '../workflows/pools/quota-pool';

/** True when the pool's workflow runs: it may remember what an empty database does not know. */
export async function poolWorkflowRuns(client: Client, poolKey: string): Promise<boolean> {
  try {
    const { status } = await client.workflow.getHandle(poolWorkflowId(poolKey)).describe();
    return status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

const BY_STATE = { quotaHit: quotaHitSignal, failure: failureSignal, success: successSignal } as const;

/** Signals with start, so that a pool's workflow exists as soon as something happens to the pool. */
export async function signalPool(
  client: Client,
  taskQueue: string,
  poolKey: string,
  policy: PoolPolicy,
  signal: PoolSignal,
): Promise<void> {
  const base = {
    workflowId: poolWorkflowId(poolKey),
    taskQueue,
    args: [{ key: poolKey, policy }] as Parameters<typeof quotaPool>,
    staticSummary: `Quota pool ${poolKey}`,
    staticDetails: 'Holds the quota of this account: pauses, probes and wakes. Signals: pause, resume.',
  };
  const start = client.workflow.signalWithStart.bind(client.workflow);
  switch (signal.name) {
    case 'waiting':
      await start('quotaPool', {
        ...base,
        signal: waitingSignal,
        signalArgs: [{ workflowId: signal.workflowId, state: signal.state }],
      });
      return;
    case 'reconcile':
      await start('quotaPool', { ...base, signal: reconcileSignal, signalArgs: [] });
      return;
    default:
      await start('quotaPool', { ...base, signal: BY_STATE[signal.name], signalArgs: [signal.state] });
  }
}
