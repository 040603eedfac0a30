/**
 * Hours whose known rows stay although a later document reported fewer (quota/windows/restatement.ts decides which).
 */
import type { Pool, PoolClient } from 'pg';
import { HOUR_MS } from '../../../quota/durations';
import type { Doubt, DoubtedHour, RestatementPolicy } from '../../../quota/windows/restatement';
import { inTransaction, toTimestamptz } from '../../db';
import { jsonText } from '../../storable';
import { insertWindowEvent, type WindowOfSeries } from '../series-events';
import { type Span, toRange } from '../span';
import type { DoubtedSummary } from './types';

const IN_SPAN = `series_id = $1 and hour >= lower($2::tstzrange) and hour < upper($2::tstzrange)`;

/** Earlier doubts of a span, by the start of the hour. */
export async function readDoubts(
  client: PoolClient,
  seriesId: number,
  span: Span,
): Promise<ReadonlyMap<number, Doubt>> {
  const { rows } = await client.query<{ hour: number; answers: number; first_at: number; accepted: boolean }>(
    `select hour, answers, first_at, accepted_at is not null as accepted from doubted_hours where ${IN_SPAN}`,
    [seriesId, toRange(span)],
  );
  return new Map(
    rows.map((row) => [row.hour, { answers: row.answers, firstAt: row.first_at, accepted: row.accepted }]),
  );
}

/** Replaces the doubts of a span by those of an answer. */
export async function writeDoubts(
  client: PoolClient,
  answer: {
    readonly seriesId: number;
    readonly span: Span;
    readonly doubted: readonly DoubtedHour[];
    readonly evidence: object;
    readonly now: number;
  },
): Promise<void> {
  const { seriesId, span, doubted, evidence, now } = answer;
  await client.query(`delete from doubted_hours where ${IN_SPAN} and hour <> all ($3::timestamptz[])`, [
    seriesId,
    toRange(span),
    doubted.map(({ hour }) => toTimestamptz(hour)),
  ]);
  await client.query(
    `insert into doubted_hours (series_id, hour, known_rows, reported_rows, answers, first_at, last_at, recheck_at, evidence)
     select $1, to_timestamp((d ->> 'hour')::float8 / 1000), (d ->> 'known')::bigint, (d ->> 'reported')::bigint,
            (d ->> 'answers')::int, to_timestamp((d ->> 'firstAt')::float8 / 1000), $3,
            to_timestamp((d ->> 'recheckAt')::float8 / 1000), $4
     from jsonb_array_elements($2::jsonb) d
     on conflict (series_id, hour) do update set known_rows = excluded.known_rows, reported_rows = excluded.reported_rows,
       answers = excluded.answers, first_at = excluded.first_at, last_at = excluded.last_at,
       recheck_at = excluded.recheck_at, evidence = excluded.evidence`,
    [seriesId, jsonText(doubted), toTimestamptz(now), jsonText(evidence)],
  );
}

export function summaryOf(doubted: readonly DoubtedHour[]): DoubtedSummary | null {
  if (doubted.length === 0) return null;
  return {
    hours: doubted.length,
    known: doubted.reduce((sum, { known }) => sum + known, 0),
    reported: doubted.reduce((sum, { reported }) => sum + reported, 0),
    recheckAt: Math.min(...doubted.map(({ recheckAt }) => recheckAt)),
  };
}

/** The event of an answer that is doubted; none when there is nothing to doubt. */
export async function reportDoubts(
  client: PoolClient,
  window: WindowOfSeries,
  doubted: readonly DoubtedHour[],
  policy: RestatementPolicy,
): Promise<void> {
  const summary = summaryOf(doubted);
  if (summary === null) return;
  await insertWindowEvent(client, 'window.doubted', window, {
    hours: summary.hours,
    knownRows: summary.known,
    reportedRows: summary.reported,
    answers: Math.max(...doubted.map(({ answers }) => answers)),
    recheckAt: new Date(summary.recheckAt).toISOString(),
    believedAfter: `${policy.answers} such answers over ${policy.overMs / HOUR_MS} h, or an operator accepts them`,
  });
}

