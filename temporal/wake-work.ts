/** Wakes workflows that sleep for a limit, or for a kind of call that is stopped, so that they ask again at once. */
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { itemsDueSignal, limitUnblockedSignal } from '../workflows/messages';
import { listExecutions } from './executions';

/** Types of workflows that fetch reports: calls of these alone are stopped by report type. */
export const REPORT_WORK = ['datasetSync', 'backfill'] as const;

/** @param types of workflows; left out: all that work for an account. */
export async function wakeWork(
  client: Client,
  taskQueue: string,
  accounts: readonly string[],
  types?: readonly string[],
): Promise<void> {
  const query = `ExecutionStatus = "Running" AND TaskQueue = "${taskQueue}"`;
  for await (const { workflowId, type } of listExecutions(client, query)) {
    if (type === 'quotaPool' || (types && !types.includes(type))) continue;
    // Their ids name the account between colons, see workflows/messages.ts.
    if (!workflowId.split(':').some((part) => accounts.includes(part))) continue;
    try {
      await client.workflow
        .getHandle(workflowId)
        .signal(type === 'batch' ? itemsDueSignal : limitUnblockedSignal);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }
}
