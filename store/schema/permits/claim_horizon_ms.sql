-- A more important caller that waits marks the limit that it waits for, if the wait is short. Ten calls a minute that are
-- spent at once are a wait of nearly a minute: a command that waits for it must not find the freed slot taken by others
-- who requested a moment earlier. The mark of calls on a rolling window may therefore last as long as the window; on tokens
-- it may not, for a large call would hold up small ones that have room.
create or replace function claim_horizon_ms(l limits) returns double precision language sql immutable as $$
  select case when l.kind = 'rolling' and l.unit = 'calls' then greatest(10000, l.period_ms + l.slack_ms)
              else 10000 end
$$;
