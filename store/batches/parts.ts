/**
 * Parts of batches that are delivered in files. A part's row is written before and after each call that creates
 * something at the vendor, so that a crash in between is visible: `creating` means that a vendor's batch may exist.
 * Every step names the state that it starts from; a late duplicate of an activity changes nothing.
 */
import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import type { PutBack } from '../../quota/batches/alike';
import type { VendorBatch } from '../../vendors/capabilities/text-batches';
import { inTransaction } from '../db';
import { jsonText } from '../storable';
import { PUT_BACK } from './alike';
import type { ClaimedItem } from './claims';

export type PartState = 'cutting' | 'cut' | 'uploaded' | 'creating' | 'created' | 'ended' | 'settled';

export interface BatchPart {
  readonly id: number;
  readonly batchId: number;
  readonly key: string;
  readonly pool: string;
  readonly model: string;
  readonly state: PartState;
  readonly items: number;
  readonly bytes: number;
  /** Input tokens, estimated. */
  readonly tokens: number;
  readonly fileId: string | null;
  /** How often its file was sent. */
  readonly uploads: number;
  readonly vendorId: string | null;
  /** The vendor's status, for people. */
  readonly status: string;
  /** It has passed the vendor's first checks. */
  readonly begun: boolean;
  /** How it ended; null while it may still change. */
  readonly outcome: VendorBatch['end'];
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
  readonly outputFileId: string | null;
  readonly errorFileId: string | null;
  readonly outputRead: boolean;
  readonly errorsRead: boolean;
  /** Answers read so far that could be used. */
  readonly usable: number;
  readonly failures: number;
  /** Answers in a row, other failures aside, that cannot be right. */
  readonly doubts: number;
  /** Milliseconds since the first of them; 0 when there are none. */
  readonly doubtedMs: number;
  /** Milliseconds until the next try after a failed call; 0 or less when it is due. */
  readonly dueInMs: number;
  readonly note: string;
  /** We have requested its cancellation, or were about to. */
  readonly cancelAsked: boolean;
  /** The creation's call has come to an end in the process that made it: it reaches the vendor no more. */
  readonly answered: boolean;
  /** Its batch was created again, as the vendor's list did not show it. */
  readonly remade: boolean;
  /** Whether the vendor's list was searched for a second batch of the same key. */
  readonly twinsSought: boolean;
  /** Milliseconds since the creation left; 0 when it has not. */
  readonly askedAgoMs: number;
  /** Milliseconds since its state or the vendor's status changed. */
  readonly unchangedMs: number;
  /** Epoch ms. */
  readonly createdAt: number;
  readonly askedAt: number | null;
  readonly expiresAt: number | null;
}

const COLUMNS = `id, batch_id as "batchId", key, pool, model, state, items, bytes, tokens, file_id as "fileId", uploads,
  vendor_id as "vendorId", status, begun, outcome, total, completed, failed, output_file_id as "outputFileId",
  error_file_id as "errorFileId", output_read as "outputRead", errors_read as "errorsRead", usable, failures, doubts,
  coalesce(extract(epoch from clock_timestamp() - doubted_at)::float8 * 1000, 0) as "doubtedMs",
  coalesce(extract(epoch from next_try_at - clock_timestamp())::float8 * 1000, 0) as "dueInMs", note,
  cancel_asked as "cancelAsked", answered, remade, twins_sought as "twinsSought",
  coalesce(extract(epoch from clock_timestamp() - asked_at)::float8 * 1000, 0) as "askedAgoMs",
  extract(epoch from clock_timestamp() - changed_at)::float8 * 1000 as "unchangedMs",
  created_at as "createdAt", asked_at as "askedAt", expires_at as "expiresAt"`;

/** Every part of a batch, oldest first. */
export async function listParts(db: Pool, batchId: number): Promise<BatchPart[]> {
  const { rows } = await db.query<BatchPart>(
    `select ${COLUMNS} from batch_parts where batch_id = $1 order by id`,
    [batchId],
  );
  return rows;
}

