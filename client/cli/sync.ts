/** `sluice sync`: workflows that keep datasets complete. */
import type { Command } from 'commander';
import { syncWorkflowId } from '../../workflows/messages';
import { chooseDataset } from '../lib/arguments';
import { type Context, withTemporal } from '../lib/context';
import { ClientError } from '../lib/errors';
import { isoOrNull, whenText } from '../lib/time-text';
import {
  isRunning,
  pauseSync,
  readWork,
  resumeSync,
  startSync,
  stopSync,
  type WorkReport,
  workerPolls,
} from '../lib/work';
import { contextOf } from './command';
import { note, print, printJson, table } from './output';

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
      steer(dataset, options, command, 'stopped', (client, id) =>
        stopSync(client, id, options.reason ?? 'stopped from the command line'),
      ),
    );
  on('pause', 'take nothing new up until it is resumed')
    .option('--reason <text>', 'why, for whoever wonders', 'by operator')
    .action((dataset: string, options: SyncOptions, command: Command) =>
      steer(dataset, options, command, 'paused', (client, id) =>
        pauseSync(client, id, options.reason ?? 'by operator'),
      ),
    );
  on('resume', 'go on').action((dataset: string, options: SyncOptions, command: Command) =>
    steer(dataset, options, command, 'resumed', resumeSync),
  );
  sync
    .command('list')
    .description('every dataset of the settings, and what its sync does')
    .option('--json', 'JSON')
    .action(list);
}

async function start(dataset: string, options: SyncOptions, command: Command): Promise<void> {
  const context = contextOf(command);
  const { account } = chooseDataset(context.settings, dataset, options.account);
  await withTemporal(context, async (client) => {
    const { workflowId, alreadyRan } = await startSync(client, context.settings, dataset, account.name);
    print(`${alreadyRan ? 'Runs already' : 'Started'}: ${workflowId}`);
    if (!(await workerPolls(client, context.settings.temporal.taskQueue))) {
      note('No worker runs now; it begins when one does (npx sluice up).');
    }
  });
}

async function steer(
  dataset: string,
  options: SyncOptions,
  command: Command,
  done: string,
  act: (client: Parameters<typeof resumeSync>[0], workflowId: string) => Promise<void>,
): Promise<void> {
  const context = contextOf(command);
  const { account } = chooseDataset(context.settings, dataset, options.account);
  const workflowId = syncWorkflowId(dataset, account.name);
  await withTemporal(context, async (client) => {
    if (!(await isRunning(client, workflowId))) {
      throw new ClientError(`${workflowId} does not run; start it with: npx sluice sync start ${dataset}`);
    }
    await act(client, workflowId);
    print(`${workflowId}: ${done}`);
  });
}

export interface SyncReport extends WorkReport {
  readonly dataset: string;
  readonly account: string;
  readonly enabled: boolean;
}

/** What the syncs of all datasets of the settings do. @throws ClientError when Temporal cannot be reached. */
export async function readSyncs(context: Context): Promise<SyncReport[]> {
  return withTemporal(context, async (client) => {
    const reports: SyncReport[] = [];
    for (const { dataset, account, enabled } of context.settings.datasets) {
      reports.push({
        dataset,
        account,
        enabled,
        ...(await readWork(client, syncWorkflowId(dataset, account))),
      });
    }
    return reports;
  });
}

async function list(options: { readonly json?: boolean }, command: Command): Promise<void> {
  const context = contextOf(command);
  const reports = await readSyncs(context);
  if (options.json) printJson(reports.map(syncJson));
  else if (reports.length === 0) note('The settings list no datasets.');
  else print(syncTable(reports, Date.now()));
}

export function syncJson(report: SyncReport) {
  const { status, ...rest } = report;
  return { ...rest, status: status && { ...status, until: isoOrNull(status.until) } };
}

export function syncTable(reports: readonly SyncReport[], now: number): string {
  return table(
    ['dataset', 'account', 'sync', 'until', 'why'],
    reports.map(({ dataset, account, running, status, problem }) => [
      dataset,
      account,
      running ? (status?.phase ?? 'runs') : 'not started',
      status?.until == null ? '-' : whenText(status.until, now),
      problem ?? status?.detail ?? '',
    ]),
  );
}
