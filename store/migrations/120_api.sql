-- What the HTTP API keeps: keys of its callers, answers to requests that may come again, and what operators have changed of
-- limits while everything runs.

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

-- An operator's word on limits, over that of every process's settings: of one limit by its key, or of all of a name.
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

alter table limits add column override jsonb;     -- the change that holds, with id, author, reason and at; null: none
