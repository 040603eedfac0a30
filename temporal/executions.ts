/**
 * Workflows as the server lists them, without decryption: the SDK's own list would decode each memo, and fail as a
 * whole when one key is missing.
 */
import type { Client } from '@temporalio/client';

export interface Execution {
  readonly workflowId: string;
  readonly runId: string;
  /** Name of the workflow's function. */
  readonly type: string;
  readonly taskQueue: string;
}

type Listed = Awaited<ReturnType<Client['workflowService']['listWorkflowExecutions']>>;

/** @param query in Temporal's list filter language. */
export async function* listExecutions(client: Client, query: string): AsyncGenerator<Execution> {
  const { namespace } = client.options;
  let nextPageToken: Uint8Array | null = null;
  do {
    const page: Listed = await client.workflowService.listWorkflowExecutions({
      ...{ namespace, query, nextPageToken },
    });
    for (const { execution, type, taskQueue } of page.executions ?? []) {
      yield {
        workflowId: execution?.workflowId ?? '',
        runId: execution?.runId ?? '',
        type: type?.name ?? '',
        taskQueue: taskQueue ?? '',
      };
    }
    nextPageToken = page.nextPageToken ?? null;
  } while (nextPageToken !== null && nextPageToken.length > 0);
}
