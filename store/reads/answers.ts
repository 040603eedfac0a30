/** Answers to reads: the latest of each value, records and documents, whether by a call or by a stream. */
import type { Pool, PoolClient } from 'pg';
import type { ReadAnswer, ReadValue } from '../../vendors/capabilities/vehicles';
import { inTransaction } from '../db';
import { jsonText } from '../storable';
import { paramsText, type ReadKey, type ReadLease } from './reads';

export type ValueSource = 'call' | 'polling' | 'stream' | 'live';

export interface StoredValue extends ReadValue {
  /** When it came from the vendor, epoch ms. */
  readonly receivedAt: number;
  /** When it last became another one, epoch ms. */
  readonly changedAt: number;
  readonly source: ValueSource;
}

export interface StoredAnswer {
  readonly values: Readonly<Record<string, StoredValue>>;
  readonly records: readonly Readonly<Record<string, unknown>>[] | null;
  readonly document: ReadAnswer['document'] | null;
}

export interface Answer {
  /** All its pages. */
  readonly answer: Omit<ReadAnswer, 'next'>;
  /** How many those were: each was a call. Left out: one. */
  readonly pages?: number;
  readonly source: 'call' | 'polling';
  /** The vendor's id of the request; null when it gives none. */
  readonly requestId: string | null;
}

/** How long ago the vendor was called, and answered, ms. Answers from while Postgres was away are stored late. */
export interface AnswerAge {
  readonly askedMs: number;
  readonly answeredMs: number;
}

/**
 * Stores a whole answer and gives the lease back, which may have been lost: it is an answer all the same. A newer one that
 * is there stays.
 */
export async function storeAnswer(db: Pool, lease: ReadLease, answer: Answer, age: AnswerAge): Promise<void> {
  await inTransaction(db, async (client) => {
    await storeWhole(client, lease.id, answer, age);
    await client.query(
      'update reads set lease_owner = null, lease_until = null where id = $1 and lease_owner = $2',
      [lease.id, lease.owner],
    );
  });
}

/** Answers that one call brought about several vehicles; `lease` is of the reading together. */
export async function storeAnswers(
  db: Pool,
  lease: ReadLease,
  key: Pick<ReadKey, 'account' | 'read'>,
  answers: ReadonlyMap<string, Answer>,
  age: AnswerAge,
): Promise<void> {
  await inTransaction(db, async (client) => {
    // In one order, for others may store some of the same.
    for (const [vehicleId, answer] of [...answers].sort(([a], [b]) => (a < b ? -1 : 1))) {
      await storeWhole(client, await readId(client, { ...key, vehicleId, params: {} }), answer, age);
    }
    await client.query(
      `update reads set answered_at = greatest(answered_at, clock_timestamp() - $3::float8 * interval '1 ms'), failures = 0,
         failure = null, retry_at = null, lease_owner = null, lease_until = null where id = $1 and lease_owner = $2`,
      [lease.id, lease.owner, age.answeredMs],
    );
  });
}

