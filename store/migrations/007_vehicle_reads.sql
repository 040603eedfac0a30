-- Vehicles of accounts, as their vendors list them.
create table vehicles (
  account     text not null,
  vehicle_id  text not null,              -- the vendor's: a VIN, a device id
  name        text not null,
  brand       text not null,
  model       text not null,
  drive_train text,                       -- null: the vendor does not say
  readable    boolean not null,
  details     jsonb not null,
  listed_at   timestamptz not null,
  removed_at  timestamptz,
  primary key (account, vehicle_id)
);

-- What is asked of vendors and answered from here until it is stale: each read of a vehicle, with its parameters; and of an
-- account as a whole (vehicle_id is empty) the list of its vehicles, its resource, and reads of several vehicles at once.
create table reads (
  id           bigint generated always as identity primary key,
  account      text not null,
  vehicle_id   text not null,
  read         text not null,
  params       text not null,             -- JSON with its keys in order
  made_at      timestamptz not null default clock_timestamp(),
  answered_at  timestamptz,               -- the last whole answer; null: never, or what it described has gone
  source       text,                      -- call, polling
  request_id   text,                      -- the vendor's, of that answer
  records      jsonb,
  content_type text,
  pages        integer,                   -- in how many calls the answer came: what the next one costs; null: not counted
  document     text,                      -- base64
  streamed_at  timestamptz,               -- up to here a stream has reported every change since the last whole answer
  progress     jsonb,                     -- pages of an answer under way, and what the next one is asked for with
  progress_at  timestamptz,
  asked_at     timestamptz,
  lease_owner  text,                      -- who asks the vendor now; left behind by one that has died over it
  lease_until  timestamptz,
  failures     integer not null default 0, -- in a row
  failed_at    timestamptz,
  failure      jsonb,                     -- kind, reason, code
  retry_at     timestamptz,
  unique (account, vehicle_id, read, params)
);

-- The latest of each value, by the vehicle's own clock, however it came.
create table read_values (
  read_id     bigint not null references reads on delete cascade,
  name        text not null,              -- the vendor's
  state       text not null,              -- value, null, not-available
  value       jsonb,
  unit        text,
  at          timestamptz,                -- when the vehicle said so; null: nobody knows
  received_at timestamptz not null,
  changed_at  timestamptz not null,       -- when another value than before was received
  source      text not null,              -- call, polling, stream
  primary key (read_id, name)
);

-- Reads of end users of the last minutes. Lost with a crash: it only bounds how fast they come.
create unlogged table reader_buckets (
  reader text primary key,                -- a keyed hash: no name is stored
  level  double precision not null,       -- reads taken and not yet forgotten
  at     timestamptz not null
);
create index on reader_buckets (at);

-- Connections on which vendors report changes by themselves: one for each account, held by one process at a time.
create table streams (
  account          text primary key,      -- its name in the settings
  lease_owner      text,
  lease_until      timestamptz,
  state            text not null default 'waiting', -- waiting, connected, silent
  reason           text not null default '',
  connected_at     timestamptz,           -- of the connection there is
  continuous_since timestamptz,           -- since when no change has been missed
  alive_at         timestamptz,           -- up to when that held
  message_at       timestamptz,           -- of the last message
  messages         bigint not null default 0,
  reported_trouble text                   -- the kind of trouble that an event has reported; null: none
);
