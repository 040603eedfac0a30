/** `sluice sync`: keeping datasets complete. */
import type { Command } from 'commander';
import type { ScheduleReport } from '../../operations/datasets/schedules';
import {
  listSyncs,
  pauseSync,
  resumeSync,
  type SyncReport,
  startSync,
  stopSync,
} from '../../operations/datasets/syncs';
import { workersRun } from '../../operations/processes/workers';
import { instantText, lengthText, relativeText, whenText } from '../../operations/time-text';
import { call, contextOf } from '../command';
import { note, print, printJson, table } from '../output';
import { whyText } from './progress-view';

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
  on('start', startSync.about).action(start);
  on('stop', stopSync.about)
    .option('--reason <text>', 'why', 'stopped from the command line')
    .action(steered(stopSync, 'stopped'));
  on('pause', pauseSync.about)
    .option('--reason <text>', 'why, for whoever wonders', 'by operator')
    .action(steered(pauseSync, 'paused'));
  on('resume', resumeSync.about).action(steered(resumeSync, 'resumed'));
  sync.command('list').description(listSyncs.about).option('--json', 'JSON').action(list);
}

async function start(dataset: string, options: SyncOptions, command: Command): Promise<void> {
  const { workflowId, alreadyRan, workerRuns } = await call(startSync, contextOf(command), {
    dataset,
    ...options,
  });
  print(`${alreadyRan ? 'Runs already' : 'Started'}: ${workflowId}`);
  if (!workerRuns) note('No worker runs now; it begins when one does (npx sluice up).');
}

function steered(operation: typeof stopSync | typeof resumeSync, done: string) {
  return async (dataset: string, options: SyncOptions, command: Command) => {
    const { workflowId } = await call(operation as typeof stopSync, contextOf(command), {
      dataset,
      ...options,
    });
    print(`${workflowId}: ${done}`);
  };
}

async function list(options: { readonly json?: boolean }, command: Command): Promise<void> {
  const context = contextOf(command);
  const reports = await listSyncs(context, {});
  if (options.json) printJson(listSyncs.json(reports));
  else if (reports.length === 0) note('The settings list no datasets.');
  else {
    print(syncTable(reports, Date.now()));
    if (!(await workersRun(context, {})).runs) {
      note('No worker runs now; what is due waits for one (npx sluice up).');
    }
  }
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

function scheduleCells(schedule: ScheduleReport, wait: SyncReport['wait'], now: number): string[] {
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
