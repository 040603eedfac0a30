/** What the Web UI shows of a workflow while it is open. */
import { setCurrentDetails } from '@temporalio/workflow';

export interface ShownState {
  /** Epoch ms; null for a wait without a time, and for none. */
  readonly until: number | null;
  readonly detail: string;
  /** The newest last. */
  readonly problems?: readonly string[];
}

const PROBLEMS_SHOWN = 5;

/** @param head what the workflow is and how far it has come, one paragraph each, in Markdown. */
export function showDetails(head: readonly string[], { until, detail, problems = [] }: ShownState): void {
  const lines = [...head];
  if (until !== null) lines.push(`Until: **${new Date(until).toISOString()}**`);
  if (detail) lines.push(`Why: ${detail}`);
  for (const problem of problems.slice(-PROBLEMS_SHOWN)) lines.push(`- ${problem}`);
  setCurrentDetails(lines.join('\n\n'));
}
