/**
 * Starts a workflow whose id says what it does, or attaches to the one that runs: the same work never runs twice at
 * once.
 */

import type { Workflow, WorkflowExecutionDescription, WorkflowStartOptions } from '@temporalio/client';
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

export interface Begun<T extends Workflow> {
  readonly handle: WorkflowHandle<T>;
  /** It ran before this call. */
  readonly alreadyRan: boolean;
}

/**
 * As startOrAttach, for a request that may come again because its answer was lost.
 * @param request its id, noted with the run: one that this request has started, ended or not, is found and not started again.
 */
export async function startOnce<T extends Workflow>(
  client: Client,
  type: string,
  options: Started<T>,
  request?: string,
): Promise<Begun<T>> {
  const { workflowId } = options;
  const last = await describe(client, workflowId);
  if (request !== undefined && last?.memo?.[REQUEST] === request) {
    return { handle: client.workflow.getHandle<T>(workflowId), alreadyRan: false };
  }
  const memo = request === undefined ? {} : { memo: { ...options.memo, [REQUEST]: request } };
  const handle = await startOrAttach<T>(client, type, { ...options, ...memo } as Started<T>);
  return { handle, alreadyRan: last?.status.name === 'RUNNING' };
}

const REQUEST = 'request';

/** The last run; null when there was none. */
async function describe(client: Client, workflowId: string): Promise<WorkflowExecutionDescription | null> {
  try {
    return await client.workflow.getHandle(workflowId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/** True while a workflow of this id runs. */
export async function isRunning(client: Client, workflowId: string): Promise<boolean> {
  return (await runsSince(client, workflowId)) !== null;
}

/** When the run began, epoch ms; null when none runs. */
export async function runsSince(client: Client, workflowId: string): Promise<number | null> {
  const found = await describe(client, workflowId);
  return found?.status.name === 'RUNNING' ? found.startTime.getTime() : null;
}
