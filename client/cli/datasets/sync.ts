/** `sluice sync`: workflows and schedules that keep datasets complete. */
import type { Command } from 'commander';
import type { Standstill } from '../../../quota/pools/standstill';
import { fleetKindOf } from '../../../settings';
import { syncWorkflowId } from '../../../workflows/messages';
import { chooseSynced } from '../../operations/arguments';
import { type Context, withTemporal } from '../../operations/context';
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
} from '../../operations/datasets/schedules';
import {
  isRunning,
  pauseSync,
  readWork,
  resumeSync,
  startSync,
  stopSync,
  type WorkReport,
  workerPolls,
} from '../../operations/datasets/work';
import { withWaits } from '../../operations/datasets/work-wait';
import { ClientError } from '../../operations/errors';
import { instantText, isoOrNull, lengthText, relativeText, whenText } from '../../operations/time-text';
import { contextOf } from '../command';
import { note, print, printJson, table } from '../output';
import { waitJson, whyText, workStatusJson } from './progress-view';

interface SyncOptions {
  readonly account?: string;
  readonly reason?: string;
}

export function addSync(program: Command): void {
  const sync = program.command('sync').description('keep datasets complete');
  const on = (name: string, description: string) =>
    sync
      .command(`${name} <dataset>`)
      .description(description)
      .option('--account <name>', 'account, when there are several');
  on('start', 'start it; one that runs goes on').action(start);
  on('stop', 'end it; what is fetched stays, and a later start goes on from there')
    .option('--reason <text>', 'why', 'stopped from the command line')
    .action((dataset: string, options: SyncOptions, command: Command) =>
      steer(dataset, options, command, 'stopped', {
        workflow: (client, id) => stopSync(client, id, options.reason ?? 'stopped from the command line'),
        schedule: stopSchedule,
      }),
    );
  on('pause', 'take nothing new up until it is resumed')
    .option('--reason <text>', 'why, for whoever wonders', 'by operator')
    .action((dataset: string, options: SyncOptions, command: Command) =>
      steer(dataset, options, command, 'paused', {
        workflow: (client, id) => pauseSync(client, id, options.reason ?? 'by operator'),
        schedule: (client, id) => pauseSchedule(client, id, options.reason ?? 'by operator'),
      }),
    );
  on('resume', 'go on').action((dataset: string, options: SyncOptions, command: Command) =>
    steer(dataset, options, command, 'resumed', { workflow: resumeSync, schedule: resumeSchedule }),
  );
  sync
    .command('list')
    .description('every dataset of the settings, and what its sync does')
    .option('--json', 'JSON')
    .action(list);
}

async function start(dataset: string, options: SyncOptions, command: Command): Promise<void> {
  const context = contextOf(command);
  const account = chooseSynced(context.settings, dataset, options.account);
  await withTemporal(context, async (client) => {
    const { workflowId, alreadyRan } = await beginSync(client, context.settings, dataset, account);
    print(`${alreadyRan ? 'Runs already' : 'Started'}: ${workflowId}`);
    if (!(await workerPolls(client, context.settings.temporal.taskQueue))) {
      note('No worker runs now; it begins when one does (npx sluice up).');
    }
  });
}

/** By a workflow or by a schedule, whichever the dataset is kept with. */
export function beginSync(...args: Parameters<typeof startSync>): ReturnType<typeof startSync> {
  return fleetKindOf(args[2]) === null ? startSync(...args) : startSchedule(...args);
}

type Steering = (client: Parameters<typeof resumeSync>[0], id: string) => Promise<void>;

