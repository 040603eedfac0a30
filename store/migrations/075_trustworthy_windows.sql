-- Windows that fail are tried again at growing distances, and share a budget; documents that take away what was known
-- are doubted, hour by hour; rows that cannot be used are kept beside the data with the reason.

alter table coverage add column cause text;            -- failed: kind of failure, see quota/windows/window-retry.ts
alter table coverage add column tries integer not null default 0 check (tries >= 0); -- failed: answers so far
alter table coverage add column failed_since timestamptz;

-- A report for a window that has failed before, or for a part of one: its call counts against the account's budget.
alter table jobs add column failing boolean not null default false;
create index jobs_failing on jobs (requested_at) where failing;

-- Hours of which a later document told far less than is known. The rows that are known stay until somebody, or
-- several answers over days, make the later word true.
create table doubted_hours (
  series_id     integer not null references series on delete cascade,
  hour          timestamptz not null,
  known_rows    bigint not null,
  told_rows     bigint not null,
  answers       integer not null check (answers > 0),  -- that told it
  first_at      timestamptz not null,
  last_at       timestamptz not null,
  look_again_at timestamptz not null,
  accepted_at   timestamptz,                           -- by an operator: the next answer is believed
  accepted_by   text,
  evidence      jsonb not null default '{}',           -- of the last such answer
  primary key (series_id, hour)
);

-- Rows of documents that were put aside, and why. Bounded by store/datasets/set-aside.ts.
create table set_aside_rows (
  id           bigint generated always as identity primary key,
  series_id    integer not null references series on delete cascade,
  span         tstzrange not null,                     -- of the document
  row_index    bigint not null,                        -- in the document, counted from 0; -1 when it is not known
  start_time   timestamptz,                            -- null when it could not be read
  row_key      text[],
  code         text not null check (code in ('unusable', 'duplicate_key')),
  problem      text not null,
  row_text     text not null,
  evidence     jsonb not null default '{}',
  set_aside_at timestamptz not null
);
create index set_aside_rows_series on set_aside_rows (series_id, id);
