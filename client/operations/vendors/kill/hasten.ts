/**
 * Frees at once what killed processes held. Leases would run out some ten seconds after their last sign of life, and Temporal
 * would miss their heartbeats later; the suite knows that they are dead and need not wait.
 */
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { endItemLeases } from '../../../../store/batches/claims';
import { endReadLeases } from '../../../../store/reads/reads';
import { listExecutions } from '../../../../temporal/executions';

/** `PENDING_ACTIVITY_STATE_STARTED`. */
const STARTED = 2;

/** For when no process of the test's is alive. */
export async function endLeases(db: Pool): Promise<void> {
  await endReadLeases(db);
  await endItemLeases(db);
}

/** The same for what Temporal waits for. */
export async function endAttempts(client: Client, taskQueue: string): Promise<void> {
  const { workflowService } = client;
  const { namespace, identity } = client.options;
  for await (const run of listExecutions(client, "ExecutionStatus = 'Running'")) {
    if (run.taskQueue !== taskQueue) continue;
    const execution = { workflowId: run.workflowId, runId: run.runId };
    await workflowService.resetStickyTaskQueue({ namespace, execution });
    const { pendingActivities } = await workflowService.describeWorkflowExecution({ namespace, execution });
    for (const { activityId, state } of pendingActivities ?? []) {
      if (state !== STARTED) continue;
      await workflowService.respondActivityTaskFailedById({
        ...{ namespace, identity, ...execution, activityId: activityId ?? '' },
        failure: { message: 'its worker was killed', applicationFailureInfo: { type: 'Killed' } },
      });
    }
  }
}
