/**
 * What should run and does not: batches without an open workflow, workflows whose tasks fail, and tasks that no worker
 * takes. Each has a cause, a beginning, and what would free it.
 */
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { byItself } from '../../../quota/pools/standstill';
import { allQueues } from '../../../quota/task-queues';
import type { Settings } from '../../../settings';
import { unfinishedBatches } from '../../../store/batches/batches';
import { listExecutions } from '../../../temporal/executions';
import { workflowEnd } from '../../../temporal/workflow-end';
import { askWorkers } from '../../../workers/health-socket';
import { batchWorkflowId } from '../../../workflows/messages';
import { hint } from '../hints';
import { lengthText } from '../time-text';

export interface Trouble {
  readonly what: string;
  readonly why: string;
  /** Epoch ms; null when nobody knows. */
  readonly since: number | null;
  readonly frees: string;
}

/** A batch that has just been made gets its workflow in a moment, ms. */
const YOUNG_MS = 5_000;
/** A task that has been tried so often fails for a reason that does not pass by itself. */
const FAILED_TRIES = 4;
/** A task that has waited so long is not taken, ms. */
const WAITED_MS = 10_000;
/** Workflows that are checked. */
const MOST = 300;
const AT_ONCE = 10;

export async function strandedBatches(client: Client, db: Pool): Promise<Trouble[]> {
  const troubles: Trouble[] = [];
  for (const { id, kind, account } of await unfinishedBatches(db, YOUNG_MS)) {
    const ended = await workflowEnd(client, batchWorkflowId(kind, account, id));
    if (ended === null) continue;
    troubles.push({
      what: `batch ${id}`,
      why: `it is to run, and its workflow ${ended.how}`,
      since: ended.at,
      frees: `nothing, a worker starts it again within two minutes; at once: ${hint('batch resume', String(id))}`,
    });
  }
  return troubles;
}

/** Workflows that cannot go on: their own tasks fail, or a step of theirs fails again and again. */
export async function failingWorkflows(client: Client, settings: Settings): Promise<Trouble[]> {
  const { taskQueue } = settings.temporal;
  const ids: { readonly workflowId: string; readonly runId: string }[] = [];
  const query = `ExecutionStatus = "Running" AND TaskQueue = "${taskQueue}"`;
  for await (const { workflowId, runId } of listExecutions(client, query)) {
    ids.push({ workflowId, runId });
    if (ids.length >= MOST) break;
  }
  const troubles: Trouble[] = [];
  for (let from = 0; from < ids.length; from += AT_ONCE) {
    const found = await Promise.all(
      ids.slice(from, from + AT_ONCE).map(({ workflowId, runId }) => failureOf(client, workflowId, runId)),
    );
    troubles.push(...found.filter((trouble) => trouble !== null));
  }
  return troubles;
}

async function failureOf(client: Client, workflowId: string, runId: string): Promise<Trouble | null> {
  // One that has ended meanwhile is no trouble.
  const described = await client.workflow
    .getHandle(workflowId, runId)
    .describe()
    .catch(() => null);
  const task = described?.raw.pendingWorkflowTask;
  if (task && (task.attempt ?? 0) >= FAILED_TRIES) {
    return {
      what: workflowId,
      why: `its workflow task fails, for the ${String(task.attempt)}th time: it was begun by another version, or a worker lacks its key`,
      since: msOf(task.originalScheduledTime),
      frees: 'start a worker of the right version and key; the reason is in the log of the worker',
    };
  }
  const step = described?.raw.pendingActivities?.find(
    ({ attempt, lastFailure }) => (attempt ?? 0) >= FAILED_TRIES && lastFailure,
  );
  if (!step) return null;
  return {
    what: workflowId,
    why: `${step.activityType?.name ?? 'a step'} fails, ${String(step.attempt)} times so far: ${step.lastFailure?.message ?? ''}`,
    since: msOf(step.lastStartedTime),
    frees: byItself(),
  };
}

/** Workers of this machine that say nothing, or that something is wrong with. */
export async function ailingWorkers({ temporal }: Settings): Promise<Trouble[]> {
  const workers = await askWorkers(temporal);
  return workers
    .filter(({ problems }) => problems.length > 0)
    .map(({ pid, problems, silentSince }) => ({
      what: `worker ${pid}`,
      why: problems.join('; '),
      since: silentSince ?? null,
      frees:
        silentSince === undefined
          ? byItself()
          : `a supervised one is killed and started again within half a minute; of any other, kill process ${pid} and ${hint('start worker')}`,
    }));
}

/** Tasks that wait although a worker may ask for work: it is frozen, or has its hands full. */
export async function waitingTasks(client: Client, settings: Settings): Promise<Trouble[]> {
  const { namespace, taskQueue } = settings.temporal;
  const kinds = allQueues(taskQueue).flatMap((name) =>
    (name === taskQueue ? [1, 2] : [2]).map((kind) => ({ name, kind })),
  );
  const found = await Promise.all(
    kinds.map(async ({ name, kind }): Promise<Trouble | null> => {
      const { stats, pollers } = await client.workflowService.describeTaskQueue({
        namespace,
        taskQueue: { name },
        taskQueueType: kind,
        reportStats: true,
      });
      const waitedMs = Number(stats?.approximateBacklogAge?.seconds ?? 0) * 1000;
      const tasks = Number(stats?.approximateBacklogCount ?? 0);
      if (tasks === 0 || waitedMs < WAITED_MS) return null;
      const nobody = (pollers ?? []).length === 0;
      return {
        what: `task queue ${name}`,
        why: `${tasks} ${kind === 1 ? 'workflow' : 'activity'} tasks wait, the oldest for ${lengthText(waitedMs)}: ${nobody ? 'no worker asks for them' : 'the workers that ask for them take none, or have all their slots taken'}`,
        since: Date.now() - waitedMs,
        frees: nobody
          ? hint('start worker')
          : 'start another worker, or stop those that hang and start them again',
      };
    }),
  );
  return found.filter((trouble) => trouble !== null);
}

function msOf(time: { readonly seconds?: unknown } | null | undefined): number | null {
  const seconds = Number(time?.seconds ?? 0);
  return seconds > 0 ? seconds * 1000 : null;
}

/** In one line. */
export function troubleText({ what, why, since, frees }: Trouble): string {
  const when = since === null ? '' : `, since ${new Date(since).toISOString()}`;
  return `${what}: ${why}${when}; to do: ${frees}`;
}