async function steer(
  dataset: string,
  options: SyncOptions,
  command: Command,
  done: string,
  act: { readonly workflow: Steering; readonly schedule: Steering },
): Promise<void> {
  const context = contextOf(command);
  const account = chooseSynced(context.settings, dataset, options.account);
  const id = syncWorkflowId(dataset, account);
  await withTemporal(context, async (client) => {
    if (isScheduled(dataset)) await act.schedule(client, id);
    else if (fleetKindOf(dataset) !== null) throw noSync(dataset);
    else {
      if (!(await isRunning(client, id))) {
        throw new ClientError(`${id} does not run; start it with: npx sluice sync start ${dataset}`);
      }
      await act.workflow(client, id);
    }
    print(`${id}: ${done}`);
  });
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

/** What the syncs of all datasets of the settings do. @throws ClientError when Temporal cannot be reached. */
export async function readSyncs(context: Context): Promise<SyncReport[]> {
  const found = await withTemporal(context, async (client) => {
    const reports: Omit<SyncReport, 'wait'>[] = [];
    for (const { dataset, account, enabled } of context.settings.datasets) {
      const id = syncWorkflowId(dataset, account);
      const kind = fleetKindOf(dataset);
      if (kind === null) {
        const work = await readWork(client, id);
        reports.push({ dataset, account, enabled, ...work, schedule: null });
      } else if (isScheduled(dataset)) {
        const schedule = await readSchedule(client, id);
        const running = schedule !== null && !schedule.paused;
        reports.push({
          dataset,
          account,
          enabled,
          workflowId: id,
          running,
          status: null,
          problem: null,
          schedule,
        });
      }
    }
    return reports;
  });
  const reports = await withWaits(context, found, Date.now());
  return reports.map((report) => {
    const { schedule, wait } = report;
    return schedule === null ? report : { ...report, wait: wait ?? scheduleWait(schedule) };
  });
}

async function list(options: { readonly json?: boolean }, command: Command): Promise<void> {
  const context = contextOf(command);
  const reports = await readSyncs(context);
  if (options.json) printJson(reports.map(syncJson));
  else if (reports.length === 0) note('The settings list no datasets.');
  else {
    print(syncTable(reports, Date.now()));
    if (
      !(await withTemporal(context, (client) => workerPolls(client, context.settings.temporal.taskQueue)))
    ) {
      note('No worker runs now; what is due waits for one (npx sluice up).');
    }
  }
}

export function syncJson(report: SyncReport) {
  const { status, schedule, wait, ...rest } = report;
  return {
    ...rest,
    status: workStatusJson(status),
    wait: waitJson(wait),
    schedule: schedule && {
      ...schedule,
      nextRunAt: isoOrNull(schedule.nextRunAt),
      lastRun: schedule.lastRun && { ...schedule.lastRun, at: isoOrNull(schedule.lastRun.at) },
    },
  };
}

export function syncTable(reports: readonly SyncReport[], now: number): string {
  return table(
    ['dataset', 'account', 'sync', 'until', 'why'],
    reports.map((report) => [
      report.dataset,
      report.account,
      ...(report.schedule === null
        ? workCells(report, now)
        : scheduleCells(report.schedule, report.wait, now)),
    ]),
  );
}

function workCells({ running, status, problem, wait }: SyncReport, now: number): string[] {
  const phase = running ? (status?.phase ?? 'runs') : 'not started';
  if (wait !== null) {
    const waits = phase === 'paused' || status === null ? phase : 'waiting';
    return [waits, wait.until === null ? '-' : whenText(wait.until, now), whyText(wait)];
  }
  return [phase, status?.until == null ? '-' : whenText(status.until, now), problem ?? status?.detail ?? ''];
}

function scheduleCells(schedule: ScheduleReport, wait: Standstill | null, now: number): string[] {
  const { paused, running, intervalMs, nextRunAt } = schedule;
  const every = intervalMs === null ? 'scheduled' : `every ${lengthText(intervalMs)}`;
  const until = wait === null ? nextRunAt : wait.until;
  return [
    paused ? 'paused' : wait !== null ? 'waiting' : running ? 'running' : every,
    until === null ? '-' : whenText(until, now),
    [wait === null ? '' : whyText(wait), lastRunText(schedule, now)].filter(Boolean).join('; '),
  ];
}

function lastRunText({ lastRun }: ScheduleReport, now: number): string {
  if (lastRun === null) return 'has not run yet';
  const when = `last run ${instantText(lastRun.at).slice(11)} (${relativeText(lastRun.at, now)})`;
  const { result, problem, status } = lastRun;
  if (result === null) return `${when}: ${status}${problem === null ? '' : `, ${problem}`}`;
  return `${when}: ${result.outcome === 'done' ? '' : `${result.outcome}, `}${result.detail}`;
}
