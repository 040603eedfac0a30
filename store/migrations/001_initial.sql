-- Permits: the data plane. One row per limit (a template with its scope filled in), one row per pool.
-- The functions and views are in ../schema, one file each; they are applied again when their text changes.
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
  share_live       double precision not null default 1 check (share_live > 0 and share_live <= 1),
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
  blocked_reason   text not null default '',       -- the vendor's words, for people
  -- When a person has last ended such a wait: what calls that had left before are told of it then does not block anew.
  unblocked_at     double precision not null default 0,
  rate_strikes     integer not null default 0,     -- refusals in a row of calls that left after the block before had ended
  -- A bucket whose vendor refuses what it had announced: the share of the rate that is used (limit_refused.sql).
  rate_share       double precision not null default 1 check (rate_share > 0 and rate_share <= 1),
  rate_share_at    double precision not null default 0,
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
  policy      jsonb not null default '{}'::jsonb,
  -- The pool of what stops several pools at once; a call needs leave of both. So one refusal stops all accounts of an
  -- organization, one that is registered later too, one resume frees all, and one probe speaks for all.
  organization text
) with (fillfactor = 50);
create index pools_organization on pools (organization) where organization is not null;

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

-- Limits that several pools share: the egress IP's hold for every account behind it. `limits.pool` names the pool that
-- registered a limit first; who else is held by it stands here.

create table pool_limits (
  pool      text not null,
  limit_key text not null,
  primary key (pool, limit_key)
);
create index pool_limits_key on pool_limits (limit_key);

-- Stretches in which a limit is refused: one that is ended by a whole window of quiet gets one alert.
create table rate_episodes (
  subject    text primary key,                -- a limit's key; a pool's, where the vendor does not say which limit
  refused_at double precision not null,       -- the last refusal, epoch ms
  alerted    boolean not null default false
);
create index events_refused on events ((data ->> 'subject'), at) where kind = 'limit.refused';

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
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  constraint jobs_report_id check (state not in ('requested', 'ready', 'ingested') or report_id is not null)
);
create unique index jobs_live on jobs (series_id, span) where state in ('intended', 'requested', 'ready');
create index jobs_span on jobs (series_id, span, requested_at);

-- Documents that were refused, with enough of them to see why. Bounded by store/datasets/ingest.ts.
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

-- Secrets and access tokens, encrypted with AES-256-GCM. The key is never in the database; key_id says which one
-- it was. The additional data of each ciphertext is its row's name, so that rows cannot be swapped.
create table vault (
  name       text primary key check (length(name) between 1 and 200),
  key_id     text not null,
  nonce      bytea not null check (length(nonce) = 12),
  ciphertext bytea not null check (length(ciphertext) >= 16),
  version    integer not null default 1,
  updated_at timestamptz not null default now()
);

-- One access token for each account and set of credentials, shared by every process. Whoever holds the lease
-- refreshes; the others wait. Other credentials are another row, so a refusal ends when they change, and workers
-- with old and new credentials side by side (a rollout) do not take each other's token away.
create table tokens (
  account        text not null,
  fingerprint    text not null,             -- keyed hash of the credentials
  key_id         text,
  nonce          bytea check (length(nonce) = 12),
  ciphertext     bytea check (length(ciphertext) >= 16),
  expires_at     timestamptz,
  version        integer not null default 0, -- grows with every token stored; 0: none yet
  lease_until    timestamptz,
  lease_owner    text,
  refused_reason text,                       -- the vendor's words
  refused_at     timestamptz,
  updated_at     timestamptz not null default now(),
  primary key (account, fingerprint),
  constraint tokens_whole check (
    (ciphertext is null) = (key_id is null)
    and (ciphertext is null) = (nonce is null)
    and (ciphertext is null) = (expires_at is null)
  )
);

-- Batches: finite sets of items, each of which needs one call. Items are handed out by lease, results arrive one by one.

create table batches (
  id         bigint generated always as identity primary key,
  digest     text not null unique,         -- of all that decides a request: the same input again is the same batch
  kind       text not null,                -- e.g. openai/bios
  account    text not null,
  model      text not null,
  prompt     text not null,
  options    jsonb not null default '{}',
  input_name text not null,
  priority   text not null check (priority in ('background', 'scheduled', 'live', 'interactive')),
  via        text not null default 'responses' check (via in ('responses', 'batch-api')),
  state      text not null default 'running' check (state in ('running', 'paused', 'cancelled')),
  reason     text not null default '',     -- why it is paused or cancelled
  items      integer not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp()
);

