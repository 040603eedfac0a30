/** How a workflow that should be running has ended. */
import { type Client, WorkflowNotFoundError } from '@temporalio/client';

const ENDS: Readonly<Record<string, string>> = {
  TERMINATED: 'was terminated',
  FAILED: 'has failed',
  TIMED_OUT: 'has timed out',
  CANCELLED: 'was cancelled',
  COMPLETED: 'has ended before its work',
};

/** In words that follow "its workflow"; null while it is open. */
export async function workflowEnd(client: Client, workflowId: string): Promise<string | null> {
  try {
    const { status } = await client.workflow.getHandle(workflowId).describe();
    return ENDS[status.name] ?? null;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'does not exist';
    throw error;
  }
}
