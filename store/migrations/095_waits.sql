-- Since when something waits, for people.
alter table limits add column blocked_since double precision not null default 0; -- first refusal of the block that holds
alter table batch_queues add column blocked_since timestamptz;

-- What a batch waits for, as its last page has found, and what operators were told of it. A batch that works has its row
-- without `since_ms`, so that a wait which comes and goes is not told each time.
create table batch_waits (
  batch_id   bigint primary key references batches on delete cascade,
  cause      text not null,               -- limit, threshold, queue, retry
  subject    text not null,               -- key of a limit, name of a model, or empty
  reason     text not null,
  since_ms   double precision,            -- epoch ms; null: it works
  until_ms   double precision,            -- null: nobody knows
  told_at    double precision,            -- last event, epoch ms
  told_until double precision             -- the end of the wait that it told of
);

-- When a wait of one caller for one limit was last told.
create table limit_waits (
  pool       text not null,
  limit_key  text not null,
  caller     text not null,
  told_at    double precision not null,
  told_until double precision not null,
  primary key (pool, limit_key, caller)
);
