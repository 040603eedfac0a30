/**
 * Ingests a vendor's document. It is kept in a spool file first, so that nobody waits for a slow vendor. Then one
 * transaction reads it, replaces the rows of its span and updates the ledger and the job: readers see the old hours or
 * the new ones, and a crash leaves no half.
 *
 * Rows are replaced, not merged: a restated hour can lose rows, and an upsert would leave the old ones behind. But
 * known rows are not replaced by a document that holds far fewer (quota/windows/restatement.ts), nor by a row that
 * cannot be used.
 */
import type { Pool, PoolClient } from 'pg';
import { DAY_MS, HOUR_MS } from '../../../quota/durations';
import { type BadRowPolicy, refusedForBadRows } from '../../../quota/windows/bad-rows';
import { type DoubtedHour, doubtedHours, type RestatementPolicy } from '../../../quota/windows/restatement';
import { inTransaction, toTimestamptz } from '../../db';
import { jsonText } from '../../storable';
import { factTable } from '../datasets';
import { healSkipped, recordFailureIn } from '../failed-windows';
import { type JobState, LIVE_STATES } from '../jobs/job';
import { markFailed, markIngested } from '../jobs/jobs';
import { carve, lockSeries } from '../ledger';
import { insertWindowEvent } from '../series-events';
import { type Span, toRange } from '../span';
import { readDoubts, reportDoubts, summaryOf, writeDoubts } from './doubted-hours';
import type { DocumentProblem, IncomingDocument } from './incoming';
import { DocumentReading } from './reading';
import { problemOf, refusal } from './refusal';
import { replaceRows } from './replace-span';
import { insertSetAside, type SetAsideRow } from './set-aside';
import type { DoubtedSummary, Ingest, IngestResult } from './types';

export type { Ingest, IngestResult } from './types';

/** Refused documents that are kept for each series; older ones go. */
const MAX_REJECTED_PER_SERIES = 50;
const MAX_HEAD_BYTES = 64 * 1024;
const DEFAULT_MAX_BYTES = 2 * 1024 ** 3;

export const DEFAULT_BAD_ROWS: BadRowPolicy = { onBadRow: 'setAside', maxShare: 0.05 };
export const DEFAULT_RESTATEMENT: RestatementPolicy = {
  doubtShare: 0.5,
  usualLoss: 0.05,
  answers: 3,
  overMs: 3 * DAY_MS,
};

/**
 * Ingests one document. Ingests of one series wait for each other, but not for each other's downloads.
 * @throws whatever the download or the database failed with, after rolling back: nothing has changed then,
 *   the job is still live, and the same call may be made again with the document fetched again.
 */
export async function ingestDocument(pool: Pool, ingest: Ingest): Promise<IngestResult> {
  const { document, signal, maxBytes = DEFAULT_MAX_BYTES } = ingest;
  const abort = () => document.abort(new Error('the ingest was aborted', { cause: signal?.reason }));
  signal?.addEventListener('abort', abort);
  try {
    signal?.throwIfAborted();
    const stale = await endedJob(pool, ingest.jobId);
    if (stale !== null) return { outcome: 'stale', jobState: stale };
    await document.keep(maxBytes);
    return await inTransaction(pool, (client) => replaceSpan(client, ingest));
  } catch (error) {
    const problem = problemOf(error);
    if (problem === null) throw error;
    const retryAt = await inTransaction(pool, (client) => recordRejection(client, ingest, problem));
    return { outcome: 'rejected', problem, retryAt };
  } finally {
    signal?.removeEventListener('abort', abort);
    await document.close();
  }
}

/** @throws what refuses the document. */
function checkBadRows(
  { badRows = DEFAULT_BAD_ROWS }: Ingest,
  document: IncomingDocument,
  good: number,
  bad: number,
): void {
  const reason = refusedForBadRows(good, bad, badRows);
  if (reason === null) return;
  const first = document.badRows().rows[0]?.problem;
  throw refusal('schema', first === undefined ? reason : `${reason}; the first: ${first}`);
}

async function endedJob(db: Pool | PoolClient, jobId: number | undefined): Promise<JobState | null> {
  if (jobId === undefined) return null;
  const { rows } = await db.query<{ state: JobState }>('select state from jobs where id = $1', [jobId]);
  const state = rows[0]?.state;
  if (state === undefined) throw new RangeError(`job ${jobId} does not exist`);
  return (LIVE_STATES as readonly JobState[]).includes(state) ? null : state;
}

