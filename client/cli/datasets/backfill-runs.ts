/** `sluice backfill list|show|pause|resume|cancel`: single runs of backfills and audits. */
import type { Command } from 'commander';
import {
  cancelBackfill,
  listBackfills,
  pauseBackfill,
  resumeBackfill,
  type SteeredWork,
  showBackfill,
  type WaitingWork,
} from '../../operations/datasets/backfills';
import type { WorkReport } from '../../operations/datasets/work';
import { countText, whenText } from '../../operations/time-text';
import { call, contextOf } from '../command';
import { note, print, printJson, table } from '../output';
import { whyText } from './progress-view';

interface RunOptions {
  readonly account?: string;
  readonly reason?: string;
  readonly json?: boolean;
}

export function addBackfillRuns(backfill: Command): void {
  backfill
    .command('list')
    .description('backfills and audits that run, and what they wait for')
    .option('--json', 'JSON')
    .action(list);
  const on = (name: string, description: string) =>
    backfill
      .command(`${name} <backfill>`)
      .description(
        `${description}; <backfill> is a run's id, or its dataset (vendor/name or vendor/name/account)`,
      )
      .option('--account <name>', 'account, when there are several')
      .option('--json', 'JSON');
  on('show', 'how far it is, and what it waits for').action(show);
  on('pause', 'take nothing new up until it is resumed')
    .option('--reason <text>', 'why, for whoever wonders', 'by operator')
    .action(pause);
  on('resume', resumeBackfill.about).action(resume);
  on('cancel', cancelBackfill.about).option('--reason <text>', 'why, for whoever wonders').action(cancel);
}

async function list({ json }: RunOptions, command: Command): Promise<void> {
  const runs = await call(listBackfills, contextOf(command), {});
  if (json) printJson(listBackfills.json(runs));
  else if (runs.length === 0) note('No backfill runs.');
  else print(backfillTable(runs, Date.now()));
}

async function show(backfill: string, { account, json }: RunOptions, command: Command): Promise<void> {
  const run = await call(showBackfill, contextOf(command), { backfill, account });
  if (json) printJson(showBackfill.json(run));
  else print(backfillTable([run], Date.now()));
}

async function pause(backfill: string, { json, ...options }: RunOptions, command: Command): Promise<void> {
  const run = await call(pauseBackfill, contextOf(command), { backfill, ...options });
  if (json) printJson(pauseBackfill.json(run));
  else print(`${run.workflowId}: paused by an operator: ${options.reason ?? ''}`);
  noteWorker(run);
}

async function resume(backfill: string, { json, ...options }: RunOptions, command: Command): Promise<void> {
  const run = await call(resumeBackfill, contextOf(command), { backfill, ...options });
  if (json) printJson(resumeBackfill.json(run));
  else
    print(`${run.workflowId}: ${run.wasPaused === false ? `was not paused (${phaseText(run)})` : 'resumed'}`);
  noteWorker(run);
}

async function cancel(backfill: string, { json, ...options }: RunOptions, command: Command): Promise<void> {
  const ended = await call(cancelBackfill, contextOf(command), { backfill, ...options });
  if (json) printJson(ended);
  else print(`${ended.workflowId}: cancelled; what it has fetched stays`);
}

function noteWorker({ workerRuns }: SteeredWork): void {
  if (!workerRuns) note('No worker runs now; it takes this up when one does (npx sluice up).');
}

function phaseText({ running, status, wait }: WaitingWork): string {
  if (!running) return 'ended';
  if (status === null) return 'runs';
  if (wait && status.phase === 'running') return 'waiting';
  return status.phase === 'paused' ? 'paused by an operator' : status.phase;
}

function windowsText({ status }: WorkReport): string {
  if (status === null) return '-';
  const failed = status.chunksFailed > 0 ? `, ${countText(status.chunksFailed)} failed` : '';
  return `${countText(status.chunksDone)} of ${countText(status.chunksTotal)}${failed}`;
}

const untilOf = ({ status, wait }: WaitingWork) => (wait ? wait.until : (status?.until ?? null));

const whyOf = ({ status, problem, wait }: WaitingWork) =>
  wait ? whyText(wait) : (problem ?? status?.detail ?? '');

function backfillTable(runs: readonly WaitingWork[], now: number): string {
  return table(
    ['backfill', 'state', 'windows', 'until', 'why'],
    runs.map((run) => {
      const until = untilOf(run);
      return [
        run.workflowId,
        phaseText(run),
        windowsText(run),
        until === null ? '-' : whenText(until, now),
        whyOf(run),
      ];
    }),
  );
}

/** One line each, for `sluice status`. */
export function backfillLines(runs: readonly WaitingWork[], now: number): string[] {
  return runs.map((run) => {
    const at = untilOf(run);
    const until = at === null ? '' : ` until ${whenText(at, now)}`;
    const why = whyOf(run);
    return `${run.workflowId}: ${phaseText(run)}${until}, ${windowsText(run)} windows${why === '' ? '' : ` (${why})`}`;
  });
}
