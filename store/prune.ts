/**
 * Clears away what nobody needs any more. Rows of data, the ledger of windows, the vault and all that decides a call
 * (limits, pools, cursors, queues) are never touched. Of the rest goes what is old enough, but not what something still
 * rests on:
 *
 * | kind        | goes                                    | stays however old                                           |
 * |-------------|-----------------------------------------|-------------------------------------------------------------|
 * | jobs        | ended ones that were followed by another for exactly the same window | live ones; the last one of each window |
 * | events      | all but single refusals                 | those that record that something has been reported already: an alert's of a window that has not turned, and the last event of each batch |
 * | refusals    | `limit.refused`                         |                                                             |
 * | call counts | minutes                                 |                                                             |
 * | reads       | answers to reads with parameters | the last answer to each other read |
 * | commands    | ended ones without an id of the asker's | open ones; those with such an id, which is a promise that the same one again is not sent again |
 * | batches     | only on request: ended ones with all their results | running, paused and unfinished ones; those with files at the vendor |
 *
 * Rows are deleted a thousand at a time, each time in a transaction of its own, and rows that somebody has locked are left for
 * the next time: nobody waits for this.
 */

import type { Pool, PoolClient } from 'pg';
import { DAY_MS } from '../quota/durations';
import { readClock } from './clock';
import { inTransaction } from './db';

/** Ages in days after which rows go. */
export interface Retention {
  readonly jobsDays: number;
  readonly eventsDays: number;
  readonly callCountsDays: number;
  readonly commandsDays: number;
  readonly readsDays: number;
  /** Undefined: batches stay. */
  readonly batchesDays?: number | undefined;
}

export const PRUNED_KINDS = [
  'jobs',
  'events',
  'refusals',
  'callCounts',
  'commands',
  'reads',
  'batches',
] as const;
export type PrunedKind = (typeof PRUNED_KINDS)[number];

/** Rows by kind; of batches, the batches. */
export type PruneCounts = Readonly<Record<PrunedKind, number>>;

export interface PruneOptions {
  /** Count what would go, and leave it. */
  readonly dryRun?: boolean;
  /** Rows of one transaction. */
  readonly chunk?: number;
  /** Epoch ms; the database's own time when it is left out. */
  readonly now?: number;
  /** Ends it after the chunk that is under way. */
  readonly signal?: AbortSignal;
}

/** One prunes at a time, chunk by chunk: no connection is held for longer, for a worker may have only one. */
const TRY_LOCK = 'pg_try_advisory_xact_lock(730946, 0)';
const CHUNK = 1000;

/** @returns null when somebody else is at it. Who comes in between goes on in our place; then it is what we have done. */
export async function prune(
  db: Pool,
  retention: Retention,
  options: PruneOptions = {},
): Promise<PruneCounts | null> {
  const now = options.now ?? (await readClock(db));
  const run: Run = { db, now, chunk: options.chunk ?? CHUNK, signal: options.signal };
  if (options.dryRun) return countAll(run, retention);
  const counts = { jobs: 0, events: 0, refusals: 0, callCounts: 0, commands: 0, reads: 0, batches: 0 };
  try {
    await pruneAll(run, retention, counts);
  } catch (error) {
    if (!(error instanceof Busy)) throw error;
    if (PRUNED_KINDS.every((kind) => counts[kind] === 0)) return null;
  }
  return counts;
}

class Busy extends Error {}

interface Run {
  readonly db: Pool;
  readonly now: number;
  readonly chunk: number;
  readonly signal: AbortSignal | undefined;
}

/** One transaction of the one who prunes. @throws Busy when that is somebody else. */
async function inChunk<T>({ db }: Run, work: (client: PoolClient) => Promise<T>): Promise<T> {
  return inTransaction(db, async (client) => {
    const { rows } = await client.query<{ locked: boolean }>(`select ${TRY_LOCK} as locked`);
    if (rows[0]?.locked !== true) throw new Busy();
    return work(client);
  });
}

/** `$1` is the instant before which rows are old, `more` come after. Rows are known by `id`, and walked in its order. */
interface Rule {
  readonly table: string;
  readonly old: string;
  readonly more?: readonly unknown[];
}

