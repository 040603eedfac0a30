-- Connections on which vendors tell of changes by themselves: one for each account, held by one process at a time.
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
  told             text                   -- the trouble that an event has told of; null: none
);
