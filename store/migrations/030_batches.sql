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
  priority   text not null check (priority in ('background', 'scheduled', 'interactive')),
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
