/**
 * Starts a workflow whose id says what it does, or attaches to the one that runs: the same work never runs twice at
 * once.
 */

import type { Workflow, WorkflowStartOptions } from '@temporalio/client';
import { type Client, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';

type Started<T extends Workflow> = Omit<
  WorkflowStartOptions<T>,
  'workflowIdConflictPolicy' | 'workflowIdReusePolicy'
>;

/** An ended one may run again. */
export function startOrAttach<T extends Workflow>(
  client: Client,
  type: string,
  options: Started<T>,
): Promise<WorkflowHandle<T>> {
  return client.workflow.start<T>(type, {
    ...options,
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
  } as WorkflowStartOptions<T>);
}

/** True while a workflow of this id runs. */
export async function isRunning(client: Client, workflowId: string): Promise<boolean> {
  try {
    const { status } = await client.workflow.getHandle(workflowId).describe();
    return status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