async function replaceSpan(client: PoolClient, ingest: Ingest): Promise<IngestResult> {
  const { dataset, seriesId, span, now, maxBytes = DEFAULT_MAX_BYTES } = ingest;
  await lockSeries(client, seriesId);
  // Asked under the lock: another ingest of the same job may have been the one we waited for.
  const stale = await endedJob(client, ingest.jobId);
  if (stale !== null) return { outcome: 'stale', jobState: stale };

  const known = await knownRows(client, ingest);
  const doubts = await readDoubts(client, seriesId, span);
  const policy = ingest.restatement ?? DEFAULT_RESTATEMENT;
  const { reading, doubted, rows, deleted, duplicates } = await replaceRows(client, {
    dataset,
    seriesId,
    span,
    read: async () => new DocumentReading(await ingest.document.read(), { seriesId, span, maxBytes }),
    doubted: (read) => {
      checkBadRows(ingest, read.document, read.rows, read.document.badRows().count);
      return doubtedHours({ known, reported: read.byHour, doubts, policy, now });
    },
  });
  const { document } = reading;
  const setAside = document.badRows().count + duplicates.length;
  checkBadRows(ingest, document, reading.rows - duplicates.length, setAside);

  const summary = summaryOf(doubted);
  const evidence = {
    ...ingest.evidence,
    fetchedAt: new Date(now).toISOString(),
    digest: document.digest(),
    bytes: document.bytes(),
    ...(setAside === 0 ? {} : { setAside }),
    ...(summary === null ? {} : { doubted: { ...summary, recheckAt: iso(summary.recheckAt) } }),
  };
  for (const piece of without(span, doubted)) await writeWindow(client, ingest, piece, evidence);
  await writeDoubts(client, { seriesId, span, doubted, evidence, now });
  await insertSetAside(client, { seriesId, span, evidence, now }, [...unusable(document), ...duplicates]);
  await recordEvents(client, ingest, {
    doubts,
    doubted,
    setAside,
    first: (unusable(document)[0] ?? duplicates[0])?.problem,
    duplicates,
    summary,
    known,
    reported: reading.byHour,
  });
  if (ingest.jobId !== undefined) {
    const { applied, job } = await markIngested(client, ingest.jobId, { evidence, now });
    if (!applied)
      throw new Error(`job ${job.id} is ${job.state}; only a requested or ready job can be ingested`);
  }
  await healSkipped(client, seriesId, now);
  const state = reading.rows === 0 ? 'empty_provisional' : 'done';
  return {
    outcome: 'ingested',
    state,
    rows,
    replaced: deleted,
    digest: document.digest(),
    setAside,
    doubted: summary,
  };
}

/** Rows that the span has, by the start of their hour. */
async function knownRows(
  client: PoolClient,
  { dataset, seriesId, span }: Ingest,
): Promise<ReadonlyMap<number, number>> {
  const { rows } = await client.query<{ hour: number; n: number }>(
    `select date_trunc('hour', start_time) as hour, count(*) as n from ${factTable(dataset)}
     where series_id = $1 and start_time >= $2 and start_time < $3 group by 1`,
    [seriesId, toTimestamptz(span.from), toTimestamptz(span.to)],
  );
  return new Map(rows.map(({ hour, n }) => [hour, n]));
}

/** The parts of a span between doubted hours. */
function without(span: Span, doubted: readonly DoubtedHour[]): Span[] {
  const pieces: Span[] = [];
  let from = span.from;
  for (const { hour } of doubted) {
    if (hour > from) pieces.push({ from, to: hour });
    from = Math.max(from, hour + HOUR_MS);
  }
  if (from < span.to) pieces.push({ from, to: span.to });
  return pieces;
}