/** Parts that are not settled, oldest first. */
export async function openParts(db: Pool, batchId: number): Promise<BatchPart[]> {
  const { rows } = await db.query<BatchPart>(
    `select ${COLUMNS} from batch_parts where batch_id = $1 and state <> 'settled' order by id`,
    [batchId],
  );
  return rows;
}

export async function readPart(db: Pool, id: number): Promise<BatchPart | null> {
  const { rows } = await db.query<BatchPart>(`select ${COLUMNS} from batch_parts where id = $1`, [id]);
  return rows[0] ?? null;
}

export async function beginPart(
  db: Pool,
  batch: { readonly id: number; readonly model: string },
  pool: string,
): Promise<BatchPart> {
  const { rows } = await db.query<BatchPart>(
    `insert into batch_parts (batch_id, key, pool, model) values ($1, $2, $3, $4) returning ${COLUMNS}`,
    [batch.id, randomUUID(), pool, batch.model],
  );
  const [part] = rows;
  if (!part) throw new Error('an insert without a row');
  return part;
}

/** Columns that a step may set. Times are epoch ms as text of Postgres, see `toTimestamptz`. */
export interface PartChange {
  readonly state?: PartState;
  readonly items?: number;
  readonly bytes?: number;
  readonly tokens?: number;
  readonly file_id?: string;
  readonly uploads?: number;
  readonly vendor_id?: string;
  readonly status?: string;
  readonly begun?: boolean;
  readonly outcome?: VendorBatch['end'];
  readonly total?: number;
  readonly completed?: number;
  readonly failed?: number;
  readonly output_file_id?: string | null;
  readonly error_file_id?: string | null;
  readonly output_read?: boolean;
  readonly errors_read?: boolean;
  readonly usable?: number;
  readonly note?: string;
  readonly cancel_asked?: boolean;
  readonly answered?: boolean;
  readonly remade?: boolean;
  readonly twins_sought?: boolean;
  readonly expires_at?: string;
}

/**
 * One step of a part, which ends its row of failed calls.
 * @param tried true when the step is one of a try that may fail: the row goes on.
 * @returns the part as it is then; null when it is no longer in the state `from`, and nothing has changed.
 */
export async function changePart(
  db: Pool,
  id: number,
  from: PartState,
  change: PartChange,
  tried = false,
): Promise<BatchPart | null> {
  const { rows } = await db.query<BatchPart>(
    `update batch_parts p set (state, items, bytes, tokens, file_id, uploads, vendor_id, status, begun, outcome, total, completed, failed,
         output_file_id, error_file_id, output_read, errors_read, usable, note, cancel_asked, twins_sought, expires_at,
         remade, answered, failures, doubts, doubted_at, next_try_at, asked_at, changed_at) =
       (select r.state, r.items, r.bytes, r.tokens, r.file_id, r.uploads, r.vendor_id, r.status, r.begun, r.outcome,
         r.total, r.completed, r.failed,
         r.output_file_id, r.error_file_id, r.output_read, r.errors_read, r.usable, r.note, r.cancel_asked, r.twins_sought, r.expires_at,
         r.remade, r.answered and not (r.state = 'creating' and p.state <> 'creating'),
         case when $4 then p.failures else 0 end, case when $4 then p.doubts else 0 end,
         case when $4 then p.doubted_at end, case when $4 then p.next_try_at end,
         case when r.state = 'creating' and p.state <> 'creating' then clock_timestamp() else p.asked_at end,
         case when (r.state, r.status) is distinct from (p.state, p.status) then clock_timestamp()
              else p.changed_at end
        from jsonb_populate_record(p, $3::jsonb) r)
     where p.id = $1 and p.state = $2 returning ${COLUMNS}`,
    [id, from, jsonText(change), tried],
  );
  return rows[0] ?? null;
}

/**
 * A call for the part failed: it is not tried again before `waitMs` are over.
 * @param doubted it was answered, with what cannot be right.
 */
export async function partFailed(
  db: Pool,
  id: number,
  waitMs: number,
  note: string,
  doubted = false,
): Promise<void> {
  await db.query(
    `update batch_parts set failures = failures + 1, note = $3,
       doubts = doubts + $4::int, doubted_at = case when $4 = 1 then coalesce(doubted_at, clock_timestamp()) else doubted_at end,
       next_try_at = clock_timestamp() + $2::float8 * interval '1 millisecond' where id = $1 and state <> 'settled'`,
    [id, waitMs, note, doubted ? 1 : 0],
  );
}