create table batch_items (
  batch_id        bigint not null references batches on delete cascade,
  seq             integer not null,          -- order of the input, from 0
  external_id     text not null,
  variables       jsonb not null,
  state           text not null default 'pending'
                  check (state in ('pending', 'running', 'retry', 'done', 'failed')),
  attempts        integer not null default 0, -- calls that the vendor failed; refusals for want of quota do not count
  next_attempt_at timestamptz,               -- retry: not before
  lease_owner     text,                      -- running: the page that has it
  lease_until     timestamptz,               -- running: renewed by the page while it lives
  response_id     text,
  result          jsonb,
  evidence        jsonb,                     -- of the last failure
  answered_at     timestamptz,
  primary key (batch_id, seq),
  unique (batch_id, external_id)
) with (fillfactor = 80);
create index batch_items_pending on batch_items (batch_id, seq) where state = 'pending';
create index batch_items_retry on batch_items (batch_id, next_attempt_at, seq) where state = 'retry';
create index batch_items_running on batch_items (batch_id, lease_until) where state = 'running';

create table batch_parts (
  id             bigint generated always as identity primary key,
  batch_id       bigint not null references batches on delete cascade,
  key            text not null unique,             -- on the vendor's batch too: one whose creation was not answered is found by it
  pool           text not null,
  model          text not null,
  state          text not null default 'cutting'
                 check (state in ('cutting', 'cut', 'uploaded', 'creating', 'created', 'ended', 'settled')),
  items          integer not null default 0,
  bytes          bigint not null default 0,
  tokens         bigint not null default 0,        -- input tokens, estimated: what waits in the vendor's queue
  file_id        text,
  vendor_id      text,
  status         text not null default '',         -- the vendor's word
  total          integer not null default 0,       -- as the vendor counts
  completed      integer not null default 0,
  failed         integer not null default 0,
  output_file_id text,
  error_file_id  text,
  output_read    boolean not null default false,
  errors_read    boolean not null default false,
  failures       integer not null default 0,       -- calls for it that failed in a row
  next_try_at    timestamptz,                      -- after a failed call: not before
  note           text not null default '',         -- of the last failure, or how it ended
  created_at     timestamptz not null default clock_timestamp(),
  asked_at       timestamptz,                      -- creating: when the creation left
  expires_at     timestamptz,                      -- as the vendor says
  changed_at     timestamptz not null default clock_timestamp(), -- state or the vendor's word
  cancel_asked   boolean not null default false,   -- by us, whether or not it went through
  -- What a vendor says may be wrong for a while: it is doubted before anything is paid for again.
  doubts         integer not null default 0,       -- answers in a row, other failures aside, that cannot be right
  doubted_at     timestamptz                       -- the first of them
);
create index batch_parts_open on batch_parts (pool, model) where state <> 'settled';
create index batch_parts_batch on batch_parts (batch_id, id);

-- What is known of a vendor's queue of waiting tokens, for a model.
create table batch_queues (
  pool          text not null,
  model         text not null,
  learned       bigint,                            -- tokens that may wait, as a refusal said
  learned_at    timestamptz,
  share         double precision not null default 1, -- of the limit; less after refusals that our own count does not explain
  strikes       integer not null default 0,        -- refusals and failures in a row
  blocked_until timestamptz,
  reason        text not null default '',
  primary key (pool, model)
);

-- Fleets: devices, where they were, which trips they made. People query the views devices, positions,
-- latest_positions and trips; the tables behind them may change. Which device-days of trips and tracks are in is kept
-- in the ledger (series and coverage), one series a dataset, account and device.

create table fleet_devices (
  account        text not null,
  device_id      text not null,
  name           text not null,
  type           text not null,
  sim            text not null,
  device_group   text not null,
  last_active_at timestamptz,               -- null: never heard of
  expires_at     timestamptz,
  free           boolean not null,
  listed_at      timestamptz not null,      -- when the vendor last listed it
  removed_at     timestamptz,               -- when the vendor was first seen to list it no more
  snapshot_at    timestamptz,               -- since then it is covered by the cursor; null: asked for by itself first
  moved_at       timestamptz,               -- the latest position at which it was under way
  trips_asked_at timestamptz,               -- when trips were last asked for on schedule
  trips_until    timestamptz,               -- trips are in up to here, as far as the schedule is concerned
  primary key (account, device_id)
);

