-- What the HTTP API keeps: keys of its callers, and answers to requests that may come again.

create table api_keys (
  id           text primary key,                  -- shown in lists; no secret
  name         text not null,
  hash         bytea not null unique,             -- SHA-256 of the key, which is shown once and kept nowhere
  scope        text not null check (scope in ('read', 'operate', 'admin')),
  requests_per_minute integer check (requests_per_minute > 0),  -- null: the settings' number
  created_at   timestamptz not null default clock_timestamp(),
  created_by   text not null,
  expires_at   timestamptz,
  revoked_at   timestamptz,
  revoked_by   text,
  last_used_at timestamptz                        -- to the minute
);
create unique index api_keys_name on api_keys (name) where revoked_at is null;

-- A request that starts work, by the caller's Idempotency-Key: the same key and body get the same answer.
create table api_requests (
  id          text primary key,                   -- given to what is started, which is found by it
  caller      text not null,
  key         text not null,
  fingerprint bytea not null,                     -- SHA-256 of method, path and body
  created_at  timestamptz not null default clock_timestamp(),
  lease_until timestamptz,                        -- whoever works on it renews this; null: answered
  status      integer,
  location    text,
  body        jsonb,
  unique (caller, key)
);
create index api_requests_created_at on api_requests (created_at);

-- Requests of each key of the HTTP API in its minute, over all processes: each takes a part of them at once.
create table api_key_use (
  key      text primary key references api_keys (id) on delete cascade,
  began_at timestamptz not null,                  -- its minute
  taken    integer not null,
  granted  integer not null                       -- to whoever took last
);