async function writeWindow(client: PoolClient, ingest: Ingest, piece: Span, evidence: object): Promise<void> {
  const table = factTable(ingest.dataset);
  const range = toRange(piece);
  // What is left of a window that reaches over our edges keeps its evidence, but has fewer rows than before.
  const rowCount = `(select count(*) from ${table} f where f.series_id = cut.series_id
    and f.start_time >= lower(piece) and f.start_time < upper(piece))`;
  await carve(client, ingest.seriesId, range, 'true', rowCount);
  const at = toTimestamptz(ingest.now);
  await client.query(
    `insert into coverage
       (series_id, span, state, row_count, evidence, fetched_at, daily_audited_at, weekly_audited_at)
     select $1, $2::tstzrange, case when n = 0 then 'empty_provisional' else 'done' end, n, $3::jsonb, $4, $5, $6
     from (select count(*) as n from ${table} f where f.series_id = $1
             and f.start_time >= lower($2::tstzrange) and f.start_time < upper($2::tstzrange)) counted`,
    [
      ingest.seriesId,
      range,
      jsonText(evidence),
      at,
      ingest.purpose === 'daily_audit' || ingest.purpose === 'weekly_audit' ? at : null,
      ingest.purpose === 'weekly_audit' ? at : null,
    ],
  );
}

function unusable(document: IncomingDocument): SetAsideRow[] {
  return document.badRows().rows.map(({ index, start, key, problem, text }) => ({
    code: 'unusable',
    index,
    start,
    key,
    problem,
    text,
  }));
}

/** Events for operators: rows that were set aside, hours that are doubted, and doubts that are over. */
async function recordEvents(
  client: PoolClient,
  ingest: Ingest,
  what: {
    readonly doubts: ReadonlyMap<number, { readonly answers: number; readonly accepted: boolean }>;
    readonly doubted: readonly DoubtedHour[];
    readonly setAside: number;
    /** What is wrong with the first of them. */
    readonly first: string | undefined;
    readonly duplicates: readonly SetAsideRow[];
    readonly summary: DoubtedSummary | null;
    readonly known: ReadonlyMap<number, number>;
    readonly reported: ReadonlyMap<number, number>;
  },
): Promise<void> {
  const { seriesId, span, poolKey = null } = ingest;
  const window = { seriesId, span, poolKey };
  if (what.setAside > 0) {
    await insertWindowEvent(client, 'rows.set_aside', window, {
      rows: what.setAside,
      duplicates: what.duplicates.length,
      first: what.first,
    });
  }
  await reportDoubts(client, window, what.doubted, ingest.restatement ?? DEFAULT_RESTATEMENT);
  const still = new Set(what.doubted.map(({ hour }) => hour));
  const over = [...what.doubts].filter(([hour]) => !still.has(hour));
  if (over.length > 0) {
    const believed = over.filter(
      ([hour]) => (what.known.get(hour) ?? 0) > (what.reported.get(hour) ?? 0),
    ).length;
    await insertWindowEvent(client, 'window.doubt_over', window, {
      hours: over.length,
      answers: Math.max(...over.map(([, { answers }]) => answers)),
      believedHours: believed,
      byOperator: over.some(([, { accepted }]) => accepted),
    });
  }
}

/** @returns when the window is tried again, epoch ms. */
async function recordRejection(
  client: PoolClient,
  ingest: Ingest,
  problem: DocumentProblem,
): Promise<number | null> {
  const { seriesId, now } = ingest;
  // One that is too long to keep was not read.
  const document = ingest.document.reading;
  const evidence = {
    ...ingest.evidence,
    fetchedAt: new Date(now).toISOString(),
    bytes: document?.bytes() ?? null,
    ...problem,
  };
  const reason = `${problem.code}: ${problem.problem}`;
  const failure = { seriesId, span: ingest.span, reason, cause: 'unreadable' as const, evidence, now };
  const { retryAt } = await recordFailureIn(client, {
    ...failure,
    ...(ingest.poolKey === undefined ? {} : { poolKey: ingest.poolKey }),
  });
  if (ingest.jobId !== undefined) await markFailed(client, ingest.jobId, { reason, evidence, now });
  await insertSetAside(
    client,
    { seriesId, span: ingest.span, evidence, now },
    document === null ? [] : unusable(document),
  );
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
      document?.head().subarray(0, MAX_HEAD_BYTES) ?? Buffer.alloc(0),
      jsonText(evidence),
      toTimestamptz(now),
    ],
  );
  await client.query(
    `delete from rejected_documents where series_id = $1 and id not in (
       select id from rejected_documents where series_id = $1 order by id desc limit ${MAX_REJECTED_PER_SERIES})`,
    [seriesId],
  );
  return retryAt;
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