const JOBS: Rule = {
  table: 'jobs',
  old: `t.state in ('ingested', 'failed', 'cancelled') and t.updated_at < $1
    and exists (select 1 from jobs later where later.series_id = t.series_id and later.span = t.span and later.id > t.id)`,
};

/** Kinds of which the last one about a batch records what has been reported already; see store/batches/events.ts. */
const LAST_WORDS = [
  ['batch.started'],
  ['batch.started', 'batch.retried', 'batch.finished'],
  ['quota.threshold_reached', 'quota.threshold_left'],
];
/** Ids of the last events of the batches that there are: found once, for it reads all events. */
async function lastWords({ db }: Run): Promise<readonly number[]> {
  const ids: number[] = [];
  for (const kinds of LAST_WORDS) {
    const { rows } = await db.query<{ id: number }>(
      `select max(e.id) as id from events e join batches b
         on b.id = case when jsonb_typeof(e.data -> 'batch') = 'number' then (e.data ->> 'batch')::bigint end
       where e.kind = any ($1) group by e.pool, b.id`,
      [kinds],
    );
    ids.push(...rows.map(({ id }) => id));
  }
  return ids;
}

/** The end of the window that an event is about, or of the pause that it reports; null when there is none. */
const endOf = (field: string) =>
  `case when jsonb_typeof(t.data -> '${field}') = 'number' then (t.data ->> '${field}')::float8 end`;

async function eventsRule(run: Run): Promise<Rule> {
  return {
    table: 'events',
    old: `t.kind <> 'limit.refused' and t.at < $1 and not (t.id = any ($3))
      and coalesce(greatest(${endOf('window')}, ${endOf('until')}), 0) < $2`,
    more: [run.now, await lastWords(run)],
  };
}

const REFUSALS: Rule = { table: 'events', old: `t.kind = 'limit.refused' and t.at < $1` };

const COMMANDS: Rule = {
  table: 'commands',
  old: `t.state in ('succeeded', 'failed', 'unknown', 'cancelled') and t.request_id is null and t.ended_at < $1`,
};

const READS: Rule = {
  table: 'reads',
  old: `t.params <> '{}' and greatest(t.answered_at, t.failed_at, t.asked_at, t.made_at) < $1
    and (t.lease_until is null or t.lease_until < clock_timestamp())`,
};

/** Nothing of it is under way, here or at the vendor. */
const BATCH_ENDED = `
  not exists (select 1 from batch_parts p where p.batch_id = b.id and (p.state <> 'settled' or p.changed_at >= $1))
  and not exists (select 1 from batch_items i where i.batch_id = b.id and (i.answered_at >= $1 or case b.state
    when 'cancelled' then i.state = 'running' and (i.lease_until is null or i.lease_until > clock_timestamp())
    else i.state not in ('done', 'failed') end))`;
/** Of a batch that is about to go: nothing finds it by its input any more, so no start takes half of it for the whole. */
const REMOVED = 'removed:';
const BATCH_OLD = `(b.digest like '${REMOVED}%' or (b.state <> 'paused' and b.updated_at < $1 and ${BATCH_ENDED}))`;

function oldBefore({ now }: Run, days: number): string {
  return new Date(now - days * DAY_MS).toISOString();
}

const valuesOf = (run: Run, { more }: Rule, days: number): unknown[] => [
  oldBefore(run, days),
  ...(more ?? []),
];

type Counts = Record<PrunedKind, number>;

async function pruneAll(run: Run, retention: Retention, counts: Counts): Promise<void> {
  const { batchesDays } = retention;
  // Batches first: events about them may go with them.
  if (batchesDays !== undefined) await pruneBatches(run, oldBefore(run, batchesDays), counts);
  await pruneRule(run, JOBS, retention.jobsDays, counts, 'jobs');
  await pruneRule(run, await eventsRule(run), retention.eventsDays, counts, 'events');
  await pruneRule(run, REFUSALS, retention.callCountsDays, counts, 'refusals');
  await pruneCallCounts(run, oldBefore(run, retention.callCountsDays), counts);
  await pruneRule(run, COMMANDS, retention.commandsDays, counts, 'commands');
  await pruneRule(run, READS, retention.readsDays, counts, 'reads');
}

