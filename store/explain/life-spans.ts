/** The spans of time in which something held work up, from events and rows that are kept anyway. */
import type { Pool } from 'pg';
import { DAY_MS } from '../../quota/durations';
import type { CausedSpan, TimeCause, Try } from '../../quota/time-shares';

interface EventRow {
  readonly kind: string;
  readonly at: number;
  readonly data: Readonly<Record<string, unknown>>;
}

const POOL_CAUSE: Readonly<Record<string, TimeCause>> = {
  'pool.quota_paused': 'quotaPause',
  'pool.open': 'vendor',
  'pool.held': 'person',
};

/** Times in which pools let nothing through. @param keys of the pool, and of its organization's. */
export async function poolSpans(db: Pool, keys: readonly string[], from: number): Promise<CausedSpan[]> {
  const all = await Promise.all(
    keys.map(async (key) => {
      const { rows } = await db.query<EventRow>(
        `select kind, extract(epoch from at)::float8 * 1000 as at, data from events
         where pool = $1 and kind like 'pool.%' and kind <> 'pool.clock_ahead'
           and at >= coalesce((select max(at) from events where pool = $1 and kind like 'pool.%'
                               and kind <> 'pool.clock_ahead' and at < to_timestamp($2::float8 / 1000)),
                              to_timestamp($2::float8 / 1000))
         order by id`,
        [key, from],
      );
      return rows.flatMap(({ kind, at }, i): CausedSpan[] => {
        const cause = POOL_CAUSE[kind];
        return cause === undefined
          ? []
          : [{ cause, from: at, to: rows[i + 1]?.at ?? Number.POSITIVE_INFINITY }];
      });
    }),
  );
  return all.flat();
}

/** Pauses by hand of a pool or a piece of work. @param subject its key or id. */
export async function operatorSpans(db: Pool, subject: string): Promise<CausedSpan[]> {
  const { rows } = await db.query<EventRow>(
    `select kind, extract(epoch from at)::float8 * 1000 as at, data from events
     where kind in ('operator.paused', 'operator.resumed') and data ->> 'subject' = $1 order by id`,
    [subject],
  );
  return rows.flatMap(({ kind, at }, i): CausedSpan[] =>
    kind === 'operator.paused'
      ? [{ cause: 'person', from: at, to: rows[i + 1]?.at ?? Number.POSITIVE_INFINITY }]
      : [],
  );
}

/** Waits that began this long before a life are included, ms. */
const REACH_MS = DAY_MS;

/**
 * Waits for limits that a caller reported, and those that the vendor has stated. An operator may have ended one.
 * @param caller null: of nobody.
 */
export async function limitSpans(
  db: Pool,
  pool: string,
  caller: string | null,
  from: number,
): Promise<CausedSpan[]> {
  const { rows } = await db.query<EventRow>(
    `select kind, extract(epoch from at)::float8 * 1000 as at, data from events
     where pool = $1 and at >= to_timestamp($3::float8 / 1000)
       and (kind in ('limit.refused', 'limit.unblocked') or (kind = 'limit.waiting' and data ->> 'caller' = $2))
     order by id`,
    [pool, caller, from - REACH_MS],
  );
  const unblocked = rows.filter(({ kind }) => kind === 'limit.unblocked');
  return rows.flatMap(({ kind, at, data }): CausedSpan[] => {
    if (kind === 'limit.unblocked') return [];
    const refused = kind === 'limit.refused';
    const limits = refused ? (data.limits as readonly unknown[]) : [data.limit];
    const freed = limits.map(
      (key) => unblocked.find((one) => one.data.limit === key && one.at > at)?.at ?? Number.POSITIVE_INFINITY,
    );
    const to = refused ? at + Number(data.waitMs ?? 0) : Number(data.until ?? at);
    return [{ cause: 'rateLimit', from: at, to: Math.min(to, Math.max(at, ...freed)) }];
  });
}

