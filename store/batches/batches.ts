/** Batches: what is to be called, in which delivery mode, and whether it runs. Their items are in claims, outcomes and items. */
import { pipeline } from 'node:stream/promises';
import type { Pool, PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { RunOptions } from '../../quota/batches/run-terms';
import type { Priority } from '../../quota/limits/limit';
import { inTransaction } from '../db';
import { insertEvent } from '../events/events';
import { jsonText } from '../storable';
import { batchEventOf } from './events';

export interface BatchSpec {
  /** Over everything that decides a request: starting the same input again finds the same batch. */
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

/** When a batch last made progress: a change of its state, or an item that ended. Epoch ms. */
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
 * Pages check the state before they claim: a page of a batch that is not running ends. A change leaves an event:
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

/** Replaces options and priority; they hold for pages that begin afterwards. */
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
