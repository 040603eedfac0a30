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
