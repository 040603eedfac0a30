/**
 * Backfills (what is missing of a span) and audits (all of it again): starts one, and controls those that run. Each is
 * a workflow whose id says what it does, so the same one started twice runs once. It outlives the process that started
 * it.
 */
import type { Client } from '@temporalio/client';
import { z } from 'zod';
import type { Standstill } from '../../../quota/pools/standstill';
import type { Settings } from '../../../settings';
import { chosenDevices } from '../../../store/fleet/missing-windows';
import { listExecutions } from '../../../temporal/executions';
import type { Backend } from '../backend/backend';
import { asFieldLater, invalid, problem } from '../errors';
import { noteOrder, type Order, poolOf } from '../explain/orders';
import { name, reason } from '../fields';
import { startFleetBackfill } from '../fleet/work';
import { hint } from '../hints';
import { waitJson, workStatusJson } from '../json';
import { operation } from '../operation';
import { checkSpanWork, devices, type SpanWork, spanFields } from './span-work';
import {
  pauseWork,
  readWithoutWorker,
  readWork,
  readWorks,
  resumeWork,
  startReportWork,
  stopWork,
  type WorkReport,
  workerPolls,
} from './work';
import { accountOf, withWaits } from './work-wait';

export interface StartedWork {
  readonly workflowId: string;
  /** True when it was under way already. */
  readonly alreadyRan: boolean;
  /** False when no worker asks for work now: it begins when one does. */
  readonly workerRuns: boolean;
  /** What was started, for whoever follows it (follow.ts). */
  readonly work: SpanWork;
  /** Epoch ms of the start. */
  readonly since: number;
}

function startedJson({ workflowId, alreadyRan, workerRuns }: StartedWork) {
  return { workflowId, alreadyRan, workerRuns };
}

export const startBackfill = operation({
  about: 'fetch what is missing of a span',
  input: z.strictObject({ ...spanFields, devices }),
  json: startedJson,
  run: (backend, input) => {
    const now = Date.now();
    return start(backend, checkSpanWork(backend.settings, input, 'backfill', now), now);
  },
});

export const startAudit = operation({
  about: 'fetch a span again, for the vendor may have restated it',
  input: z.strictObject(spanFields),
  json: startedJson,
  run: (backend, input) => {
    const now = Date.now();
    return start(backend, checkSpanWork(backend.settings, input, 'daily_audit', now), now);
  },
});

async function start(backend: Backend, work: SpanWork, since: number): Promise<StartedWork> {
  const { settings } = backend;
  if (work.kind === 'fleet' && work.devices !== null) {
    // The workflow would fail unseen.
    const { context, devices: chosen } = work;
    await asFieldLater('devices', () =>
      backend.database((db) => chosenDevices(db, context.account.name, chosen)),
    );
  }
  return backend.temporal(async (client) => {
    const { handle, alreadyRan } = await startSpanWork(client, settings, work, backend.request);
    const workerRuns = await workerPolls(client, settings.temporal.taskQueue);
    return { workflowId: handle.workflowId, alreadyRan, workerRuns, work, since };
  });
}

/** By the workflow that the dataset's kind needs. One that runs is found. */
function startSpanWork(client: Client, settings: Settings, work: SpanWork, request?: string) {
  const { from, to, chunkHours, context } = work;
  const common = { account: context.account.name, from, to, chunkHours };
  return work.kind === 'fleet'
    ? startFleetBackfill(
        client,
        settings,
        {
          ...{ dataset: work.context.dataset, ...common },
          ...{ devices: work.devices, priority: work.priority },
        },
        request,
      )
    : startReportWork(
        client,
        settings,
        {
          ...{ dataset: work.context.dataset.id, ...common },
          ...{ purpose: work.purpose, priority: work.priority },
        },
        request,
      );
}

/** A run, with why it stands still; null when nothing stands in its way. */
export type WaitingWork = WorkReport & { readonly wait: Standstill | null };

export function workJson({ status, wait, startedAt: _, ...rest }: WaitingWork) {
  return { ...rest, status: workStatusJson(status), wait: waitJson(wait) };
}

export const listBackfills = operation({
  about: 'backfills and audits that run, and what they wait for',
  input: z.strictObject({}),
  json: (runs: readonly WaitingWork[]) => runs.map(workJson),
  run: async (backend): Promise<readonly WaitingWork[]> => {
    const found = await backend.temporal(async (client) => {
      const ids = await runningBackfills(client, backend.settings);
      return readWorks(client, backend.settings.temporal.taskQueue, ids);
    });
    return withWaits(backend, found, Date.now());
  },
});

const chosen = {
  /** A run's id, or its dataset: `vendor/name` or `vendor/name/account`. */
  backfill: name,
  account: name.optional(),
};

export const showBackfill = operation({
  about: 'one backfill or audit that runs: how far it is, and what it waits for',
  input: z.strictObject(chosen),
  json: workJson,
  run: async (backend, { backfill, account }) => {
    const { settings } = backend;
    const found = await backend.temporal(async (client) => {
      const id = chooseBackfill(backfill, account, await runningBackfills(client, settings));
      return readWorks(client, settings.temporal.taskQueue, [id]);
    });
    const [run] = await withWaits(backend, found, Date.now());
    if (run === undefined) throw new Error('a run was asked for and is not there');
    return run;
  },
});

