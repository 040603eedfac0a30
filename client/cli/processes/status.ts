/** `sluice status`: what runs, its addresses, and what it does. Shows what it can when parts are down. */
import { relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { isAlive } from '../../../embedded/child';
import { readInstance, withoutPassword } from '../../../embedded/instance';
import { type Context, liveInstance, temporalAddress } from '../../operations/backend/context';
import {
  beginStatus,
  readStatus,
  SOON_MS,
  type Status,
  type StatusParts,
} from '../../operations/diagnosis/status';
import { troubleText } from '../../operations/diagnosis/troubles';
import { API_PROCESS } from '../../operations/processes/api-process';
import { batchLines } from '../batches/view';
import { call, contextOf } from '../command';
import { backfillLines } from '../datasets/backfill-runs';
import { blockedLines, organizationText, poolText, sinceText, stopLines } from '../datasets/progress-view';
import { syncTable } from '../datasets/sync';
import { print, printJson } from '../output';
import { pollingTable } from '../polling/polling';
import { streamTrouble } from '../streams';

/** What runs for this folder. */
interface Here {
  readonly postgres: { readonly url: string | null; readonly embedded: boolean };
  readonly temporal: { readonly address: string | null; readonly uiUrl: string | null };
  readonly processes: readonly {
    readonly name: string;
    readonly pid: number;
    readonly url?: string | undefined;
  }[];
  /** Workers of this folder that are gone without having been stopped. */
  readonly ended: readonly { readonly pid: number }[];
}

export function addStatus(program: Command): void {
  program
    .command('status')
    .description('what runs, where it is found, and what it does')
    .option('--json', 'JSON')
    .action(async (options: { readonly json?: boolean }, command: Command) => {
      const context = contextOf(command);
      const here = readHere(context);
      if (options.json) printJson(statusJson(here, await call(readStatus, context, {})));
      else await printStatus(context, here, beginStatus(context, SOON_MS));
    });
}

function readHere(context: Context): Here {
  const { settings, dir } = context;
  const instance = liveInstance(dir);
  const ownUrl = settings.database.url?.reveal();
  const url = ownUrl ?? instance?.postgres?.url ?? null;
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
  };
}

/** A worker of this folder that is gone is named, whether or not another one takes its work. */
function workerText(polls: boolean, { ended, processes }: Here): string {
  const [dead] = ended;
  if (dead === undefined || processes.some(({ name }) => name === 'worker')) {
    return polls ? 'runs' : 'none runs';
  }
  const gone = `this folder's, pid ${dead.pid}, has ended unexpectedly; start one with: npx sluice up --detach`;
  return `${polls ? 'another one runs' : 'none runs'}; ${gone}`;
}

/** Each part as soon as it is known, so that what one server knows is read while another one is silent. */
async function printStatus({ settings, dir }: Context, here: Here, status: StatusParts): Promise<void> {
  const { postgres, temporal, processes } = here;
  print(`Settings  ${settings.file ?? 'none; the environment and defaults hold'}`);
  print(`Postgres  ${postgres.url ?? 'does not run (npx sluice up)'}`);
  print(
    `Temporal  ${temporal.address ?? 'does not run (npx sluice up)'}${temporal.uiUrl ? `, Web UI ${temporal.uiUrl}` : ''}`,
  );
  const printWorker = (worker: Status['worker']) => {
    if ('value' in worker) {
      print(`Worker    ${workerText(worker.value, here)} (task queue ${settings.temporal.taskQueue})`);
    } else if (temporal.address !== null) print(`Worker    unknown: ${worker.problem}`);
  };
  const worker = await Promise.race([status.worker, delay(SOON_MS, null, { ref: false })]);
  if (worker !== null) printWorker(worker);
  else print(`Worker    Temporal has not said yet whether one runs; here is what Postgres knows`);
  for (const { name, pid, url } of processes) {
    print(`Process   ${name}, pid ${pid}${url === undefined ? '' : `, ${url}`}`);
  }
  if (processes.length > 0) print(`Logs      ${relative(process.cwd(), dir.logs)}`);
  const pools = await status.pools;
  const now = Date.now();
  if ('value' in pools) {
    for (const { pool, client, state, organization, limits, stops } of pools.value) {
      print(`Pool      ${pool}: ${poolText(state, now)}${organizationText(organization)}${sinceText(state)}`);
      if (client !== null) print(`Client    ${pool}: the vendor knows this deployment as ${client}`);
      for (const line of stopLines(stops, now)) print(`Calls     ${pool}: ${line}`);
      for (const line of blockedLines(limits)) print(`Limit     ${pool}: ${line}`);
    }
  } else if (postgres.url !== null) print(`Pools     unknown: ${pools.problem}`);
  const streams = await status.streams;
  if ('value' in streams) {
    for (const line of streams.value.map((one) => streamTrouble(one, now))) {
      if (line !== null) print(`Stream    ${line}`);
    }
  }
  const batches = await status.batches;
  if ('value' in batches) {
    for (const line of batchLines(batches.value, now)) print(`Batch     ${line}`);
  }
  const asked = worker ?? (await status.worker);
  if (worker === null) printWorker(asked);
  await printWork(here, status, 'problem' in asked ? asked.problem : '');
}

/** What Temporal knows, and Postgres with it. @param said a reason that stands above already. */
async function printWork({ temporal }: Here, status: StatusParts, said: string): Promise<void> {
  const why = (problem: string) => (problem === said ? 'for the same reason' : problem);
  const [backfills, troubles] = [await status.backfills, await status.troubles];
  const now = Date.now();
  if ('value' in backfills) {
    for (const line of backfillLines(backfills.value, now)) print(`Backfill  ${line}`);
  } else if (temporal.address !== null) print(`Backfills unknown: ${why(backfills.problem)}`);
  if ('value' in troubles) {
    for (const trouble of troubles.value) print(`Trouble   ${troubleText(trouble)}`);
  }
  const syncs = await status.syncs;
  if ('value' in syncs) {
    if (syncs.value.length > 0) print(`\n${syncTable(syncs.value, now)}`);
  } else if (temporal.address !== null) print(`Syncs     unknown: ${why(syncs.problem)}`);
  const polling = await status.polling;
  if ('value' in polling) {
    if (polling.value.length > 0) print(`\n${pollingTable(polling.value, now)}`);
  } else if (temporal.address !== null) print(`Polling   unknown: ${why(polling.problem)}`);
}

function statusJson({ postgres, temporal, processes, ended }: Here, status: Status) {
  const { worker, ...work } = readStatus.json(status);
  const api = processes.find(({ name }) => name === API_PROCESS);
  return {
    ...{ postgres, temporal, processes },
    api: { url: api?.url ?? null },
    worker: 'problem' in worker ? worker : { ...worker, ended },
    ...work,
  };
}
