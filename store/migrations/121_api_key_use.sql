-- Requests of each key of the HTTP API in its minute, over all processes: each takes a part of them at once.
create table api_key_use (
  key      text primary key references api_keys (id) on delete cascade,
  began_at timestamptz not null,                  -- its minute
  taken    integer not null,
  granted  integer not null                       -- to whoever took last
);
