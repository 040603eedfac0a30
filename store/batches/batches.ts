/**
 * Batches and their items. A page (one activity) claims items by lease and writes each result as it arrives. Leases of
 * a page that died expire, and its items are claimed again. An item has one result: the first that was stored.
 */
import { pipeline } from 'node:stream/promises';
import type { Pool, PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { RunOptions } from '../../quota/batches/run-terms';
import type { Priority } from '../../quota/limits/limit';
import { inTransaction } from '../db';
import { insertEvent } from '../events/events';
import { jsonText } from '../storable';
import { PUT_BACK, type PutBack } from './alike';
import { batchEventOf } from './events';

export interface BatchSpec {
  /** Of all that decides a request: starting the same input again finds the same batch. */
  readonly digest: string;
  /** `vendor/name`, e.g. `openai/bios`. */
  readonly kind: string;
  readonly account: string;
  readonly model: string;
  readonly prompt: string;
  readonly options: BatchOptions;
  /** Name of the input, for people. */
  readonly inputName: string;
  readonly priority: Priority;
  /** Default: `responses`. */
  readonly via?: DeliveryMode;
}

/** Delivery mode: one call per item, or files of items. */
export type DeliveryMode = 'responses' | 'batch-api';

export interface BatchOptions extends RunOptions {
  /** Most tokens of an answer; null for the model's own limit. */
  readonly maxOutputTokens: number | null;
  /** Most calls in flight; null for the account's setting. */
  readonly maxConcurrency: number | null;
}

export type BatchState = 'running' | 'paused' | 'cancelled';

export interface Batch extends BatchSpec {
  readonly id: number;
  readonly via: DeliveryMode;
  /** What is wanted; whether it is finished is seen from the items. */
  readonly state: BatchState;
  readonly reason: string;
  readonly items: number;
  /** Epoch ms. */
  readonly createdAt: number;
  /** Epoch ms of the last change of its state or terms. */
  readonly changedAt: number;
}

export interface NewItem {
  readonly externalId: string;
  readonly variables: Readonly<Record<string, string>>;
}

const COLUMNS = `id, digest, kind, account, model, prompt, options, input_name as "inputName", priority, via, state, reason,
  items, created_at as "createdAt", updated_at as "changedAt"`;

/**
 * Stores a batch with its items in one transaction, or finds the one of the same digest; `items` is then not read.
 * @throws Error 23505 when two items have the same id; nothing is stored then.
 */
export async function createBatch(
  db: Pool,
  spec: BatchSpec,
  items: AsyncIterable<readonly NewItem[]>,
): Promise<{ readonly batch: Batch; readonly created: boolean }> {
  return inTransaction(db, async (client) => {
    const { rows } = await client.query<{ id: number }>(
      `insert into batches (digest, kind, account, model, prompt, options, input_name, priority, via)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (digest) do nothing returning id`,
      [
        spec.digest,
        spec.kind,
        spec.account,
        spec.model,
        spec.prompt,
        jsonText(spec.options),
        spec.inputName,
        spec.priority,
        spec.via ?? 'responses',
      ],
    );
    const id = rows[0]?.id;
    if (id !== undefined) {
      const count = await copyItems(client, id, items);
      await client.query('update batches set items = $2 where id = $1', [id, count]);
    }
    const found = await client.query<Batch>(`select ${COLUMNS} from batches where digest = $1`, [
      spec.digest,
    ]);
    const [batch] = found.rows;
    if (!batch) throw new Error(`batch ${spec.digest} vanished while it was made`);
    return { batch, created: id !== undefined };
  });
}

async function copyItems(
  client: PoolClient,
  batchId: number,
  items: AsyncIterable<readonly NewItem[]>,
): Promise<number> {
  let seq = 0;
  async function* encoded(): AsyncGenerator<Buffer> {
    for await (const chunk of items) {
      let text = '';
      for (const { externalId, variables } of chunk) {
        text += `${batchId}\t${seq++}\t${escaped(externalId)}\t${escaped(JSON.stringify(variables))}\n`;
      }
      yield Buffer.from(text);
    }
  }
  await pipeline(
    encoded(),
    client.query(copyFrom('copy batch_items (batch_id, seq, external_id, variables) from stdin')),
  );
  return seq;
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** A value of COPY's text format. */
function escaped(value: string): string {
  return value.replace(/[\\\t\n\r]/g, (character) => ESCAPES[character] ?? character);
}

export async function readBatch(db: Pool, id: number): Promise<Batch | null> {
  const { rows } = await db.query<Batch>(`select ${COLUMNS} from batches where id = $1`, [id]);
  return rows[0] ?? null;
}

export async function findBatch(db: Pool, digest: string): Promise<Batch | null> {
  const { rows } = await db.query<Batch>(`select ${COLUMNS} from batches where digest = $1`, [digest]);
  return rows[0] ?? null;
}

/** Newest first. */
export async function listBatches(db: Pool): Promise<Batch[]> {
  const { rows } = await db.query<Batch>(`select ${COLUMNS} from batches order by id desc`);
  return rows;
}

/** When something last became of a batch: a change of its state, or an item that ended. Epoch ms. */
export async function lastSign(db: Pool, id: number): Promise<number | null> {
  const { rows } = await db.query<{ at: number | null }>(
    `select greatest(b.updated_at, (select max(answered_at) from batch_items where batch_id = b.id)) as at
     from batches b where b.id = $1`,
    [id],
  );
  return rows[0]?.at ?? null;
}

/**
 * Batches that are to run and have items left, oldest first: each needs an open workflow. One that is younger than
 * `minAgeMs` may still be about to get its own.
 */
export async function unfinishedBatches(db: Pool, minAgeMs: number): Promise<Batch[]> {
  const { rows } = await db.query<Batch>(
    `select ${COLUMNS} from batches b
     where state = 'running' and created_at < clock_timestamp() - $1::float8 * interval '1 millisecond'
       and exists (select 1 from batch_items i where i.batch_id = b.id and i.state not in ('done', 'failed'))
     order by id`,
    [minAgeMs],
  );
  return rows;
}

/** Who changes a batch's state, for its event. */
export interface ChangedBy {
  /** `operator`, or what decided: `vendor`. */
  readonly by: string;
  /** Key of the account's pool, under which the event is found. */
  readonly pool: string | null;
}

/**
 * Pages look at this before they claim: a page of a batch that is not running ends. A change leaves an event:
 * `batch.paused`, `batch.cancelled` or `batch.resumed`.
 * @returns false when there is no such batch.
 */
export async function setBatchState(
  db: Pool,
  id: number,
  state: BatchState,
  reason: string,
  changed: ChangedBy = { by: 'operator', pool: null },
): Promise<boolean> {
  return inTransaction(db, async (client) => {
    const { rows } = await client.query<{ state: BatchState; reason: string }>(
      'select state, reason from batches where id = $1 for update',
      [id],
    );
    const before = rows[0];
    if (before === undefined) return false;
    if (before.state === state && before.reason === reason) return true;
    await client.query(
      'update batches set state = $2, reason = $3, updated_at = clock_timestamp() where id = $1',
      [id, state, reason],
    );
    await client.query('update batch_waits set since_ms = null where batch_id = $1', [id]);
    if (before.state !== state) {
      const about = { batch: id, by: changed.by, reason, from: before.state };
      await insertEvent(client, batchEventOf(state), changed.pool, about);
    }
    return true;
  });
}

/** Takes over options and priority that were given anew; pages that begin afterwards go by them. */
export async function changeBatch(
  db: Pool,
  id: number,
  change: { readonly options: Partial<BatchOptions>; readonly priority?: Priority },
): Promise<Batch | null> {
  const { rows } = await db.query<Batch>(
    `update batches set options = options || $2::jsonb, priority = coalesce($3, priority),
       updated_at = clock_timestamp() where id = $1 returning ${COLUMNS}`,
    [id, jsonText(change.options), change.priority ?? null],
  );
  return rows[0] ?? null;
}

/** Changes the delivery mode of all items not yet sent; answers to items in flight arrive by the mode they were sent with. */
export async function setDeliveryMode(db: Pool, id: number, via: DeliveryMode): Promise<void> {
  await db.query('update batches set via = $2, updated_at = clock_timestamp() where id = $1', [id, via]);
}

export interface ClaimedItem {
  readonly seq: number;
  readonly externalId: string;
  readonly variables: Readonly<Record<string, string>>;
  /** Calls for it that the vendor has failed so far. */
  readonly attempts: number;
  /** Null unless it was put back, and not asked since. */
  readonly putBack: PutBack | null;
}

/**
 * Up to `count` items for a page: those of a dead page first, then fresh ones in the input's order, then retries that
 * are due. Empty when the batch is not to run.
 */
export async function claimItems(
  db: Pool,
  batchId: number,
  owner: string,
  count: number,
  leaseMs: number,
): Promise<ClaimedItem[]> {
  const { rows } = await db.query<ClaimedItem>({
    name: 'claim_batch_items',
    text: `with wanted as materialized (
         select case when state = 'running' and via = 'responses' then $3::int else 0 end as n
         from batches where id = $1
       ), expired as materialized (
         -- A lease that ends later than any does was taken before the clock went back.
         select seq from batch_items where batch_id = $1 and state = 'running'
           and not lease_until between clock_timestamp() and clock_timestamp() + $4::float8 * interval '2 milliseconds'
         order by lease_until limit (select n from wanted) for update skip locked
       ), fresh as materialized (
         select seq from batch_items where batch_id = $1 and state = 'pending'
         order by seq limit (select n from wanted) - (select count(*) from expired) for update skip locked
       ), again as materialized (
         select seq from batch_items where batch_id = $1 and state = 'retry' and next_attempt_at <= clock_timestamp()
         order by next_attempt_at, seq
         limit (select n from wanted) - (select count(*) from expired) - (select count(*) from fresh)
         for update skip locked
       ), taken as (
         select seq, 0 as rank from expired union all select seq, 1 from fresh union all select seq, 2 from again
       ), claimed as (
         update batch_items i set state = 'running', lease_owner = $2,
           lease_until = clock_timestamp() + $4::float8 * interval '1 millisecond'
         from taken where i.batch_id = $1 and i.seq = taken.seq
         returning i.seq, i.external_id, i.variables, i.attempts, taken.rank, ${PUT_BACK}
       )
       select seq, external_id as "externalId", variables, attempts, "putBack" from claimed order by rank, seq`,
    values: [batchId, count > 0 ? owner : '', Math.max(0, count), leaseMs],
  });
  return rows;
}

/** @returns how many items the page still holds. */
export async function renewLeases(
  db: Pool,
  batchId: number,
  owner: string,
  leaseMs: number,
): Promise<number> {
  const { rowCount } = await db.query(
    // Here and below: several items are locked in the order of their numbers, or two writers wait for each other.
    `with held as materialized (
       select seq from batch_items where batch_id = $1 and state = 'running' and lease_owner = $2
       order by seq for update)
     update batch_items i set lease_until = clock_timestamp() + $3::float8 * interval '1 millisecond'
     from held where i.batch_id = $1 and i.seq = held.seq`,
    [batchId, owner, leaseMs],
  );
  return rowCount ?? 0;
}

/** What became of one claimed item. */
export type ItemOutcome =
  | { readonly seq: number; readonly state: 'done'; readonly responseId: string; readonly result: ItemResult }
  /** Final until somebody asks for it again. A text that must not be used is kept in `result`. */
  | {
      readonly seq: number;
      readonly state: 'failed';
      readonly evidence: ItemEvidence;
      readonly responseId?: string;
      readonly result?: ItemResult;
    }
  /** Counts as an attempt unless `free`. */
  | {
      readonly seq: number;
      readonly state: 'retry';
      readonly evidence: ItemEvidence;
      readonly waitMs: number;
      readonly free: boolean;
    }
  /** Nothing was sent: back where it came from. */
  | { readonly seq: number; readonly state: 'released' };

/** Why an item has no result. */
export interface ItemEvidence {
  readonly kind?: string;
  readonly reason: string;
  readonly [more: string]: unknown;
}

export interface ItemResult {
  readonly text: string;
  /** Epoch ms, as the vendor says. */
  readonly createdAt: number;
}

/**
 * Stores outcomes in one statement. A result is kept even if the page's lease has run out, unless the item has one;
 * anything else counts only from the page that holds the item.
 * @returns the items that were changed.
 */
export async function storeOutcomes(
  db: Pool,
  batchId: number,
  owner: string,
  outcomes: readonly ItemOutcome[],
): Promise<number> {
  if (outcomes.length === 0) return 0;
  const { rowCount } = await db.query({
    name: 'store_batch_outcomes',
    text: `with wanted as materialized (
         select * from jsonb_to_recordset($3::jsonb) r (seq int, state text, "responseId" text, result jsonb,
                                                        evidence jsonb, "waitMs" float8, free boolean)
       ), locked as materialized (
         select seq from batch_items where batch_id = $1 and seq = any (array(select seq from wanted))
         order by seq for update)
       update batch_items i set
         state = case when r.state = 'released' then case when i.next_attempt_at is null then 'pending' else 'retry' end
                      else r.state end,
         attempts = i.attempts + case when r.state = 'failed' or (r.state = 'retry' and not r.free) then 1 else 0 end,
         next_attempt_at = case when r.state = 'retry'
           then clock_timestamp() + r."waitMs" * interval '1 millisecond' else i.next_attempt_at end,
         lease_owner = null, lease_until = null,
         response_id = coalesce(r."responseId", i.response_id),
         result = coalesce(r.result, i.result),
         evidence = case when r.state = 'done' then null else coalesce(r.evidence, i.evidence) end,
         answered_at = case when r.state in ('done', 'failed') then clock_timestamp() else i.answered_at end
       from locked join wanted r using (seq)
       where i.batch_id = $1 and i.seq = r.seq
         and case when r.state = 'done' then i.state <> 'done'
                  else i.state = 'running' and i.lease_owner = $2 end`,
    values: [batchId, owner, jsonText(outcomes)],
  });
  return rowCount ?? 0;
}

export interface BatchCounts {
  readonly pending: number;
  readonly running: number;
  readonly retry: number;
  readonly done: number;
  readonly failed: number;
  /** Epoch ms at which the next retry is due, or a dead page's lease ends; null when there is neither. */
  readonly nextDueAt: number | null;
}

/** Of a page's items; what lies further ahead was set before the clock went back. */
const LONGEST_LEASE = `interval '1 minute'`;

export async function countItems(db: Pool, batchId: number): Promise<BatchCounts> {
  const { rows } = await db.query<{ state: keyof BatchCounts; n: number; due: number | null }>(
    `select state, count(*) as n, min(case state when 'retry' then next_attempt_at
              when 'running' then least(lease_until, clock_timestamp() + ${LONGEST_LEASE}) end) as due
     from batch_items where batch_id = $1 group by state`,
    [batchId],
  );
  const of = (state: string) => rows.find((row) => row.state === state)?.n ?? 0;
  const due = rows.flatMap((row) => (row.due === null ? [] : [row.due]));
  return {
    pending: of('pending'),
    running: of('running'),
    retry: of('retry'),
    done: of('done'),
    failed: of('failed'),
    nextDueAt: due.length === 0 ? null : Math.min(...due),
  };
}

export interface EndedItem {
  readonly seq: number;
  readonly externalId: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly state: 'done' | 'failed';
  readonly responseId: string | null;
  readonly result: ItemResult | null;
  readonly evidence: { readonly reason?: string; readonly [key: string]: unknown } | null;
}

const PAGE = 2000;

/** Items that have ended, in the input's order, a page at a time. May be read while the batch runs. */
export async function* endedItems(db: Pool, batchId: number): AsyncGenerator<readonly EndedItem[]> {
  for (let after = -1; ; ) {
    const { rows } = await db.query<EndedItem>(
      `select seq, external_id as "externalId", variables, state, response_id as "responseId", result, evidence
       from batch_items where batch_id = $1 and seq > $2 and state in ('done', 'failed') order by seq limit ${PAGE}`,
      [batchId, after],
    );
    const last = rows.at(-1);
    if (!last) return;
    yield rows;
    after = last.seq;
  }
}

/** Why items of a batch fail, without the ids of single requests. */
export interface ItemProblem {
  readonly reason: string;
  readonly n: number;
}

/** The most frequent reasons of items that have failed or are to be tried again, at most 10. */
export async function itemProblems(db: Pool, batchId: number): Promise<readonly ItemProblem[]> {
  const { rows } = await db.query<ItemProblem>(
    `select left(regexp_replace(coalesce(evidence ->> 'reason', 'failed'), ', request [^ )]+\\)$', ')'), 160) as reason,
            count(*) as n from batch_items
     where batch_id = $1 and state in ('failed', 'retry') group by 1 order by 2 desc limit 10`,
    [batchId],
  );
  return rows;
}
