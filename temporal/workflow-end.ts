/** How a workflow ended that should still be running. */
import { type Client, WorkflowNotFoundError } from '@temporalio/client';

const ENDS: Readonly<Record<string, string>> = {
  TERMINATED: 'was terminated',
  FAILED: 'has failed',
  TIMED_OUT: 'has timed out',
  CANCELLED: 'was cancelled',
  COMPLETED: 'has ended before its work',
};

export interface WorkflowEnd {
  /** In words that follow "its workflow". */
  readonly how: string;
  /** Epoch ms; null when Temporal does not know. */
  readonly at: number | null;
}

/** Null while it is open. */
export async function workflowEnd(client: Client, workflowId: string): Promise<WorkflowEnd | null> {
  try {
    const { status, closeTime } = await client.workflow.getHandle(workflowId).describe();
    const how = ENDS[status.name];
    return how === undefined ? null : { how, at: closeTime?.getTime() ?? null };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { how: 'does not exist', at: null };
    throw error;
  }
}
