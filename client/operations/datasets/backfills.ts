/** Backfills and audits that run, found by what they fetch or by their id, and steered one by one. */
import type { Client } from '@temporalio/client';
import type { Settings } from '../../../settings';
import { pauseSignal, resumeSignal } from '../../../workflows/messages';
import { ClientError, UsageError } from '../errors';
import { readWork, type WorkReport } from './work';

/** Workflow types whose runs fetch a span once. */
const TYPES = ['backfill', 'fleetBackfill'];

/** Ids of the runs of this task queue, by name. */
export async function runningBackfills(client: Client, settings: Settings): Promise<readonly string[]> {
  const types = TYPES.map((type) => `WorkflowType = '${type}'`).join(' OR ');
  const ids: string[] = [];
  for await (const run of client.workflow.list({ query: `ExecutionStatus = 'Running' AND (${types})` })) {
    if (run.taskQueue === settings.temporal.taskQueue) ids.push(run.workflowId);
  }
  return [...new Set(ids)].sort();
}

export async function readBackfills(client: Client, settings: Settings): Promise<readonly WorkReport[]> {
  return Promise.all((await runningBackfills(client, settings)).map((id) => readWork(client, id)));
}

/**
 * The one run that `which` means: a workflow's id, a dataset, or `dataset/account`. Audits are named by their id.
 * @param running ids, as `runningBackfills` gives them.
 * @throws UsageError when none is meant, or several; it names those that run.
 */
export function chooseBackfill(
  which: string,
  account: string | undefined,
  running: readonly string[],
): string {
  if (running.includes(which)) return which;
  const isId = /^(?:backfill|audit):/.test(which);
  const [vendor = '', dataset = '', ofAccount = account, ...more] = which.split('/');
  if (!isId && (vendor === '' || dataset === '' || more.length > 0)) {
    throw new UsageError(
      `backfill: "${which}" is neither the id of a run (npx sluice backfill list) nor a dataset such as vendor/name or vendor/name/account`,
    );
  }
  if (account !== undefined && ofAccount !== account) {
    throw new UsageError(`--account: "${account}" and "${which}" name two accounts`);
  }
  const found = isId
    ? []
    : running.filter((id) => {
        const [kind, name, owner] = id.split(':');
        return (
          kind === 'backfill' &&
          name === `${vendor}/${dataset}` &&
          (ofAccount === undefined || owner === ofAccount)
        );
      });
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  if (found.length > 1) {
    throw new UsageError(
      `backfill: "${which}" means ${found.length} runs; give the id of one: ${found.join(', ')}`,
    );
  }
  const others = running.length === 0 ? 'none runs' : `those that run: ${running.join(', ')}`;
  throw new ClientError(`backfill: no run of "${which}"; ${others}`);
}

/** Takes nothing new up until it is resumed; what is under way is finished. */
export async function pauseBackfill(client: Client, workflowId: string, reason: string): Promise<void> {
  await client.workflow.getHandle(workflowId).signal(pauseSignal, { reason });
}

export async function resumeBackfill(client: Client, workflowId: string): Promise<void> {
  await client.workflow.getHandle(workflowId).signal(resumeSignal);
}
