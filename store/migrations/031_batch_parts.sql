-- Batches that go by files: a part is a file of requests and the batch that the vendor makes of it. Its items are
-- `running` with the part's key as their lease's owner and no end of the lease: only the part gives them back.

alter table batches add column via text not null default 'responses' check (via in ('responses', 'batch-api'));

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
  changed_at     timestamptz not null default clock_timestamp()  -- state or the vendor's word
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
