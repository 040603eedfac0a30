-- What happened, for operators: pauses, resumes, refusals, learned limits, alerts. Never secrets.
create table events (
  id    bigint generated always as identity primary key,
  at    timestamptz not null default clock_timestamp(),
  kind  text not null,
  pool  text,
  data  jsonb not null default '{}'::jsonb
);
create index events_pool_at on events (pool, at desc);
-- Who has paused something by hand is looked up by what was paused.
create index events_orders on events ((data ->> 'subject'), id) where kind in ('operator.paused', 'operator.resumed');
create index events_refused on events ((data ->> 'subject'), at) where kind = 'limit.refused';

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