/** Hours in a row that are doubted, as people are shown them. */
export interface DoubtedSpan extends Span {
  readonly seriesId: number;
  readonly known: number;
  readonly reported: number;
  /** Answers that reported it, of the hour with the fewest. */
  readonly answers: number;
  readonly firstAt: number;
  readonly recheckAt: number;
  readonly accepted: boolean;
}

/** Oldest first. */
export async function doubtedSpans(
  db: Pool,
  seriesIds: readonly number[],
  asked: Span,
): Promise<readonly DoubtedSpan[]> {
  const { rows } = await db.query<{
    series_id: number;
    from_time: number;
    to_time: number;
    known: number;
    reported: number;
    answers: number;
    first_at: number;
    recheck_at: number;
    accepted: boolean;
  }>(
    `with hours as (
       select *, hour - row_number() over (partition by series_id, answers, accepted_at is null order by hour)
                   * interval '1 hour' as island
       from doubted_hours where series_id = any ($1) and hour >= $2 and hour < $3
     )
     select series_id, min(hour) as from_time, max(hour) + interval '1 hour' as to_time,
            sum(known_rows)::int8 as known, sum(reported_rows)::int8 as reported, answers, min(first_at) as first_at,
            min(recheck_at) as recheck_at, bool_and(accepted_at is not null) as accepted
     from hours group by series_id, answers, accepted_at is null, island order by min(hour)`,
    [seriesIds, toTimestamptz(asked.from), toTimestamptz(asked.to)],
  );
  return rows.map((row) => ({
    seriesId: row.series_id,
    from: row.from_time,
    to: row.to_time,
    known: row.known,
    reported: row.reported,
    answers: row.answers,
    firstAt: row.first_at,
    recheckAt: row.recheck_at,
    accepted: row.accepted,
  }));
}

/** What of a span is doubted and due to be checked again, and what is not due yet; adjacent hours are joined. */
export async function doubtsDue(
  db: Pool,
  seriesId: number,
  now: number,
): Promise<{ readonly due: readonly Span[]; readonly later: readonly Span[] }> {
  const { rows } = await db.query<{ is_due: boolean; from_time: number; to_time: number }>(
    `select is_due, lower(piece) as from_time, upper(piece) as to_time from (
       select recheck_at <= $2::timestamptz as is_due,
              range_agg(tstzrange(hour, hour + interval '1 hour')) as hours
       from doubted_hours where series_id = $1 group by 1
     ) d, unnest(hours) piece order by lower(piece)`,
    [seriesId, toTimestamptz(now)],
  );
  const spans = (isDue: boolean) =>
    rows
      .filter((row) => row.is_due === isDue)
      .map(({ from_time, to_time }) => ({ from: from_time, to: to_time }));
  return { due: spans(true), later: spans(false) };
}

/**
 * An operator accepts the lower number of rows: the next answer is believed, and is requested at once.
 * @returns hours that were doubted in the span.
 */
export async function acceptDoubts(
  db: Pool,
  order: {
    readonly seriesIds: readonly number[];
    readonly span: Span;
    readonly by: string;
    readonly now: number;
    readonly poolKey: string;
  },
): Promise<number> {
  const at = toTimestamptz(order.now);
  return inTransaction(db, async (client) => {
    let hours = 0;
    for (const seriesId of order.seriesIds) {
      const { rowCount } = await client.query(
        `update doubted_hours set accepted_at = $3, accepted_by = $4, recheck_at = $3 where ${IN_SPAN}`,
        [seriesId, toRange(order.span), at, order.by],
      );
      if (!rowCount) continue;
      hours += rowCount;
      const { poolKey, span, by } = order;
      const window = { poolKey, seriesId, span };
      await insertWindowEvent(client, 'window.doubt_accepted', window, { hours: rowCount, by });
    }
    return hours;
  });
}
