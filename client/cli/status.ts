/** `sluice status`: what runs, its addresses, and what it does. Shows what it can when parts are down. */
import { relative } from 'node:path';
import type { Command } from 'commander';
import { isAlive } from '../../embedded/child';
import { readInstance, withoutPassword } from '../../embedded/instance';
import { type BatchReport, readBatches } from '../operations/batches/wait';
import {
  type Context,
  liveInstance,
  temporalAddress,
  withDatabase,
  withTemporal,
} from '../operations/context';
import { listBackfills, type WaitingWork } from '../operations/datasets/backfills';
import { listSyncs, type SyncReport } from '../operations/datasets/syncs';
import { workerPolls } from '../operations/datasets/work';
import { messageOf } from '../operations/errors';
import { type PoolReport, readPoolReport } from '../operations/pools/report';
import { isoOrNull } from '../operations/time-text';
import {
  ailingWorkers,
  failingWorkflows,
  strandedBatches,
  type Trouble,
  troubleText,
  waitingTasks,
} from '../operations/troubles';
import { openBatchesJson, openBatchLines } from './batches/view';
import { contextOf } from './command';
import { backfillLines } from './datasets/backfill-runs';
import { blockedLines, organizationText, poolText, sinceText, stopLines } from './datasets/progress-view';
import { syncTable } from './datasets/sync';
import { print, printJson } from './output';

/** The value, or why it cannot be had. */
type Read<T> = { readonly value: T } | { readonly problem: string };

async function read<T>(work: () => Promise<T>): Promise<Read<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    return { problem: messageOf(error) };
  }
}

interface Status {
  readonly postgres: { readonly url: string | null; readonly embedded: boolean };
  readonly temporal: { readonly address: string | null; readonly uiUrl: string | null };
  readonly processes: readonly {
    readonly name: string;
    readonly pid: number;
    readonly url?: string | undefined;
  }[];
  /** Workers of this folder that are gone without having been stopped. */
  readonly ended: readonly { readonly pid: number }[];
  /** Whether one takes work. */
  readonly worker: Read<boolean>;
  readonly pools: Read<readonly PoolReport[]>;
  readonly syncs: Read<readonly SyncReport[]>;
  readonly batches: Read<readonly BatchReport[]>;
  readonly backfills: Read<readonly WaitingWork[]>;
  /** What ought to run and does not. */
  readonly troubles: Read<readonly Trouble[]>;
}

export function addStatus(program: Command): void {
  program
    .command('status')
    .description('what runs, where it is found, and what it does')
    .option('--json', 'JSON')
    .action(async (options: { readonly json?: boolean }, command: Command) => {
      const context = contextOf(command);
      const status = await readStatus(context);
      const now = Date.now();
      if (options.json) printJson(statusJson(status));
      else printStatus(context, status, now);
    });
}

async function readStatus(context: Context): Promise<Status> {
  const { settings, dir } = context;
  const instance = liveInstance(dir);
  const ownUrl = settings.database.url?.reveal();
  const url = ownUrl ?? instance?.postgres?.url ?? null;
  const now = Date.now();
  const polls = withTemporal(context, (client) => workerPolls(client, settings.temporal.taskQueue));
  const [worker, pools, syncs, batches, backfills, troubles] = await Promise.all([
    read(() => polls),
    read(() =>
      withDatabase(context, async (db) => {
        const all: PoolReport[] = [];
        for (const name of Object.keys(settings.accounts))
          all.push(await readPoolReport(db, settings, name, now));
        return all;
      }),
    ),
    read(() => listSyncs(context, {})),
    read(async () => {
      const hasWorker = await polls.catch(() => true);
      return withDatabase(context, (db) => readBatches(db, settings, now, hasWorker));
    }),
    read(() => listBackfills(context, {})),
    read(() => readTroubles(context)),
  ]);
  return {
    postgres: { url: url === null ? null : withoutPassword(url), embedded: ownUrl === undefined },
    temporal: {
      address: temporalAddress(context),
      uiUrl: settings.temporal.address === null ? (instance?.temporal?.uiUrl ?? null) : null,
    },
    processes: (instance?.processes ?? []).map(({ name, pid, url: at }) => ({ name, pid, url: at })),
    ended: (readInstance(dir)?.processes ?? [])
      .filter((process) => process.name === 'worker' && !isAlive(process))
      .map(({ pid }) => ({ pid })),
    worker,
    pools,
    syncs,
    batches,
    backfills,
    troubles,
  };
}

