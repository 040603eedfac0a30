-- Permits: the data plane. One row per limit (a template with its scope filled in), one row per pool.
-- The functions that decide are in 002_take_permits.sql, those that book what comes back in 003_permit_feedback.sql.
--
-- Times are epoch milliseconds in double precision: exact to 0.25 µs until the year 2100, and the same IEEE
-- arithmetic as the JavaScript reference model that the property tests compare with.

create table limits (
  id               bigint generated always as identity primary key,
  key              text not null unique,           -- vendor/scope…/template
  pool             text not null,
  name             text not null,
  unit             text not null check (unit in ('calls', 'tokens')),
  kind             text not null check (kind in ('bucket', 'rolling', 'calendar', 'vendor')),
  capacity         double precision not null check (capacity > 0),  -- burst, or count per window
  period_ms        double precision check (period_ms > 0),          -- bucket: ms per unit; rolling: window
  calendar_unit    text check (calendar_unit in ('minute', 'hour', 'day', 'month')),
  zone             text,
  slack_ms         double precision not null default 0,
  share_background double precision not null default 1 check (share_background > 0 and share_background <= 1),
  share_scheduled  double precision not null default 1 check (share_scheduled > 0 and share_scheduled <= 1),
  mode             text not null check (mode in ('enforce', 'shadow')),
  source           text not null,                  -- where the numbers come from: vendor page, settings, header
  definition       jsonb not null,                 -- as configured; what a header taught is dropped when it changes
  -- state
  last_at          double precision not null default 0,  -- latest departure granted; departures never go back
  tat              double precision not null default 0,  -- bucket: theoretical arrival time of the next unit
  used             double precision not null default 0,  -- rolling, calendar, vendor: units in the window
  window_from      double precision not null default 0,  -- calendar, vendor: departure that began the window
  resets_at        double precision,               -- calendar, vendor: end of the window; null: none known
  blocked_until    double precision not null default 0,  -- a rate verdict: every caller of this limit waits
  claim_rank       smallint not null default 0,    -- a more important caller waits: lower ranks stand back
  claim_until      double precision not null default 0,
  granted_calls    bigint not null default 0,
  granted_units    double precision not null default 0,
  shadow_over      bigint not null default 0,      -- grants that an enforced limit would have denied
  -- fillfactor leaves room for heap-only updates: the row is rewritten with every permit
  constraint limits_window check (kind <> 'calendar' or (calendar_unit is not null and zone is not null)),
  constraint limits_period check (kind not in ('bucket', 'rolling') or period_ms is not null)
) with (fillfactor = 50);
create index limits_pool on limits (pool);

-- Units granted at an instant: the exact log behind rolling limits, and behind the refunds of token buckets. Rows are
-- removed as they leave the window. No foreign key: its check would cost as much as the insert, and the only writers
-- hold the limit's row.
create table limit_events (
  limit_id bigint not null,
  at       double precision not null,
  units    double precision not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
create index limit_events_at on limit_events (limit_id, at);

create table pools (
  key         text primary key,                    -- vendor/scope…
  state       text not null default 'closed'
              check (state in ('closed', 'quota_paused', 'open', 'half_open', 'held')),
  until_ms    double precision,
  since_ms    double precision not null default 0,
  reason      text not null default '',
  strikes     integer not null default 0,
  failures    integer not null default 0,
  epoch       bigint not null default 1,
  evidence    jsonb,
  hint        text,
  probe_until double precision not null default 0, -- a probe is out until then
  policy      jsonb not null default '{}'::jsonb
) with (fillfactor = 50);

-- What happened, for operators: pauses, resumes, refusals, learned limits, alerts. Never secrets.
create table events (
  id    bigint generated always as identity primary key,
  at    timestamptz not null default clock_timestamp(),
  kind  text not null,
  pool  text,
  data  jsonb not null default '{}'::jsonb
);
create index events_pool_at on events (pool, at desc);

-- Calls by minute, for "who spent what": verdict counts by operation and caller.
create table call_counts (
  pool      text not null,
  minute    timestamptz not null,
  operation text not null,
  caller    text not null,
  verdict   text not null,
  calls     bigint not null,
  units     double precision not null default 0,
  primary key (pool, minute, operation, caller, verdict)
);

create function now_ms() returns double precision language sql volatile
as $$ select extract(epoch from clock_timestamp())::double precision * 1000 $$;

-- Limits as people see them, at the database's time: used, what resets when, who set the size. Documented for
-- people who bring their own client; times are epoch milliseconds.
create view limit_status as
select l.key, l.pool, l.name, l.unit, l.kind, l.capacity,
       greatest(0, case l.kind
         when 'bucket' then (l.tat - n.t) / l.period_ms
         when 'rolling' then (select coalesce(sum(e.units), 0) from limit_events e
                              where e.limit_id = l.id and e.at > n.t - l.period_ms)
         else case when l.resets_at is not null and l.resets_at <= n.t then 0 else l.used end end) as used,
       case l.kind
         when 'bucket' then case when l.tat > n.t then l.tat end
         when 'rolling' then (select max(e.at) + l.period_ms from limit_events e
                              where e.limit_id = l.id and e.at > n.t - l.period_ms)
         else case when l.resets_at > n.t then l.resets_at end end as resets_at,
       case when l.blocked_until > n.t then l.blocked_until end as blocked_until,
       l.source, l.mode, l.period_ms as ratio_period, l.granted_calls, l.granted_units, l.shadow_over
from limits l cross join lateral (select now_ms() as t) n;