/** Times in which a vendor refused calls of this kind alone. @param subject e.g. a report type; null: none is known. */
export async function kindSpans(
  db: Pool,
  pool: string,
  subject: string | null,
  from: number,
): Promise<CausedSpan[]> {
  if (subject === null) return [];
  const { rows } = await db.query<EventRow>(
    `select kind, extract(epoch from at)::float8 * 1000 as at, data from events
     where pool = $1 and at >= to_timestamp($3::float8 / 1000)
       and ((kind in ('calls.stopped', 'calls.resumed') and data ->> 'subject' = $2)
            or (kind = 'operator.resumed' and data ->> 'subject' = $1)) order by id`,
    [pool, subject, from - REACH_MS],
  );
  return rows.flatMap(({ kind, at, data }, i): CausedSpan[] =>
    kind === 'calls.stopped'
      ? [
          {
            cause: 'quotaPause',
            from: at,
            to: Math.min(Number(data.until ?? at), rows[i + 1]?.at ?? Number.POSITIVE_INFINITY),
          },
        ]
      : [],
  );
}

const BATCH_CAUSE: Readonly<Record<string, TimeCause>> = {
  limit: 'rateLimit',
  threshold: 'quotaPause',
  queue: 'vendor',
  retry: 'vendor',
};

/** An operator's pauses of a batch, its waits, and the time that its files were with the vendor. */
export async function batchSpans(db: Pool, id: number, pool: string): Promise<CausedSpan[]> {
  const [{ rows }, { rows: now }, { rows: parts }] = await Promise.all([
    db.query<EventRow>(
      `select kind, extract(epoch from at)::float8 * 1000 as at, data from events
       where pool = $2 and (data ->> 'batch') = $1 and kind in ('batch.paused', 'batch.resumed', 'batch.cancelled', 'batch.waiting')
       order by id`,
      [String(id), pool],
    ),
    db.query<{ cause: string; from: number }>(
      'select cause, since_ms as "from" from batch_waits where batch_id = $1 and since_ms is not null',
      [id],
    ),
    db.query<{ from: number; to: number | null }>(
      `select extract(epoch from coalesce(asked_at, created_at))::float8 * 1000 as "from",
              case when state in ('ended', 'settled') then extract(epoch from changed_at)::float8 * 1000 end as "to"
       from batch_parts where batch_id = $1 and state in ('created', 'ended', 'settled')`,
      [id],
    ),
  ]);
  const steered = rows.filter(({ kind }) => kind !== 'batch.waiting');
  return [
    ...steered.flatMap(({ kind, at }, i): CausedSpan[] =>
      kind === 'batch.paused'
        ? [{ cause: 'person', from: at, to: steered[i + 1]?.at ?? Number.POSITIVE_INFINITY }]
        : [],
    ),
    ...rows
      .filter(({ kind }) => kind === 'batch.waiting')
      .map(({ at, data }) => ({
        cause: BATCH_CAUSE[String(data.cause)] ?? 'rateLimit',
        from: Number(data.since ?? at),
        to: Number(data.until ?? at),
      })),
    ...now.map(({ cause, from }) => ({
      cause: BATCH_CAUSE[cause] ?? 'rateLimit',
      from,
      to: Number.POSITIVE_INFINITY,
    })),
    ...parts.map(({ from, to }) => ({ cause: 'vendor' as const, from, to: to ?? Number.POSITIVE_INFINITY })),
  ];
}

/** The time that reports of a span were with the vendor. @param span null: of all. */
export async function reportSpans(
  db: Pool,
  dataset: string,
  account: string,
  span: { readonly from: number; readonly to: number } | null,
): Promise<CausedSpan[]> {
  const { rows } = await db.query<{ from: number; to: number | null }>(
    `select extract(epoch from j.requested_at)::float8 * 1000 as "from",
            case when j.state not in ('requested', 'intended') then extract(epoch from j.updated_at)::float8 * 1000 end as "to"
     from jobs j join series s on s.id = j.series_id
     where s.dataset = $1 and s.account = $2 and j.requested_at is not null
       and ($3::float8 is null or j.span && tstzrange(to_timestamp($3::float8 / 1000), to_timestamp($4::float8 / 1000)))
     order by j.id desc limit 10000`,
    [dataset, account, span?.from ?? null, span?.to ?? null],
  );
  return rows.map(({ from, to }) => ({ cause: 'vendor', from, to: to ?? Number.POSITIVE_INFINITY }));
}

