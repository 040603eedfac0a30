/**
 * Syncs, which keep datasets complete: a workflow that runs for ever, or, for the datasets of fleets, a schedule of
 * short runs (schedules.ts). The dataset's kind decides.
 */
import type { Client } from '@temporalio/client';
import { z } from 'zod';
import type { Standstill } from '../../../quota/pools/standstill';
import { fleetKindOf, type Settings } from '../../../settings';
import { isRunning } from '../../../temporal/start-or-attach';
import { syncWorkflowId } from '../../../workflows/messages';
import type { Backend } from '../backend/backend';
import { problem } from '../errors';
import { noteOrder, type Order, poolOf } from '../explain/orders';
import { name, reason } from '../fields';
import { hint } from '../hints';
import { waitJson, workStatusJson } from '../json';
import { operation } from '../operation';
import { chooseSynced } from '../settings/choose';
import { isoOrNull } from '../time-text';
import {
  isScheduled,
  noSync,
  pauseSchedule,
  readSchedule,
  resumeSchedule,
  type ScheduleReport,
  scheduleWait,
  startSchedule,
  stopSchedule,
} from './schedules';
import {
  pauseWork,
  readWorks,
  resumeWork,
  startSyncWork,
  stopWork,
  type WorkReport,
  workerPolls,
} from './work';
import { withWaits } from './work-wait';

const chosen = { dataset: name, account: name.optional() };

export const startSync = operation({
  about: 'start it; one that runs goes on',
  input: z.strictObject(chosen),
  run: (backend, { dataset, account: given }) => {
    const { settings } = backend;
    const account = chooseSynced(settings, dataset, given);
    return backend.temporal(async (client) => ({
      ...(await beginSync(client, settings, dataset, account)),
      workerRuns: await workerPolls(client, settings.temporal.taskQueue),
    }));
  },
});

/** By a workflow or by a schedule, whichever the dataset is kept with. */
export function beginSync(
  client: Client,
  settings: Settings,
  dataset: string,
  account: string,
): Promise<{ readonly workflowId: string; readonly alreadyRan: boolean }> {
  const start = fleetKindOf(dataset) === null ? startSyncWork : startSchedule;
  return start(client, settings, dataset, account);
}

export const stopSync = operation({
  about: 'end it; what is fetched stays, and a later start goes on from there',
  input: z.strictObject({ ...chosen, reason }),
  run: (backend, { reason: because, ...which }) =>
    steer(backend, which, {
      workflow: (client, id) => stopWork(client, id, because || 'stopped by operator'),
      schedule: stopSchedule,
    }),
});

export const pauseSync = operation({
  about: 'take nothing new up until it is resumed',
  input: z.strictObject({ ...chosen, reason }),
  run: (backend, { reason: because, ...which }) =>
    steer(
      backend,
      which,
      {
        workflow: (client, id) => pauseWork(client, id, because),
        schedule: (client, id) => pauseSchedule(client, id, because || 'by operator'),
      },
      { reason: because },
    ),
});

export const resumeSync = operation({
  about: 'go on',
  input: z.strictObject(chosen),
  run: (backend, which) => steer(backend, which, { workflow: resumeWork, schedule: resumeSchedule }, null),
});

type Steering = (client: Client, id: string) => Promise<void>;

async function steer(
  backend: Backend,
  { dataset, account: given }: { readonly dataset: string; readonly account?: string | undefined },
  act: { readonly workflow: Steering; readonly schedule: Steering },
  paused?: Order['paused'],
): Promise<{ readonly workflowId: string }> {
  const account = chooseSynced(backend.settings, dataset, given);
  const workflowId = syncWorkflowId(dataset, account);
  await backend.temporal(async (client) => {
    if (isScheduled(dataset)) await act.schedule(client, workflowId);
    else if (fleetKindOf(dataset) !== null) throw noSync(dataset);
    else {
      if (!(await isRunning(client, workflowId))) {
        throw problem(
          'NOT_RUNNING',
          null,
          `${workflowId} does not run; start it with: ${hint('sync start', dataset)}`,
        );
      }
      await act.workflow(client, workflowId);
    }
  });
  if (paused !== undefined) {
    await noteOrder(backend, { subject: workflowId, pool: poolOf(backend, account), paused });
  }
  return { workflowId };
}

export interface SyncReport extends WorkReport {
  readonly dataset: string;
  readonly account: string;
  readonly enabled: boolean;
  /** Of a dataset that is kept by a schedule; null when there is none. */
  readonly schedule: ScheduleReport | null;
  /** Null when nothing stands in its way. */
  readonly wait: Standstill | null;
}

export const listSyncs = operation({
  about: 'every dataset of the settings, and what its sync does',
  input: z.strictObject({}),
  json: (reports: readonly SyncReport[]) => reports.map(syncJson),
  run: async (backend): Promise<readonly SyncReport[]> => {
    const found = await backend.temporal((client) => readSyncs(client, backend.settings));
    const reports = await withWaits(backend, found, Date.now());
    return reports.map((report) => {
      const { schedule, wait } = report;
      return schedule === null ? report : { ...report, wait: wait ?? scheduleWait(schedule) };
    });
  },
});

async function readSyncs(client: Client, settings: Settings): Promise<Omit<SyncReport, 'wait'>[]> {
  const reports: Omit<SyncReport, 'wait'>[] = [];
  const idOf = ({ dataset, account }: { dataset: string; account: string }) =>
    syncWorkflowId(dataset, account);
  const byWorkflow = settings.datasets.filter(({ dataset }) => fleetKindOf(dataset) === null).map(idOf);
  const works = await readWorks(client, settings.temporal.taskQueue, byWorkflow);
  for (const { dataset, account, enabled } of settings.datasets) {
    const workflowId = idOf({ dataset, account });
    const listed = { dataset, account, enabled };
    const work = works.find((one) => one.workflowId === workflowId);
    if (work !== undefined) {
      reports.push({ ...listed, ...work, schedule: null });
    } else if (isScheduled(dataset)) {
      const schedule = await readSchedule(client, workflowId);
      const running = schedule !== null && !schedule.paused;
      reports.push({ ...listed, workflowId, running, status: null, problem: null, schedule });
    }
  }
  return reports;
}

export function syncJson({ status, schedule, wait, startedAt: _, ...rest }: SyncReport) {
  return {
    ...rest,
    status: workStatusJson(status),
    wait: waitJson(wait),
    schedule: schedule && {
      ...schedule,
      changedAt: isoOrNull(schedule.changedAt),
      nextRunAt: isoOrNull(schedule.nextRunAt),
      lastRun: schedule.lastRun && { ...schedule.lastRun, at: isoOrNull(schedule.lastRun.at) },
    },
  };
}
