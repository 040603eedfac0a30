-- Logins by a person, from the first request to the end. The device code is a secret, and gone when the login has ended.
create table logins (
  id          bigint generated always as identity primary key,
  account     text not null,                  -- its name in the settings
  kind        text not null,                  -- device-code, form, password
  state       text not null default 'starting', -- starting, waiting, done, refused, expired, failed, cancelled
  message     text not null default '',
  url         text,                           -- where a person goes, and with which code
  user_code   text,
  interval_ms double precision,               -- between two polls
  expires_at  timestamptz,
  key_id      text,                           -- device code and proof key
  nonce       bytea check (length(nonce) = 12),
  ciphertext  bytea check (length(ciphertext) >= 16),
  asked_by    text not null,
  created_at  timestamptz not null default now(),
  ended_at    timestamptz,
  constraint logins_whole check (
    (ciphertext is null) = (key_id is null)
    and (ciphertext is null) = (nonce is null)
    and (ciphertext is null or ended_at is null)
  )
);
create index logins_by_account on logins (account, id);