export interface WindowLife {
  readonly state: string;
  readonly reason: string | null;
  readonly requestId: string | null;
  readonly retryAt: number | null;
  readonly from: number;
  /** Null: it goes on. */
  readonly to: number | null;
  readonly series: number;
}

/** A window of a dataset that holds an instant: its last report, or what the ledger says of it. Null for neither. */
export async function readWindowLife(
  db: Pool,
  dataset: string,
  account: string,
  at: number,
): Promise<WindowLife | null> {
  const { rows } = await db.query<WindowLife>(
    `select coalesce(j.state, c.state) as state, coalesce(c.reason, j.reason) as reason,
            coalesce(j.request_id, j.evidence ->> 'requestId') as "requestId",
            extract(epoch from c.retry_at)::float8 * 1000 as "retryAt",
            extract(epoch from coalesce(j.created_at, c.fetched_at))::float8 * 1000 as "from",
            case when j.state is null or j.state in ('ingested', 'failed', 'cancelled')
                 then extract(epoch from coalesce(j.updated_at, c.fetched_at))::float8 * 1000 end as "to",
            s.id as series
     from series s
     left join lateral (select * from jobs where series_id = s.id and span @> to_timestamp($3::float8 / 1000)
                        order by id desc limit 1) j on true
     left join lateral (select * from coverage where series_id = s.id and span @> to_timestamp($3::float8 / 1000) limit 1) c on true
     where s.dataset = $1 and s.account = $2 and (j.id is not null or c.id is not null)
     order by j.id desc nulls last limit 1`,
    [dataset, account, at],
  );
  return rows[0] ?? null;
}

export interface WindowTry extends Try {
  readonly purpose: 'backfill' | 'sync' | 'daily_audit' | 'weekly_audit';
}

/** All reports of a series whose span holds an instant, as far as they are kept, the oldest first. */
export async function readWindowTries(db: Pool, series: number, at: number): Promise<WindowTry[]> {
  const { rows } = await db.query<WindowTry>(
    `select extract(epoch from created_at)::float8 * 1000 as "from", state = 'ingested' as done, purpose,
            case when state in ('ingested', 'failed', 'cancelled')
                 then extract(epoch from updated_at)::float8 * 1000 end as "to"
     from jobs where series_id = $1 and span @> to_timestamp($2::float8 / 1000) order by id`,
    [series, at],
  );
  return rows;
}

/** Runs of a dataset that somebody has paused by hand. */
export async function pausedRuns(db: Pool, dataset: string, account: string): Promise<string[]> {
  const { rows } = await db.query<{ subject: string }>(
    `select distinct data ->> 'subject' as subject from events
     where kind = 'operator.paused' and split_part(data ->> 'subject', ':', 2) = $1
       and split_part(data ->> 'subject', ':', 3) = $2`,
    [dataset, account],
  );
  return rows.map(({ subject }) => subject);
}

export interface ItemLife {
  readonly state: string;
  readonly attempts: number;
  readonly nextAttemptAt: number | null;
  readonly answeredAt: number | null;
  readonly evidence: { readonly message?: string; readonly requestId?: string } | null;
}

export async function readItemLife(db: Pool, batch: number, item: string): Promise<ItemLife | null> {
  const { rows } = await db.query<ItemLife>(
    `select state, attempts, next_attempt_at as "nextAttemptAt", answered_at as "answeredAt", evidence
     from batch_items where batch_id = $1 and external_id = $2`,
    [batch, item],
  );
  return rows[0] ?? null;
}
