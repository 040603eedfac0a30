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
  blocked_since    double precision not null default 0,  -- first refusal of the block that holds
  blocked_reason   text not null default '',       -- the vendor's words, for people
  -- When a person last ended such a wait: a refusal of a call that had left before then does not block anew.
  unblocked_at     double precision not null default 0,
  rate_strikes     integer not null default 0,     -- refusals in a row of calls that left after the block before had ended
  -- A bucket whose vendor refuses what it had announced: the share of the rate that is used (limit_refused.sql).
  rate_share       double precision not null default 1 check (rate_share > 0 and rate_share <= 1),
  rate_share_at    double precision not null default 0,
  rate_floor       double precision not null default 0,  -- the last discovery lowers rate_share no further
  rate_ramp        boolean not null default false,       -- the rate is a guess, which grows fast while it is admitted
  rate_raises      integer not null default 0,           -- since the last discovery
  refused_at       double precision not null default 0,  -- the last discovery: a refusal of a call not on the way before
  refused_from     double precision not null default 0,  -- the discovery before
  refused_took     double precision,                     -- units admitted between the two; null: not measured
  refused_mark     double precision not null default 0,  -- granted_units at the last discovery
  refused_cost     double precision not null default 1,  -- units of the call that was refused
  emptied_at       double precision not null default 0,  -- the last refusal: what was charged before it is not refunded
  measured_from    double precision not null default 0,  -- from here on the rate is measured: the refusal before the last, or where a time without calls began
  starved_from     double precision not null default 0,  -- the first of the refusals since which hardly a call was admitted; 0: none
  sized_at         double precision not null default 0,  -- when the vendor last announced another size
  full_at          double precision,                     -- the vendor's statement of when all of it is free again; null: none
  claim_rank       smallint not null default 0,    -- a more important caller waits: lower ranks stand back
  claim_until      double precision not null default 0,
  granted_calls    bigint not null default 0,
  granted_units    double precision not null default 0,
  shadow_over      bigint not null default 0,      -- grants that an enforced limit would have denied
  generation       bigint not null default 0,      -- of the settings that wrote the definition (settings_generations)
  override         jsonb,                          -- the operator's change that holds, with id, author, reason and at; null: none
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
  organization text,
  cause       text,                                -- why it is held; decides whether it is probed by itself
  short_waits integer not null default 0,          -- stated waits in a row after which the vendor still refused
  generation  bigint not null default 0            -- of the settings that wrote the definition (settings_generations)
) with (fillfactor = 50);
create index pools_organization on pools (organization) where organization is not null;

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

-- An operator's change of limits, which outranks every process's settings: of one limit by its key, or of all of a name.
create table limit_overrides (
  id         bigint generated always as identity primary key,
  pool       text not null,
  name       text not null,
  key        text,                                -- null: every limit of that name in the pool
  change     jsonb not null,                      -- capacity, period_ms, mode: what is not named stays
  author     text not null,
  reason     text not null,
  at         timestamptz not null default clock_timestamp(),
  ended_at   timestamptz,                         -- reset, or replaced by a later one
  ended_by   text
);
create unique index limit_overrides_current on limit_overrides (pool, name, coalesce(key, '')) where ended_at is null;
create index limit_overrides_name on limit_overrides (name) where ended_at is null;

-- Who may say how pools and limits are: the settings that were published last. Each change of what an account's
-- settings make of its pool, its organization and its limits is a generation of that pool; rows that a newer
-- generation has written are left alone by an older one.
create table settings_generations (
  generation   bigint generated always as identity primary key,
  pool         text not null,             -- key of an account's pool
  digest       text not null,             -- of the definitions
  file_ms      double precision,          -- when the settings file was last written, epoch ms; null without a file
  published_by text not null,             -- user@host and the file
  published_at timestamptz not null default clock_timestamp()
);
create index settings_generations_pool on settings_generations (pool, generation desc);

-- Kinds of calls of a pool that are refused and accepted together (quota/pools/narrow-refusal.ts): an operation of one report
-- type. What was last accepted and refused decides whether a refusal is a kind's own or the pool's.
create table call_kinds (
  pool        text not null,
  operation   text not null,
  subject     text not null,               -- e.g. a report type
  accepted_at float8 not null default 0,   -- departure of the last accepted call, epoch ms
  refused_at  float8 not null default 0,   -- when the last refusal was noted; 0: none that still says anything
  refused_for text check (refused_for in ('quota', 'access')),
  strikes     integer not null default 0,
  since_ms    float8 not null default 0,   -- of the first refusal in a row
  until_ms    float8 not null default 0,   -- nothing of this kind leaves before
  reason      text not null default '',
  hint        text,
  evidence    jsonb,
  primary key (pool, operation, subject)
);

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

-- When a wait of one caller for one limit was last reported.
create table limit_waits (
  pool           text not null,
  limit_key      text not null,
  caller         text not null,
  notified_at    double precision not null,
  notified_until double precision not null,
  primary key (pool, limit_key, caller)
);

-- When the database's clock was seen to step, and by how far: noted once by whichever process saw it first.
create table clock_steps (
  id         bigint generated always as identity primary key,
  noticed_at double precision not null,   -- after the step, epoch ms
  step_ms    double precision not null    -- forward or, when negative, back
);

-- Permits of programs outside, from the grant until their outcome has been reported. The row is written in the statement
-- that grants, so that each process can take the outcome, and none that never comes is forgotten.
create table outside_permits (
  id                 text primary key,          -- random: whoever knows it may report
  pool               text,                      -- null: no pool governs the call (a login)
  terms              jsonb not null,            -- account, operation, attributes, tokens, priority, caller
  depart_at          double precision not null, -- epoch ms, as all times here
  expires_at         double precision not null,
  epoch              bigint not null,
  organization_epoch bigint not null,
  probe              boolean not null,
  failures           integer not null,
  claimed_at         double precision,          -- somebody applies the outcome since
  digest             text,                      -- of the outcome that was reported
  answer             jsonb,                     -- what was said of it, to be said again
  missed_at          double precision           -- when it was reported that no outcome came
) with (fillfactor = 60);
create index outside_permits_expiry on outside_permits (expires_at);
