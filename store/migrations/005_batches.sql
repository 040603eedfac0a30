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
  begun          boolean not null default false,   -- it has passed the vendor's first checks
  outcome        text,                             -- how it ended, whatever the vendor's word for it
  total          integer not null default 0,       -- as the vendor counts
  completed      integer not null default 0,
  failed         integer not null default 0,
  uploads        integer not null default 0,       -- of its file: one that is lost at the vendor is sent once more, then a person decides
  usable         integer not null default 0,       -- answers that could be used: where there are some, what others were refused for is their own
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
  doubted_at     timestamptz,                      -- the first of them
  -- A creation whose call has not come to an end in the process that made it may still reach the vendor: the list is
  -- believed only after that. One that was made again may have a twin, which is searched for afterwards.
  answered       boolean not null default false,   -- the creation's call has ended here, well or not
  remade         boolean not null default false,   -- created again, as the list did not show it
  twins_sought   boolean not null default false    -- after that
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
  blocked_since timestamptz,
  reason        text not null default '',
  primary key (pool, model)
);

-- What a batch waits for, as its last page has found, and what was reported to operators. A batch that works has its
-- row without `since_ms`, so that a wait which comes and goes is not reported each time.
create table batch_waits (
  batch_id   bigint primary key references batches on delete cascade,
  cause      text not null,               -- limit, threshold, queue, retry
  subject    text not null,               -- key of a limit, name of a model, or empty
  reason     text not null,
  since_ms   double precision,            -- epoch ms; null: it works
  until_ms   double precision,            -- null: nobody knows
  notified_at    double precision,        -- last event, epoch ms
  notified_until double precision         -- the end of the wait that the event named
);

-- How many calls in flight a batch's last page has found to be good, so that the next one need not find it anew. In a table
-- of its own: it is written every few seconds, and a batch's row is read every second.
create table batch_pace (
  batch_id    bigint primary key references batches on delete cascade,
  concurrency integer not null check (concurrency > 0),
  ended_well  boolean not null,          -- false while a page runs, and after one that was cut short
  at          timestamptz not null default clock_timestamp()
) with (fillfactor = 50);