-- One row an instant, whoever told it: the live feed, or the track of a day.
create table fleet_positions (
  account     text not null,
  device_id   text not null,
  at          timestamptz not null,         -- by the device's clock
  arrived_at  timestamptz,                  -- when the vendor heard of it
  latitude    double precision not null,    -- WGS 84, degrees
  longitude   double precision not null,
  speed       double precision not null,    -- km/h
  course      double precision not null,    -- degrees clockwise from north
  odometer    double precision,             -- m
  status      bigint not null,              -- the vendor's bit mask
  status_text text not null,
  alarm       bigint not null,
  moving      boolean,
  source      text not null check (source in ('live', 'track')),
  stored_at   timestamptz not null default now(),
  primary key (account, device_id, at)
);

create table fleet_trips (
  account         text not null,
  device_id       text not null,
  start_time      timestamptz not null,
  end_time        timestamptz not null,
  distance        double precision not null, -- m
  max_speed       double precision not null, -- m/h, as the vendor gives it
  average_speed   double precision not null, -- m/h
  duration_ms     double precision not null, -- under way
  start_latitude  double precision,
  start_longitude double precision,
  end_latitude    double precision,
  end_longitude   double precision,
  stored_at       timestamptz not null default now(),
  primary key (account, device_id, start_time)
);

-- How far an account's feeds have been read.
create table fleet_cursors (
  account    text not null,
  feed       text not null check (feed in ('devices', 'positions')),
  value      text not null,
  updated_at timestamptz not null,
  primary key (account, feed)
);

-- Commands to devices: one row each, from the wish to the result. A command acts, so it must not be sent twice by
-- accident: `sending` is committed before the request leaves, and what is found there later has an unknown outcome.

create table commands (
  id                bigint generated always as identity primary key,
  account           text not null,
  request_id        text,                      -- given by whoever asks: the same one again is the same command
  device            text not null,
  code              text not null,
  params            jsonb not null default '[]', -- list of texts; not secret. Passwords are references in the settings
  repeatable        boolean not null default false, -- sent twice it does no harm
  timeout_ms        float8 not null,           -- longest wait for leave to send, and again for the result
  wait_for_pool     boolean not null default false, -- waits for a closed pool however long it takes
  asked_by          text not null default '',
  state             text not null default 'created'
                    check (state in ('created', 'sending', 'queued', 'succeeded', 'failed', 'unknown', 'cancelled')),
  attempts          integer not null default 0, -- times that it was marked as being sent
  maybe_sent        boolean not null default false, -- an earlier attempt of a repeatable one may have been carried out
  owner             text,                      -- sending: who sends it; only that one may say what became of it
  vendor_command_id text,                      -- queued: what its result is asked for with
  result_name       text,                      -- e.g. confirmed, offline, bad-password, pool-closed
  result_code       text,                      -- the vendor's own
  result_message    text,
  created_at        timestamptz not null default clock_timestamp(),
  sent_at           timestamptz,               -- of the last attempt
  ended_at          timestamptz,
  unique (account, request_id)
);
create index commands_newest on commands (created_at desc);

-- Refusals for a used-up quota that may mean a narrower limit than the pool's (quota/pools/quota-doubt.ts), since a call of
-- the pool was last accepted.
create table quota_doubts (
  pool        text not null,
  limit_key   text not null,     -- the narrow limit
  strike      integer not null,  -- which in a row; calls that were in flight together share one
  departed_at float8 not null,   -- of the refused call, epoch ms
  noted_at    float8 not null,   -- when its answer was, epoch ms
  until_ms    float8 not null,   -- end of the quota's window: what was refused before says nothing after it
  primary key (pool, limit_key)
);

-- How many calls in flight a batch's last page has found to be good, so that the next one need not find it anew. In a table
-- of its own: it is written every few seconds, and a batch's row is read every second.
create table batch_pace (
  batch_id    bigint primary key references batches on delete cascade,
  concurrency integer not null check (concurrency > 0),
  ended_well  boolean not null,          -- false while a page runs, and after one that was cut short
  at          timestamptz not null default clock_timestamp()
) with (fillfactor = 50);