/** Its row, made when it is not there. */
async function readId(client: PoolClient, key: ReadKey): Promise<number> {
  const { rows } = await client.query<{ id: number }>(
    `insert into reads as r (account, vehicle_id, read, params) values ($1, $2, $3, $4)
     on conflict (account, vehicle_id, read, params) do update set read = excluded.read returning id`,
    [key.account, key.vehicleId, key.read, paramsText(key.params)],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('an upsert came back without a row');
  return row.id;
}

async function storeWhole(
  client: PoolClient,
  id: number,
  { answer, source, requestId, pages = 1 }: Answer,
  { askedMs, answeredMs }: AnswerAge,
): Promise<void> {
  const { rows } = await client.query<{ asked: number; answered: number; superseded: boolean }>(
    `select now_ms() - $2::float8 as asked, now_ms() - $3::float8 as answered,
       coalesce(answered_at > clock_timestamp() - $3::float8 * interval '1 ms', false) as superseded
     from reads where id = $1 for update`,
    [id, askedMs, answeredMs],
  );
  const [when] = rows;
  if (when === undefined || when.superseded) return;
  await upsertValues(client, id, answer.values, source, when);
  // A value that the answer lacks is gone; values from streams need not be in an answer.
  await client.query(
    `delete from read_values v where v.read_id = $1 and v.source <> 'stream'
       and v.received_at <= to_timestamp($3::float8 / 1000) and not (v.name = any ($2::text[]))`,
    [id, Object.keys(answer.values), when.asked],
  );
  const { records, document } = answer;
  await client.query(
    `update reads set answered_at = to_timestamp($8::float8 / 1000), source = $2, request_id = $3, records = $4::jsonb,
       content_type = $5, document = $6, progress = null, progress_at = null, failures = 0, failure = null,
       failed_at = null, retry_at = null, pages = $7 where id = $1`,
    [
      id,
      source,
      requestId,
      records === undefined ? null : jsonText(records),
      document?.contentType ?? null,
      document?.base64 ?? null,
      pages,
      when.answered,
    ],
  );
}

/**
 * The newer by the vehicle's own clock stays. Where one of the two has no time of the vehicle's, the one that the vendor
 * answer of later stays: what came by a call is what it knew when it was asked. A time that lies far ahead is none.
 */
async function upsertValues(
  client: PoolClient,
  id: number,
  values: Readonly<Record<string, ReadValue>>,
  source: ValueSource,
  { asked, answered }: { readonly asked: number; readonly answered: number },
): Promise<void> {
  const given = Object.entries(values).map(([name, value]) => ({ ...value, name }));
  await client.query(
    `insert into read_values as v (read_id, name, state, value, unit, at, received_at, changed_at, source)
     select $1, g ->> 'name', g ->> 'state', g -> 'value', g ->> 'unit', to_timestamp((g ->> 'at')::float8 / 1000),
            to_timestamp($5::float8 / 1000), to_timestamp($5::float8 / 1000), $3
     from jsonb_array_elements($2::jsonb) g
     on conflict (read_id, name) do update set
       state = excluded.state, value = excluded.value, unit = excluded.unit, at = excluded.at,
       received_at = excluded.received_at, source = excluded.source,
       changed_at = case when (v.state, v.value, v.unit) is distinct from (excluded.state, excluded.value, excluded.unit)
                         then excluded.changed_at else v.changed_at end
     where case when v.at <= v.received_at + interval '1 day' and excluded.at is not null then excluded.at >= v.at
                when $3 = 'stream' and $4::float8 > 0 then true
                else v.received_at <= to_timestamp($4::float8 / 1000) end`,
    [id, jsonText(given), source, asked, answered],
  );
}

export interface StreamedValues {
  readonly account: string;
  readonly vehicleId: string;
  /** The read that these values belong to. */
  readonly read: string;
  readonly values: Readonly<Record<string, ReadValue>>;
  /** The broker had it from before: without times, it is no news of what is known. */
  readonly retained?: boolean;
}

/**
 * Values from a stream. They are the latest of each; the rest of the read stays as it is, and so does its age.
 * @returns whether the account's list names the vehicle.
 */
export async function storeStreamed(
  db: Pool,
  { values, retained = false, ...key }: StreamedValues,
): Promise<{ readonly listed: boolean }> {
  return inTransaction(db, async (client) => {
    const id = await readId(client, { ...key, params: {} });
    const { rows } = await client.query<{ now: number; listed: boolean }>(
      `select now_ms() as now,
         exists (select from vehicles where account = $1 and vehicle_id = $2 and removed_at is null) as listed`,
      [key.account, key.vehicleId],
    );
    const { now = Date.now(), listed = true } = rows[0] ?? {};
    await upsertValues(client, id, values, 'stream', { asked: retained ? 0 : now, answered: now });
    return { listed };
  });
}

/**
 * Notes that a stream has reported every change up to now, without a gap since each read's last whole answer: until it
 * falls silent, they are as fresh as if they had been called for. Reads that were never answered, or not since `since`,
 * are left alone.
 * @param vehicleIds null: all of the account's.
 * @param since when the stream's connection was made, epoch ms.
 */
export async function noteStreamed(
  db: Pool,
  of: { readonly account: string; readonly read: string; readonly vehicleIds: readonly string[] | null },
  since: number,
): Promise<void> {
  await db.query(
    `update reads set streamed_at = clock_timestamp() where account = $1 and read = $2 and params = '{}'
       and ($3::text[] is null or vehicle_id = any ($3::text[]))
       and (answered_at >= to_timestamp($4::float8 / 1000) or streamed_at >= to_timestamp($4::float8 / 1000))`,
    [of.account, of.read, of.vehicleIds, since],
  );
}

/**
 * An answer that something else has brought, a sync say: it is as old as that. Left alone when a newer one is there.
 * @param at when it was had, epoch ms.
 */
export async function takeOverAnswer(
  db: Pool,
  id: number,
  answer: Pick<ReadAnswer, 'values'>,
  at: number,
): Promise<void> {
  await inTransaction(db, async (client) => {
    const { rowCount } = await client.query(
      `update reads set answered_at = to_timestamp($2::float8 / 1000), source = 'live', request_id = null, failures = 0,
         failure = null, failed_at = null, retry_at = null
       where id = $1 and (answered_at is null or answered_at < to_timestamp($2::float8 / 1000))`,
      [id, at],
    );
    if (rowCount === 1) await upsertValues(client, id, answer.values, 'live', { asked: at, answered: at });
  });
}

interface AnswerRow {
  records: StoredAnswer['records'];
  content_type: string | null;
  document: string | null;
  values: (Omit<StoredValue, 'at' | 'receivedAt' | 'changedAt'> & {
    name: string;
    at: number | null;
    receivedAt: number;
    changedAt: number;
  })[];
}

export async function loadAnswer(db: Pool, id: number): Promise<StoredAnswer> {
  const ms = (column: string) => `floor(extract(epoch from v.${column}) * 1000)::float8`;
  const { rows } = await db.query<AnswerRow>(
    `select records, content_type, document,
       (select coalesce(json_agg(json_build_object('name', v.name, 'state', v.state, 'value', v.value, 'unit', v.unit,
          'at', ${ms('at')}, 'receivedAt', ${ms('received_at')}, 'changedAt', ${ms('changed_at')}, 'source', v.source)
          order by v.name collate "C"), '[]'::json) from read_values v where v.read_id = r.id) as values
     from reads r where id = $1`,
    [id],
  );
  const [row] = rows;
  if (row === undefined) return { values: {}, records: null, document: null };
  return {
    values: Object.fromEntries(row.values.map(({ name, ...value }) => [name, value])),
    records: row.records,
    document:
      row.document === null || row.content_type === null
        ? null
        : { contentType: row.content_type, base64: row.document },
  };
}
