/** When a workflow continues as new. The server ends a history at 51,200 events. */
import { workflowInfo } from '@temporalio/workflow';

/** The part of an input that says so. */
export interface HistoryLimit {
  /** Events after which a fresh history begins, in place of the workflow's own number; carried over. For tests. */
  readonly eventsBeforeContinue?: number;
}

/** Whether the history has more events than this, or the server suggests a fresh one (4,096 events, or 4 MiB). */
export function isHistoryLong(events = Number.POSITIVE_INFINITY): boolean {
  const { historyLength, continueAsNewSuggested } = workflowInfo();
  return historyLength > events || continueAsNewSuggested;
}