export interface SteeredWork extends WaitingWork {
  /** Null when nobody could be asked. */
  readonly wasPaused: boolean | null;
  /** False: what was ordered is taken up when a worker runs. */
  readonly workerRuns: boolean;
}

function steeredJson({ workerRuns: _, wasPaused, ...run }: SteeredWork) {
  return { ...workJson(run), wasPaused };
}

export const pauseBackfill = operation({
  about: 'take nothing new up until it is resumed; what is under way is finished',
  input: z.strictObject({ ...chosen, reason }),
  json: steeredJson,
  run: (backend, { backfill, account, reason: because }) =>
    steer(backend, backfill, account, { reason: because }, (client, id) => pauseWork(client, id, because)),
});

export const resumeBackfill = operation({
  about: 'go on',
  input: z.strictObject(chosen),
  json: steeredJson,
  run: (backend, { backfill, account }) => steer(backend, backfill, account, null, resumeWork),
});

export const cancelBackfill = operation({
  about: 'end it; what is fetched stays, and a later start goes on from there',
  input: z.strictObject({ ...chosen, reason }),
  run: (backend, { backfill, account, reason: because }) =>
    backend.temporal(async (client) => {
      const workflowId = chooseBackfill(backfill, account, await runningBackfills(client, backend.settings));
      // At once: a report that the vendor makes meanwhile is adopted by whoever asks for its window next.
      await stopWork(client, workflowId, because || 'cancelled by operator');
      return { workflowId };
    }),
});

/** The workflow answers once it has taken the signal; longer than that is waited for by nobody. */
const TRIES = 10;
const PAUSE_MS = 300;

export const isPaused = ({ status }: WorkReport) => status?.phase === 'paused';

async function steer(
  backend: Backend,
  which: string,
  account: string | undefined,
  paused: Order['paused'],
  order: (client: Client, workflowId: string) => Promise<void>,
): Promise<SteeredWork> {
  const { settings } = backend;
  return backend.temporal(async (client) => {
    const id = chooseBackfill(which, account, await runningBackfills(client, settings));
    const workerRuns = await workerPolls(client, settings.temporal.taskQueue);
    // Where nobody would answer, nobody is asked.
    const read = async (): Promise<WorkReport> =>
      workerRuns ? readWork(client, id, true) : readWithoutWorker(client, id);
    const before = await read();
    await order(client, id);
    await noteOrder(backend, { subject: id, pool: poolOf(backend, accountOf(id)), paused });
    const pausing = paused !== null;
    let after = await read();
    for (let i = 0; i < TRIES && isPaused(after) !== pausing && after.status !== null; i++) {
      await new Promise((done) => setTimeout(done, PAUSE_MS));
      after = await read();
    }
    return { ...after, wait: null, wasPaused: before.status === null ? null : isPaused(before), workerRuns };
  });
}

/** Workflow types whose runs fetch a span once. */
const TYPES = ['backfill', 'fleetBackfill'];

/** Ids of the runs of this task queue, by name. */
async function runningBackfills(client: Client, settings: Settings): Promise<readonly string[]> {
  const types = TYPES.map((type) => `WorkflowType = '${type}'`).join(' OR ');
  const ids: string[] = [];
  for await (const run of listExecutions(client, `ExecutionStatus = 'Running' AND (${types})`)) {
    if (run.taskQueue === settings.temporal.taskQueue) ids.push(run.workflowId);
  }
  return [...new Set(ids)].sort();
}

/**
 * The one run that `which` means: a workflow's id, a dataset, or `dataset/account`. Audits are named by their id.
 * @param running ids, as `runningBackfills` gives them.
 * @throws OperationError when none is meant, or several; it names those that run.
 */
export function chooseBackfill(
  which: string,
  account: string | undefined,
  running: readonly string[],
): string {
  if (running.includes(which)) {
    const owner = which.split(':')[2];
    if (account === undefined || account === owner) return which;
    throw invalid('account', `"${account}" is not whose run "${which}" is`, 'AMBIGUOUS_NAME');
  }
  const isId = /^(?:backfill|audit):/.test(which);
  const [vendor = '', dataset = '', ofAccount = account, ...more] = which.split('/');
  if (!isId && (vendor === '' || dataset === '' || more.length > 0)) {
    throw invalid(
      'backfill',
      `"${which}" is neither the id of a run (${hint('backfill list')}) nor a dataset such as vendor/name or vendor/name/account`,
    );
  }
  if (account !== undefined && ofAccount !== account) {
    throw invalid('account', `"${account}" and "${which}" name two accounts`, 'AMBIGUOUS_NAME');
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
    throw invalid(
      'backfill',
      `"${which}" means ${found.length} runs; give the id of one: ${found.join(', ')}`,
      'AMBIGUOUS_NAME',
    );
  }
  const others = running.length === 0 ? 'none runs' : `those that run: ${running.join(', ')}`;
  throw problem('NOT_FOUND', 'backfill', `no run of "${which}"; ${others}`);
}
