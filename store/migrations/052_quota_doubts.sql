-- Refusals for a used-up quota that may mean a narrower limit than the pool's (quota/quota-doubt.ts), since a call of
-- the pool was last accepted.
create table quota_doubts (
  pool        text not null,
  limit_key   text not null,     -- the narrow limit
  strike      integer not null,  -- which in a row; calls that were in flight together share one
  departed_at float8 not null,   -- of the refused call, epoch ms
  noted_at    float8 not null,   -- when its answer was, epoch ms
  until_ms    float8 not null,   -- end of the quota's window: what was refused before says nothing after it
  primary key (pool, limit_key)
);