/**
 * Up to `count` items for a part that is being cut: fresh ones in the input's order, then retries that are due. Empty
 * when the batch is not to run, or does not go by files.
 */
export async function claimForPart(
  db: Pool,
  part: Pick<BatchPart, 'id' | 'batchId' | 'key'>,
  count: number,
): Promise<ClaimedItem[]> {
  return inTransaction(db, async (client) => {
    const { rowCount } = await client.query(
      `select 1 from batch_parts p join batches b on b.id = p.batch_id
       where p.id = $1 and p.state = 'cutting' and b.state = 'running' and b.via = 'batch-api' for share of p`,
      [part.id],
    );
    if (rowCount === 0) return [];
    const { rows } = await client.query<ClaimedItem>(
      `with fresh as materialized (
         select seq from batch_items where batch_id = $1 and state = 'pending'
         order by seq limit $3 for update skip locked
       ), again as materialized (
         select seq from batch_items where batch_id = $1 and state = 'retry' and next_attempt_at <= clock_timestamp()
         order by next_attempt_at, seq limit $3 - (select count(*) from fresh) for update skip locked
       ), claimed as (
         update batch_items i set state = 'running', lease_owner = $2, lease_until = null
         from (select seq, 0 as rank from fresh union all select seq, 1 from again) taken
         where i.batch_id = $1 and i.seq = taken.seq
         returning i.seq, i.external_id, i.variables, i.attempts, taken.rank, ${PUT_BACK}
       )
       select seq, external_id as "externalId", variables, attempts, "putBack" from claimed order by rank, seq`,
      [part.batchId, part.key, count],
    );
    return rows;
  });
}

/**
 * Items that files of a pool have handed to the vendor since `sinceMs` (epoch ms), those that are about to go included:
 * of files that have ended, what was answered.
 */
export async function itemsInFiles(db: Pool, pool: string, sinceMs: number): Promise<number> {
  const { rows } = await db.query<{ items: number }>(
    `select coalesce(sum(case state when 'settled' then completed + failed else items end), 0)::bigint as items
     from batch_parts
     where pool = $1 and coalesce(asked_at, clock_timestamp()) >= to_timestamp($2::float8 / 1000)`,
    [pool, sinceMs],
  );
  return rows[0]?.items ?? 0;
}

/** Whether anything waits to be put into a file now. */
export async function hasDueItems(db: Pool, batchId: number): Promise<boolean> {
  const { rows } = await db.query<{ due: boolean }>(
    `select exists (select 1 from batch_items where batch_id = $1 and state = 'pending')
         or exists (select 1 from batch_items
                    where batch_id = $1 and state = 'retry' and next_attempt_at <= clock_timestamp()) as due`,
    [batchId],
  );
  return rows[0]?.due === true;
}

/** Forgets a part for which there were no items. */
export async function dropPart(db: Pool, id: number): Promise<void> {
  await db.query(`delete from batch_parts where id = $1 and state = 'cutting'`, [id]);
}

const PAGE = 1000;

/** The items that a part holds, by `seq`, a page at a time: the lines of its file. */
export async function* partItems(
  db: Pool,
  part: Pick<BatchPart, 'batchId' | 'key'>,
): AsyncGenerator<readonly Pick<ClaimedItem, 'seq' | 'variables'>[]> {
  for (let after = -1; ; ) {
    const { rows } = await db.query<Pick<ClaimedItem, 'seq' | 'variables'>>(
      `select seq, variables from batch_items
       where batch_id = $1 and seq > $2 and state = 'running' and lease_owner = $3 order by seq limit ${PAGE}`,
      [part.batchId, after, part.key],
    );
    const last = rows.at(-1);
    if (!last) return;
    yield rows;
    after = last.seq;
  }
}

/** What an item has been through. */
export interface ItemTries {
  readonly attempts: number;
  /** Refusals for the pace in a row, which are no attempts. */
  readonly refusals: number;
  readonly putBack: PutBack | null;
}

