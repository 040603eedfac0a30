-- What a person's login has left: a refresh token, and what came with it. One for each account.
create table grants (
  account            text primary key,           -- the pool's key
  generation         integer not null default 0, -- grows with each refresh token that is stored
  key_id             text,
  nonce              bytea check (length(nonce) = 12),
  ciphertext         bytea check (length(ciphertext) >= 16),
  subject            text,                       -- who has logged in, by the vendor's id
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
