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
