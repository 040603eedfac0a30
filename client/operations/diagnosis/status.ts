/** What is under way on the servers of these settings, and what is wrong. Shows what it can when parts are down. */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { StreamStanding } from '../../../store/streams/streams';
import type { Backend } from '../backend/backend';
import { batchJson } from '../batches/batches';
import { type BatchReport, readBatches } from '../batches/wait';
import { listBackfills, type WaitingWork } from '../datasets/backfills';
import { listSyncs, type SyncReport } from '../datasets/syncs';
import { workerPolls } from '../datasets/work';
import { messageOf } from '../errors';
import { operation } from '../operation';
import { listPolling, type PollingReport } from '../polling/runs';
import { type PoolReport, readPoolReport } from '../pools/report';
import { listStreamsOf } from '../streams/streams';
import { isoOrNull } from '../time-text';
import { ailingWorkers, failingWorkflows, strandedBatches, type Trouble, waitingTasks } from './troubles';

/** The value, or why it cannot be had. */
export type Read<T> = { readonly value: T } | { readonly problem: string };

async function read<T>(work: () => Promise<T>): Promise<Read<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    return { problem: messageOf(error) };
  }
}

export interface Status {
  /** Whether a worker takes work. */
  readonly worker: Read<boolean>;
  readonly pools: Read<readonly PoolReport[]>;
  /** Those that have not ended. */
  readonly batches: Read<readonly BatchReport[]>;
  readonly backfills: Read<readonly WaitingWork[]>;
  readonly syncs: Read<readonly SyncReport[]>;
  /** Of every account that is polled, whether it runs or not. */
  readonly polling: Read<readonly PollingReport[]>;
  /** Of every account that is to receive changes by itself, whether they come or not. */
  readonly streams: Read<readonly StreamStanding[]>;
  /** What ought to run and does not. */
  readonly troubles: Read<readonly Trouble[]>;
}

export const readStatus = operation({
  about: 'what runs, and what it does',
  input: z.strictObject({}),
  json: ({ worker, pools, batches, backfills, syncs, polling, streams, troubles }: Status) => ({
    worker: orProblem(worker, (runs) => ({ runs })),
    pools: orProblem(pools, (all) => all.map(poolJson)),
    batches: orProblem(batches, (all) => all.map(batchJson)),
    backfills: orProblem(backfills, listBackfills.json),
    syncs: orProblem(syncs, listSyncs.json),
    polling: orProblem(polling, listPolling.json),
    streams: orProblem(streams, listStreamsOf.json),
    troubles: orProblem(troubles, (all) =>
      all.map((trouble) => ({ ...trouble, since: isoOrNull(trouble.since) })),
    ),
  }),
  run: async (backend): Promise<Status> => {
    const { worker, pools, batches, backfills, syncs, polling, streams, troubles } = beginStatus(backend);
    return {
      worker: await worker,
      pools: await pools,
      batches: await batches,
      backfills: await backfills,
      syncs: await syncs,
      polling: await polling,
      streams: await streams,
      troubles: await troubles,
    };
  },
});

/** The same, each part as soon as it is known: a server that is silent holds up only what it alone knows. */
export type StatusParts = { readonly [Part in keyof Status]: Promise<Status[Part]> };

/** @param soonMs how long batches wait for what Temporal says of workers; left out: as long as it takes. */
export function beginStatus(backend: Backend, soonMs?: number): StatusParts {
  const polls = backend.temporal((client) => workerPolls(client, backend.settings.temporal.taskQueue));
  const known = polls.catch(() => true);
  const hasWorker = soonMs === undefined ? known : Promise.race([known, delay(soonMs, true, { ref: false })]);
  return {
    worker: read(() => polls),
    pools: read(() => readPools(backend)),
    batches: read(async () => openBatches(backend, await hasWorker)),
    backfills: read(() => listBackfills(backend, {})),
    syncs: read(() => listSyncs(backend, {})),
    polling: read(() => listPolling(backend, {})),
    streams: read(() => listStreamsOf(backend, {})),
    troubles: read(() => readTroubles(backend)),
  };
}

/** A server that is well has answered a person by then, on a busy machine, too; ms. */
export const SOON_MS = 3_000;

function readPools(backend: Backend): Promise<readonly PoolReport[]> {
  const { settings } = backend;
  const now = Date.now();
  return backend.database(async (db) => {
    const all: PoolReport[] = [];
    for (const name of Object.keys(settings.accounts)) {
      all.push(await readPoolReport(db, settings, name, now));
    }
    return all;
  });
}

async function openBatches(backend: Backend, hasWorker: boolean) {
  const all = await backend.database((db) => readBatches(db, backend.settings, Date.now(), hasWorker));
  return all.filter(
    ({ batch, counts }) => batch.state !== 'cancelled' && counts.done + counts.failed < batch.items,
  );
}

/** What can be shown: without the database, what Temporal knows. */
async function readTroubles(backend: Backend): Promise<readonly Trouble[]> {
  const { settings } = backend;
  const ailing = ailingWorkers(settings);
  return backend
    .temporal(async (client) => {
      const found = await Promise.all([
        ailing,
        waitingTasks(client, settings),
        failingWorkflows(client, settings),
        backend.database((db) => strandedBatches(client, db)).catch(() => []),
      ]);
      return found.flat();
    })
    .catch(async (error: unknown) => {
      const found = await ailing;
      if (found.length === 0) throw error;
      return found;
    });
}

function orProblem<T, U>(found: Read<T>, show: (value: T) => U): U | { readonly problem: string } {
  return 'value' in found ? show(found.value) : { problem: found.problem };
}

function poolJson({ pool, client, state, organization, limits, stops }: PoolReport) {
  return {
    pool,
    client,
    state: state.state,
    until: isoOrNull(state.until),
    reason: state.reason,
    since: isoOrNull(state.since === 0 ? null : state.since),
    strikes: state.strikes,
    stops: stops.map(({ operation: stopped, subject, part, since, until, reason, strikes }) => ({
      operation: stopped,
      subject,
      part,
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
  };
}
