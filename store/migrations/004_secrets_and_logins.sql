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

-- What a person's login has left: a refresh token, and what came with it. One for each account.
create table grants (
  account            text primary key,           -- the pool's key
  generation         integer not null default 0, -- grows with each refresh token that is stored
  key_id             text,
  nonce              bytea check (length(nonce) = 12),
  ciphertext         bytea check (length(ciphertext) >= 16),
  subject            text,                       -- who has logged in, by the vendor's id
  -- A keyed hash of the login that was stored last: kept on disk and stored again after a crash, it must not replace what
  -- has been bought with it since.
  login_digest       text,
  logged_in_at       timestamptz,
  refreshed_at       timestamptz,
  refresh_expires_at timestamptz,
  sent_at            timestamptz,                -- a single-use refresh token has been sent, and its answer is not known
  lost_at            timestamptz,                -- when one was sent before that, whose answer never came
  needed_at          timestamptz,                -- since when only another login helps
  needed_reason      text,
  constraint grants_whole check (
    (ciphertext is null) = (key_id is null)
    and (ciphertext is null) = (nonce is null)
    and (ciphertext is null) = (logged_in_at is null)
  )
);

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

-- End users' credentials that a vendor has accepted. What stands here opens nothing: neither name nor password is in it.
create table accepted_users (
  account     text not null,
  subject     text not null,              -- a keyed hash of the user's name
  salt        bytea not null,
  verifier    bytea not null,             -- a keyed hash of a slow hash of the password
  result      jsonb not null,             -- the vendor's answer: the devices that the user sees
  accepted_at timestamptz not null,
  primary key (account, subject)
);