/** Those of `seqs` that the batch has. */
export async function triesOf(
  db: Pool,
  part: Pick<BatchPart, 'batchId'>,
  seqs: readonly number[],
): Promise<ReadonlyMap<number, ItemTries>> {
  const { rows } = await db.query<ItemTries & { seq: number }>(
    `select seq, attempts, coalesce((evidence ->> 'refusals')::int, 0) as refusals, ${PUT_BACK} from batch_items i
     where batch_id = $1 and seq = any($2::int[])`,
    [part.batchId, seqs],
  );
  return new Map(rows.map(({ seq, ...tries }) => [seq, tries]));
}

/** A line that the vendor found fault with; lines count from 1 in the order of `partItems`. */
interface LineFault {
  readonly line: number;
  readonly text: string;
}

/** @returns how many items have failed for good. */
async function failLines(
  client: PoolClient,
  part: Pick<BatchPart, 'batchId' | 'key'>,
  faults: readonly LineFault[],
): Promise<number> {
  const { rowCount } = await client.query(
    `with lines as (
       select seq, row_number() over (order by seq) as line from batch_items
       where batch_id = $1 and state = 'running' and lease_owner = $2
     ), faults as (
       select distinct on (line) line, text from jsonb_to_recordset($3::jsonb) f (line int, text text) order by line
     )
     update batch_items i set state = 'failed', attempts = attempts + 1, lease_owner = null,
       evidence = jsonb_build_object('kind', 'invalid', 'reason', f.text), answered_at = clock_timestamp()
     from lines join faults f on f.line = lines.line where i.batch_id = $1 and i.seq = lines.seq`,
    [part.batchId, part.key, jsonText(faults)],
  );
  return rowCount ?? 0;
}

/** What becomes of items that a part holds and that have no result. */
export type Rest =
  /** Nothing has been tried: back where they came from. */
  | { readonly kind: 'released' }
  /** Counts as an attempt; those that have none left fail. */
  | { readonly kind: 'failed attempt'; readonly maxAttempts: number; readonly waitMs: number };

/**
 * Ends a part in one transaction: the items of faulty lines fail, what it still holds goes back, and it is settled. Once
 * an item has failed, the lines would count otherwise.
 * @returns how many items go back, and how many have failed.
 */
export async function settlePart(
  db: Pool,
  part: Pick<BatchPart, 'id' | 'batchId' | 'key'>,
  rest: Rest,
  note: string,
  faults: readonly LineFault[] = [],
): Promise<{ readonly left: number; readonly faulty: number }> {
  return inTransaction(db, async (client) => {
    const { rowCount: open } = await client.query(
      `update batch_parts set state = 'settled', note = $2, changed_at = clock_timestamp(), next_try_at = null
       where id = $1 and state <> 'settled'`,
      [part.id, note],
    );
    if (open === 0) return { left: 0, faulty: 0 };
    await client.query(
      `select 1 from batch_items where batch_id = $1 and state = 'running' and lease_owner = $2 order by seq for update`,
      [part.batchId, part.key],
    );
    const faulty = faults.length === 0 ? 0 : await failLines(client, part, faults);
    const held = `batch_id = $1 and state = 'running' and lease_owner = $2`;
    if (rest.kind === 'released') {
      const { rowCount } = await client.query(
        `update batch_items set state = case when next_attempt_at is null then 'pending' else 'retry' end,
           lease_owner = null where ${held}`,
        [part.batchId, part.key],
      );
      return { left: rowCount ?? 0, faulty };
    }
    const { rowCount } = await client.query(
      `update batch_items set attempts = attempts + 1, lease_owner = null,
         state = case when attempts + 1 < $3 then 'retry' else 'failed' end,
         next_attempt_at = clock_timestamp() + $4::float8 * interval '1 millisecond',
         evidence = jsonb_build_object('kind', 'server', 'reason', $5::text),
         answered_at = case when attempts + 1 < $3 then answered_at else clock_timestamp() end
       where ${held}`,
      [part.batchId, part.key, rest.maxAttempts, rest.waitMs, note],
    );
    return { left: rowCount ?? 0, faulty };
  });
}
