/** `sluice backfill list|pause|resume`: single runs of backfills and audits. */
import type { Command } from 'commander';
import type { Standstill } from '../../../quota/pools/standstill';
import { withTemporal } from '../../operations/context';
import {
  chooseBackfill,
  pauseBackfill,
  readBackfills,
  resumeBackfill,
  runningBackfills,
} from '../../operations/datasets/backfills';
import { readWork, type WorkReport, workerPolls } from '../../operations/datasets/work';
import { withWaits } from '../../operations/datasets/work-wait';
import { countText, whenText } from '../../operations/time-text';
import { contextOf } from '../command';
import { note, print, printJson, table } from '../output';
import { waitJson, whyText, workStatusJson } from './progress-view';

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
  on('pause', 'take nothing new up until it is resumed')
    .option('--reason <text>', 'why, for whoever wonders', 'by operator')
    .action((which: string, options: RunOptions, command: Command) => steer(which, options, command, true));
  on('resume', 'go on').action((which: string, options: RunOptions, command: Command) =>
    steer(which, options, command, false),
  );
}

async function list(options: { readonly json?: boolean }, command: Command): Promise<void> {
  const context = contextOf(command);
  const found = await withTemporal(context, (client) => readBackfills(client, context.settings));
  const runs = await withWaits(context, found, Date.now());
  if (options.json) printJson(runs.map(backfillJson));
  else if (runs.length === 0) note('No backfill runs.');
  else print(backfillTable(runs, Date.now()));
}

/** The workflow answers once it has taken the signal; longer than that is waited for by nobody. */
const TRIES = 10;
const PAUSE_MS = 300;

async function steer(
  which: string,
  { account, reason = 'by operator', json }: RunOptions,
  command: Command,
  pausing: boolean,
): Promise<void> {
  const context = contextOf(command);
  await withTemporal(context, async (client) => {
    const id = chooseBackfill(which, account, await runningBackfills(client, context.settings));
    const polled = await workerPolls(client, context.settings.temporal.taskQueue);
    // Where nobody would answer, nobody is asked.
    const read = async (): Promise<WorkReport> =>
      polled
        ? readWork(client, id)
        : { workflowId: id, running: true, status: null, problem: 'no worker runs' };
    const before = await read();
    if (pausing) await pauseBackfill(client, id, reason);
    else await resumeBackfill(client, id);
    let after = await read();
    for (let i = 0; i < TRIES && isPaused(after) !== pausing && after.status !== null; i++) {
      await new Promise((done) => setTimeout(done, PAUSE_MS));
      after = await read();
    }
    const nothingToDo = !pausing && before.status !== null && !isPaused(before);
    if (json)
      printJson({ ...backfillJson(after), wasPaused: before.status === null ? null : isPaused(before) });
    else if (nothingToDo) print(`${id}: was not paused (${phaseText(before)})`);
    else print(`${id}: ${pausing ? `paused by an operator: ${reason}` : 'resumed'}`);
    if (!polled) note('No worker runs now; it takes this up when one does (npx sluice up).');
  });
}

const isPaused = ({ status }: WorkReport) => status?.phase === 'paused';

/** A run, with why it stands still. */
export type WaitingWork = WorkReport & { readonly wait?: Standstill | null };

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

export function backfillJson({ status, wait = null, ...rest }: WaitingWork) {
  return { ...rest, status: workStatusJson(status), wait: waitJson(wait) };
}