async function pruneRule(
  run: Run,
  rule: Rule,
  days: number,
  counts: Counts,
  kind: PrunedKind,
): Promise<void> {
  const values = valuesOf(run, rule, days);
  const [after, limit] = [`$${values.length + 1}`, `$${values.length + 2}`];
  let last = 0;
  await untilDone(run, async (client) => {
    const { rows } = await client.query<{ id: number }>(
      `delete from ${rule.table} where id = any (array(
         select t.id from ${rule.table} t where t.id > ${after} and ${rule.old}
         order by t.id limit ${limit} for update skip locked)) returning id`,
      [...values, last, run.chunk],
    );
    for (const { id } of rows) last = Math.max(last, id);
    counts[kind] += rows.length;
    return rows.length;
  });
}

const isOver = ({ signal }: Run): boolean => signal?.aborted === true;

/** Deletes chunk by chunk until a chunk finds nothing. */
async function untilDone(run: Run, deleteChunk: (client: PoolClient) => Promise<number>): Promise<void> {
  while (!isOver(run)) {
    const deleted = await inChunk(run, deleteChunk);
    if (deleted === 0) break;
  }
}

async function pruneCallCounts(run: Run, old: string, counts: Counts): Promise<void> {
  const { rows: pools } = await run.db.query<{ pool: string }>(
    'select distinct pool from call_counts where minute < $1',
    [old],
  );
  for (const { pool } of pools) {
    await untilDone(run, async (client) => {
      const { rowCount } = await client.query(
        `delete from call_counts where ctid = any (array(
           select ctid from call_counts where pool = $1 and minute < $2 order by minute limit $3
           for update skip locked))`,
        [pool, old, run.chunk],
      );
      counts.callCounts += rowCount ?? 0;
      return rowCount ?? 0;
    });
  }
}

async function pruneBatches(run: Run, old: string, counts: Counts): Promise<void> {
  const { rows } = await run.db.query<{ id: number }>(
    `select id from batches b where ${BATCH_OLD} order by id`,
    [old],
  );
  for (const { id } of rows) {
    if (isOver(run)) return;
    if (!(await inChunk(run, (client) => markRemoved(client, id, old)))) continue;
    await untilDone(run, async (client) => {
      const { rowCount } = await client.query(
        `delete from batch_items where batch_id = $1 and seq = any (array(
           select seq from batch_items where batch_id = $1 order by seq limit $2))`,
        [id, run.chunk],
      );
      return rowCount ?? 0;
    });
    if (isOver(run)) return;
    await inChunk(run, (client) => client.query('delete from batches where id = $1', [id]));
    counts.batches++;
  }
}

/** Asked once more under the batch's lock: somebody may have started or resumed it since it was found. */
async function markRemoved(client: PoolClient, id: number, old: string): Promise<boolean> {
  await client.query('select 1 from batches where id = $1 for update', [id]);
  const { rowCount } = await client.query(
    `update batches b set digest = case when b.digest like '${REMOVED}%' then b.digest else '${REMOVED}' || b.id end,
       state = 'cancelled', reason = 'it is old and is being removed' where b.id = $2 and ${BATCH_OLD}`,
    [old, id],
  );
  return rowCount === 1;
}

async function countAll(run: Run, retention: Retention): Promise<PruneCounts> {
  const count = async (sql: string, values: readonly unknown[]) => {
    const { rows } = await run.db.query<{ n: number }>(`select count(*) as n from ${sql}`, [...values]);
    return rows[0]?.n ?? 0;
  };
  const ofRule = (rule: Rule, days: number) =>
    count(`${rule.table} t where ${rule.old}`, valuesOf(run, rule, days));
  const { batchesDays } = retention;
  return {
    batches:
      batchesDays === undefined
        ? 0
        : await count(`batches b where ${BATCH_OLD}`, [oldBefore(run, batchesDays)]),
    jobs: await ofRule(JOBS, retention.jobsDays),
    events: await ofRule(await eventsRule(run), retention.eventsDays),
    refusals: await ofRule(REFUSALS, retention.callCountsDays),
    callCounts: await count('call_counts where minute < $1', [oldBefore(run, retention.callCountsDays)]),
    commands: await ofRule(COMMANDS, retention.commandsDays),
    reads: await ofRule(READS, retention.readsDays),
  };
}
