-- Datasets: which spans of which series are known (the ledger), which vendor jobs are under way, and what
-- was refused. The rows themselves are in one fact table per dataset, made from the dataset's description
-- (store/datasets/datasets.ts), because their columns are typed.

-- A series is what has a ledger of its own: one dataset of one account, split by e.g. marketplace and currency.
create table series (
  id              integer generated always as identity primary key,
  dataset         text not null,
  account         text not null,
  partition_key   jsonb not null default '{}' check (jsonb_typeof(partition_key) = 'object'),
  daily_audit_at  timestamptz,               -- when the last audit of that kind was completed
  weekly_audit_at timestamptz,
  created_at      timestamptz not null default now(),
  unique (dataset, account, partition_key)
);

-- What is known about spans of a series. A span that is not here is missing.
create table coverage (
  id                bigint generated always as identity primary key,
  series_id         integer not null references series on delete cascade,
  span              tstzrange not null,
  state             text not null check (state in ('done', 'empty_provisional', 'failed')),
  row_count         bigint not null default 0 check (row_count >= 0),
  evidence          jsonb not null default '{}',
  reason            text,                    -- failed: what went wrong
  retry_at          timestamptz,             -- failed: null means not before somebody asks
  cause             text,                    -- failed: kind of failure, see quota/windows/window-retry.ts
  tries             integer not null default 0 check (tries >= 0), -- failed: answers so far
  failed_since      timestamptz,
  fetched_at        timestamptz not null,    -- when the vendor was asked; failed: when it failed
  daily_audited_at  timestamptz,
  weekly_audited_at timestamptz,
  constraint coverage_span check (
    not isempty(span) and lower_inc(span) and not upper_inc(span)
    and not lower_inf(span) and not upper_inf(span)
    and lower(span) > '-infinity' and upper(span) < 'infinity'
  ),
  -- Never two opinions about one hour. The series is a range of one, because comparing it with = would need
  -- the extension btree_gist, which not every database user may create.
  constraint coverage_no_overlap exclude using gist (int4range(series_id, series_id, '[]') with &&, span with &&)
);
create index coverage_series on coverage (series_id, lower(span));

-- One row per report asked of a vendor. The row is there before the call, so that a crash finds it again.
create table jobs (
  id             bigint generated always as identity primary key,
  series_id      integer not null references series on delete cascade,
  span           tstzrange not null check (not isempty(span) and lower_inc(span) and not upper_inc(span)),
  purpose        text not null check (purpose in ('backfill', 'sync', 'daily_audit', 'weekly_audit')),
  state          text not null check (state in ('intended', 'requested', 'ready', 'ingested', 'failed', 'cancelled')),
  attempts       integer not null default 0, -- create calls that left, or may have left
  requested_at   timestamptz,                -- the last of them; null when it is certain that none arrived
  report_id      text,
  request_id     text,
  document_id    text,
  document_url   text,                       -- pre-signed: whoever has it can read the report. Never logged
  url_expires_at timestamptz,
  reason         text,
  evidence       jsonb not null default '{}',
  -- For a window that has failed before, or for a part of one: its call counts against the account's budget.
  failing        boolean not null default false,
  slow_reported_ms double precision,         -- up to which age it was reported that the vendor does not make it; null: not yet
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  constraint jobs_report_id check (state not in ('requested', 'ready', 'ingested') or report_id is not null)
);
create unique index jobs_live on jobs (series_id, span) where state in ('intended', 'requested', 'ready');
create index jobs_span on jobs (series_id, span, requested_at);
-- By when the call ended: one that was refused has made no request.
create index jobs_failing on jobs (updated_at) where failing and attempts > 0;

-- Documents that were refused, with enough of them to see why. Bounded by store/datasets/ingest/ingest.ts.
create table rejected_documents (
  id          bigint generated always as identity primary key,
  series_id   integer not null references series on delete cascade,
  job_id      bigint references jobs on delete set null,
  span        tstzrange not null,
  code        text not null,
  position    bigint,                        -- byte of the uncompressed text; null when it is about the whole
  problem     text not null,
  head        bytea not null check (octet_length(head) <= 65536),
  evidence    jsonb not null default '{}',
  rejected_at timestamptz not null
);
create index rejected_documents_series on rejected_documents (series_id, id);

-- Hours of which a later document reported far less than is known. The known rows stay until somebody accepts the later
-- answer, or several answers over days agree on it.
create table doubted_hours (
  series_id     integer not null references series on delete cascade,
  hour          timestamptz not null,
  known_rows    bigint not null,
  reported_rows bigint not null,
  answers       integer not null check (answers > 0),  -- that reported it
  first_at      timestamptz not null,
  last_at       timestamptz not null,
  recheck_at    timestamptz not null,
  accepted_at   timestamptz,                           -- by an operator: the next answer is believed
  accepted_by   text,
  evidence      jsonb not null default '{}',           -- of the last such answer
  primary key (series_id, hour)
);

-- Rows of documents that were put aside, and why. Bounded by store/datasets/ingest/set-aside.ts.
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
