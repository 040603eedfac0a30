/** The runs of a workflow that goes on in fresh histories, as Temporal keeps them. */
import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';

type Payloads = temporal.api.common.v1.IPayloads | null | undefined;

export interface WorkflowRun<I> {
  readonly input: I;
  readonly events: number;
  /** What its activities returned, oldest first; null for nothing. */
  readonly results: readonly unknown[];
}

/** Every run from `firstRunId` on, oldest first; the last may still be open. */
export async function runsOf<I>(
  client: Client,
  workflowId: string,
  firstRunId: string,
): Promise<WorkflowRun<I>[]> {
  const runs: WorkflowRun<I>[] = [];
  for (let runId: string | null | undefined = firstRunId; runId; ) {
    const all = await eventsOf(client, workflowId, runId);
    runs.push({
      input: decoded<I>(all[0]?.workflowExecutionStartedEventAttributes?.input),
      events: all.length,
      results: all.flatMap(({ activityTaskCompletedEventAttributes: completed }) =>
        completed ? [completed.result?.payloads?.length ? decoded(completed.result) : null] : [],
      ),
    });
    runId = all.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
  }
  return runs;
}

async function eventsOf(client: Client, workflowId: string, runId: string) {
  return (await client.workflow.getHandle(workflowId, runId).fetchHistory()).events ?? [];
}

function decoded<T>(payloads: Payloads): T {
  const payload = payloads?.payloads?.[0];
  if (!payload) throw new Error('no payload');
  return defaultPayloadConverter.fromPayload<T>(payload);
}