/** What can be looked at: without the database, what Temporal knows. */
async function readTroubles(context: Context): Promise<readonly Trouble[]> {
  const { settings } = context;
  const ailing = ailingWorkers(settings);
  return withTemporal(context, async (client) => {
    const found = await Promise.all([
      ailing,
      waitingTasks(client, settings),
      failingWorkflows(client, settings),
      withDatabase(context, (db) => strandedBatches(client, db)).catch(() => []),
    ]);
    return found.flat();
  }).catch(async (error: unknown) => {
    const found = await ailing;
    if (found.length === 0) throw error;
    return found;
  });
}

/** A worker of this folder that is gone is named, whether or not another one takes its work. */
function workerText(polls: boolean, { ended, processes }: Status): string {
  const [dead] = ended;
  if (dead === undefined || processes.some(({ name }) => name === 'worker')) {
    return polls ? 'runs' : 'none runs';
  }
  const gone = `this folder's, pid ${dead.pid}, has ended without being told to; start one with: npx sluice up --detach`;
  return `${polls ? 'another one runs' : 'none runs'}; ${gone}`;
}

function printStatus({ settings, dir }: Context, status: Status, now: number): void {
  const { postgres, temporal, worker, pools, syncs, batches, backfills } = status;
  print(`Settings  ${settings.file ?? 'none; the environment and defaults hold'}`);
  print(`Postgres  ${postgres.url ?? 'does not run (npx sluice up)'}`);
  print(
    `Temporal  ${temporal.address ?? 'does not run (npx sluice up)'}${temporal.uiUrl ? `, Web UI ${temporal.uiUrl}` : ''}`,
  );
  if ('value' in worker) {
    print(`Worker    ${workerText(worker.value, status)} (task queue ${settings.temporal.taskQueue})`);
  } else if (temporal.address !== null) print(`Worker    unknown: ${worker.problem}`);
  for (const { name, pid, url } of status.processes) {
    print(`Process   ${name}, pid ${pid}${url === undefined ? '' : `, ${url}`}`);
  }
  if (status.processes.length > 0) print(`Logs      ${relative(process.cwd(), dir.logs)}`);
  if ('value' in pools) {
    for (const { pool, state, organization, limits, stops } of pools.value) {
      print(`Pool      ${pool}: ${poolText(state, now)}${organizationText(organization)}${sinceText(state)}`);
      for (const line of stopLines(stops, now)) print(`Calls     ${pool}: ${line}`);
      for (const line of blockedLines(limits)) print(`Limit     ${pool}: ${line}`);
    }
  } else if (postgres.url !== null) print(`Pools     unknown: ${pools.problem}`);
  if ('value' in batches) {
    for (const line of openBatchLines(batches.value, now)) print(`Batch     ${line}`);
  }
  if ('value' in backfills) {
    for (const line of backfillLines(backfills.value, now)) print(`Backfill  ${line}`);
  }
  if ('value' in status.troubles) {
    for (const trouble of status.troubles.value) print(`Trouble   ${troubleText(trouble)}`);
  }
  if ('value' in syncs) {
    if (syncs.value.length > 0) print(`\n${syncTable(syncs.value, now)}`);
  } else if (temporal.address !== null) print(`Syncs     unknown: ${syncs.problem}`);
}

function statusJson(status: Status) {
  const { postgres, temporal, processes, ended, worker, pools, syncs, batches, backfills } = status;
  const orProblem = <T, U>(found: Read<T>, show: (value: T) => U) =>
    'value' in found ? show(found.value) : { problem: found.problem };
  return {
    postgres,
    temporal,
    processes,
    worker: orProblem(worker, (runs) => ({ runs, ended })),
    pools: orProblem(pools, (all) =>
      all.map(({ pool, state, organization, limits, stops }) => ({
        pool,
        state: state.state,
        until: isoOrNull(state.until),
        reason: state.reason,
        since: isoOrNull(state.since === 0 ? null : state.since),
        strikes: state.strikes,
        stops: stops.map(({ operation, subject, since, until, reason, strikes }) => ({
          operation,
          subject,
          since: isoOrNull(since),
          until: isoOrNull(until),
          reason,
          strikes,
        })),
        organization: organization && { pool: organization.pool, foundBy: organization.foundBy },
        blockedLimits: limits
          .filter(({ blockedUntil }) => blockedUntil !== null)
          .map(({ name, blockedUntil, blockedReason }) => ({
            name,
            until: isoOrNull(blockedUntil),
            reason: blockedReason,
          })),
      })),
    ),
    batches: orProblem(batches, openBatchesJson),
    backfills: orProblem(backfills, listBackfills.json),
    syncs: orProblem(syncs, listSyncs.json),
    troubles: orProblem(status.troubles, (all) =>
      all.map((trouble) => ({ ...trouble, since: isoOrNull(trouble.since) })),
    ),
  };
}
