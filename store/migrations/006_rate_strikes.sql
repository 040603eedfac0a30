-- What follows when a vendor says "too fast" again and again: waits that grow over all callers, and an alert when it
-- does not end. The arithmetic is in quota/rate-strikes.ts and quota/rate-alert.ts, under the limit's row lock.

-- Refusals in a row of calls that left after the block before had ended.
alter table limits add column rate_strikes integer not null default 0;

-- Stretches in which a limit is refused: one that is ended by a whole window of quiet gets one alert.
create table rate_episodes (
  subject    text primary key,                -- a limit's key; a pool's, where the vendor does not say which limit
  refused_at double precision not null,       -- the last refusal, epoch ms
  alerted    boolean not null default false
);

create index events_refused on events ((data ->> 'subject'), at) where kind = 'limit.refused';
