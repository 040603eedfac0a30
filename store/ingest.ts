/**
 * Takes a vendor's document in: replaces the rows of its span and updates the ledger and the job, all in
 * one transaction, so that readers see the old hours or the new ones and a crash leaves no half.
 *
 * Replaced, not merged: a restated hour can lose rows, and an upsert would leave them behind as ghosts.
 */
import { pipeline } from 'node:stream/promises';
import { types } from 'node:util';
import type { Pool, PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { type DatasetTable, factTable } from './datasets';
import { inTransaction, toTimestamptz } from './db';
import { type JobPurpose, type JobState, LIVE_STATES, markFailed, markIngested } from './jobs';
import { carve, lockSeries, recordFailureIn } from './ledger';
import { type Span, spanText, toRange } from './span';

/** One row: times in epoch milliseconds, values in the order of the dataset's columns as exact text. */
export interface IncomingRow {
  readonly start: number;
  readonly end: number;
  readonly values: readonly string[];
}

/** A document on its way in. The vendors' readers have this shape. */
export interface IncomingDocument {
  /** Consumed once, with back-pressure. An error with `documentProblem` refuses the document. */
  readonly batches: AsyncIterable<readonly IncomingRow[]>;
  /** The first 64 KiB that have been read. */
  head(): Buffer;
  bytes(): number;
  /** SHA-256 of the text, hex; valid once `batches` has ended. */
  digest(): string;
  /** Makes `batches` throw the error, even when the download has stalled. */
  abort(error: Error): void;
}

/** Why a document was refused. */
export interface DocumentProblem {
  /** As the reader says, or `schema` / `duplicate_key` when the database refuses a row. */
  readonly code: string;
  /** Byte of the text, or null when it is about the whole. */
  readonly position: number | null;
  readonly problem: string;
}

/** Where the rows come from; kept with the window. Nothing secret. */
export interface Evidence {
  readonly reportId?: string;
  readonly requestId?: string;
  readonly documentId?: string;
}

export interface Ingest {
  readonly dataset: DatasetTable;
  readonly seriesId: number;
  readonly span: Span;
  /** The vendor job that made the document, if there is one; ended together with the ingest. */
  readonly jobId?: number;
  readonly purpose: JobPurpose;
  readonly document: IncomingDocument;
  readonly evidence: Evidence;
  /** Epoch milliseconds at which the document was fetched. */
  readonly now: number;
  /** When a refused window may be tried again by itself, epoch milliseconds. Default: not before somebody asks. */
  readonly retryAt?: number;
  /** Ends the ingest, which is then rolled back. */
  readonly signal?: AbortSignal;
}

export type IngestResult =
  | {
      readonly outcome: 'ingested';
      readonly state: 'done' | 'empty_provisional';
      readonly rows: number;
      /** Rows that the span had before. */
      readonly replaced: number;
      readonly digest: string;
    }
  /** The document must not be ingested. The window and the job are marked as failed, the old rows stay. */
  | { readonly outcome: 'rejected'; readonly problem: DocumentProblem }
  /** The job had ended already: a late duplicate. Nothing was read or changed. */
  | { readonly outcome: 'stale'; readonly jobState: JobState };

/** Refused documents that are kept for each series; older ones go. */
const MAX_REJECTED_PER_SERIES = 50;
const MAX_HEAD_BYTES = 64 * 1024;

/**
 * Ingests one document. Ingests of one series wait for each other.
 * @throws whatever the download or the database failed with, after rolling back: nothing has changed then,
 *   the job is still live, and the same call may be made again with the document fetched again.
 */
export async function ingestDocument(pool: Pool, ingest: Ingest): Promise<IngestResult> {
  const abort = () =>
    ingest.document.abort(new Error('the ingest was aborted', { cause: ingest.signal?.reason }));
  ingest.signal?.addEventListener('abort', abort);
  try {
    ingest.signal?.throwIfAborted();
    return await inTransaction(pool, (client) => replaceSpan(client, ingest));
  } catch (error) {
    const problem = problemOf(error);
    if (problem === null) throw error;
    await inTransaction(pool, (client) => recordRejection(client, ingest, problem));
    return { outcome: 'rejected', problem };
  } finally {
    ingest.signal?.removeEventListener('abort', abort);
    // Not every way out has read the document; an open download must not be left behind.
    ingest.document.abort(new Error('the ingest has ended'));
  }
}

async function endedJob(client: PoolClient, jobId: number | undefined): Promise<JobState | null> {
  if (jobId === undefined) return null;
  const { rows } = await client.query<{ state: JobState }>('select state from jobs where id = $1', [jobId]);
  const state = rows[0]?.state;
  if (state === undefined) throw new RangeError(`job ${jobId} does not exist`);
  return (LIVE_STATES as readonly JobState[]).includes(state) ? null : state;
}

async function replaceSpan(client: PoolClient, ingest: Ingest): Promise<IngestResult> {
  const { dataset, seriesId, span, document } = ingest;
  const table = factTable(dataset);
  const range = toRange(span);
  await lockSeries(client, seriesId);
  // Asked under the lock: another ingest of the same job may have been the one we waited for.
  const stale = await endedJob(client, ingest.jobId);
  if (stale !== null) return { outcome: 'stale', jobState: stale };

  const deleted = await client.query(
    `delete from ${table} where series_id = $1 and start_time >= $2 and start_time < $3`,
    [seriesId, toTimestamptz(span.from), toTimestamptz(span.to)],
  );
  const rows = await copyRows(client, ingest, table);
  const digest = document.digest();
  const state = rows === 0 ? 'empty_provisional' : 'done';
  const evidence = {
    ...ingest.evidence,
    fetchedAt: new Date(ingest.now).toISOString(),
    digest,
    bytes: document.bytes(),
  };
  await writeWindow(client, ingest, { table, range, state, rows, evidence });
  if (ingest.jobId !== undefined) {
    const { applied, job } = await markIngested(client, ingest.jobId, { evidence, now: ingest.now });
    if (!applied)
      throw new Error(`job ${job.id} is ${job.state}; only a requested or ready job can be ingested`);
  }
  return { outcome: 'ingested', state, rows, replaced: deleted.rowCount ?? 0, digest };
}

async function writeWindow(
  client: PoolClient,
  ingest: Ingest,
  window: { table: string; range: string; state: string; rows: number; evidence: object },
): Promise<void> {
  // What is left of a window that reaches over our edges keeps its evidence, but has fewer rows than before.
  const rowCount = `(select count(*) from ${window.table} f where f.series_id = cut.series_id
    and f.start_time >= lower(piece) and f.start_time < upper(piece))`;
  await carve(client, ingest.seriesId, window.range, 'true', rowCount);
  const at = toTimestamptz(ingest.now);
  await client.query(
    `insert into coverage
       (series_id, span, state, row_count, evidence, fetched_at, daily_audited_at, weekly_audited_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      ingest.seriesId,
      window.range,
      window.state,
      window.rows,
      JSON.stringify(window.evidence),
      at,
      ingest.purpose === 'daily_audit' || ingest.purpose === 'weekly_audit' ? at : null,
      ingest.purpose === 'weekly_audit' ? at : null,
    ],
  );
}

/** Streams the document into the table. Memory is bounded by a batch and the streams' buffers. */
async function copyRows(client: PoolClient, ingest: Ingest, table: string): Promise<number> {
  const columns = ['series_id', 'start_time', 'end_time', ...ingest.dataset.columns.map(({ name }) => name)];
  const encoder = new CopyEncoder(ingest);
  const copy = client.query(copyFrom(`copy ${table} (${columns.join(', ')}) from stdin`));
  let failure: unknown = null;
  async function* encoded(): AsyncGenerator<Buffer> {
    try {
      for await (const batch of ingest.document.batches) yield encoder.encode(batch);
    } catch (error) {
      failure = error;
      // What ends a COPY is written to the server's log, where a document's contents have no business.
      throw new Error('the document could not be read to its end');
    }
  }
  try {
    await pipeline(encoded(), copy);
  } catch (error) {
    throw failure ?? error;
  }
  return encoder.rows;
}

/** Rows as COPY's text format. */
class CopyEncoder {
  rows = 0;
  private readonly times = new Map<number, string>();

  constructor(private readonly ingest: Ingest) {}

  encode(batch: readonly IncomingRow[]): Buffer {
    const { seriesId, span } = this.ingest;
    let text = '';
    for (const row of batch) {
      if (row.start < span.from || row.end > span.to) {
        throw refusal(
          'schema',
          `row ${this.rows}: ${spanText({ from: row.start, to: row.end })} is outside of the asked span ${spanText(span)}`,
        );
      }
      text += `${seriesId}\t${this.time(row.start)}\t${this.time(row.end)}`;
      for (const value of row.values) text += `\t${/[\\\t\n\r]/.test(value) ? escaped(value) : value}`;
      text += '\n';
      this.rows += 1;
    }
    return Buffer.from(text);
  }

  private time(epochMs: number): string {
    let text = this.times.get(epochMs);
    if (text === undefined) {
      text = toTimestamptz(epochMs);
      this.times.set(epochMs, text);
    }
    return text;
  }
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

function escaped(value: string): string {
  return value.replace(/[\\\t\n\r]/g, (character) => ESCAPES[character] ?? character);
}

function refusal(code: string, problem: string): Error {
  return Object.assign(new Error(problem), { documentProblem: { code, position: null, problem } });
}

/** What is wrong with the document, or null when the error is about something else. */
function problemOf(error: unknown): DocumentProblem | null {
  if (!types.isNativeError(error)) return null;
  if ('documentProblem' in error) return error.documentProblem as DocumentProblem;
  const code = 'code' in error ? String(error.code) : '';
  const detail = 'detail' in error ? String(error.detail) : error.message;
  // The key is that of the fact table, so only rows of the document itself can collide: the rest is deleted.
  if (code === '23505')
    return { code: 'duplicate_key', position: null, problem: `two rows with the same key. ${detail}` };
  // Class 22, data exception: a value that the column cannot hold.
  if (code.startsWith('22')) return { code: 'schema', position: null, problem: error.message };
  return null;
}

async function recordRejection(client: PoolClient, ingest: Ingest, problem: DocumentProblem): Promise<void> {
  const { seriesId, now, document } = ingest;
  const evidence = {
    ...ingest.evidence,
    fetchedAt: new Date(now).toISOString(),
    bytes: document.bytes(),
    ...problem,
  };
  const reason = `${problem.code}: ${problem.problem}`;
  await recordFailureIn(client, {
    seriesId,
    span: ingest.span,
    reason,
    evidence,
    retryAt: ingest.retryAt ?? null,
    now,
  });
  if (ingest.jobId !== undefined) await markFailed(client, ingest.jobId, { reason, evidence, now });
  await client.query(
    `insert into rejected_documents (series_id, job_id, span, code, position, problem, head, evidence, rejected_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      seriesId,
      ingest.jobId ?? null,
      toRange(ingest.span),
      problem.code,
      problem.position,
      problem.problem,
      document.head().subarray(0, MAX_HEAD_BYTES),
      JSON.stringify(evidence),
      toTimestamptz(now),
    ],
  );
  await client.query(
    `delete from rejected_documents where series_id = $1 and id not in (
       select id from rejected_documents where series_id = $1 order by id desc limit ${MAX_REJECTED_PER_SERIES})`,
    [seriesId],
  );
}
