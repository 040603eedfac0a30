/** Rejected rows of documents, with the reason, for an operator to inspect or to report to the vendor. */
import type { Pool, PoolClient } from 'pg';
import { toTimestamptz } from '../../db';
import { jsonText } from '../../storable';
import type { Span } from '../span';
import { toRange } from '../span';

/** Of one document, and of one series; older ones go. */
const MAX_PER_DOCUMENT = 1_000;
const MAX_PER_SERIES = 10_000;

export interface SetAsideRow {
  readonly code: 'unusable' | 'duplicate_key';
  /** Place in the document, counted from 0; -1 when it is not known. */
  readonly index: number;
  readonly start: number | null;
  readonly key: readonly string[] | null;
  readonly problem: string;
  readonly text: string;
}

export async function insertSetAside(
  client: PoolClient,
  document: {
    readonly seriesId: number;
    readonly span: Span;
    readonly evidence: object;
    readonly now: number;
  },
  rows: readonly SetAsideRow[],
): Promise<void> {
  if (rows.length === 0) return;
  const { seriesId, span, evidence, now } = document;
  await client.query(
    `insert into set_aside_rows (series_id, span, row_index, start_time, row_key, code, problem, row_text, evidence,
                                 set_aside_at)
     select $1, $2, (r ->> 'index')::bigint, to_timestamp((r ->> 'start')::float8 / 1000),
            case when jsonb_typeof(r -> 'key') = 'array' then array(select jsonb_array_elements_text(r -> 'key')) end,
            r ->> 'code', r ->> 'problem', r ->> 'text', $4, $5
     from jsonb_array_elements($3::jsonb) r`,
    [
      seriesId,
      toRange(span),
      jsonText(rows.slice(0, MAX_PER_DOCUMENT)),
      jsonText(evidence),
      toTimestamptz(now),
    ],
  );
  await client.query(
    `delete from set_aside_rows where series_id = $1 and id <= (
       select id from set_aside_rows where series_id = $1 order by id desc offset ${MAX_PER_SERIES} limit 1)`,
    [seriesId],
  );
}

export interface StoredSetAside extends SetAsideRow {
  readonly seriesId: number;
  readonly span: Span;
  readonly setAsideAt: number;
}

/** The latest of documents that touch a span, newest first. */
export async function listSetAside(
  db: Pool,
  seriesIds: readonly number[],
  asked: Span,
  limit: number,
): Promise<readonly StoredSetAside[]> {
  const { rows } = await db.query<{
    series_id: number;
    from_time: number;
    to_time: number;
    row_index: number;
    start_time: number | null;
    row_key: string[] | null;
    code: SetAsideRow['code'];
    problem: string;
    row_text: string;
    set_aside_at: number;
  }>(
    `select series_id, lower(span) as from_time, upper(span) as to_time, row_index, start_time, row_key, code, problem,
            row_text, set_aside_at
     from set_aside_rows where series_id = any ($1) and span && $2::tstzrange order by id desc limit $3`,
    [seriesIds, toRange(asked), limit],
  );
  return rows.map((row) => ({
    seriesId: row.series_id,
    span: { from: row.from_time, to: row.to_time },
    index: row.row_index,
    start: row.start_time,
    key: row.row_key,
    code: row.code,
    problem: row.problem,
    text: row.row_text,
    setAsideAt: row.set_aside_at,
  }));
}
