-- True for a limit with times that lie further in the future than anything puts them there: the clock has gone back
-- since, or somebody has written them. `lead`: how far ahead permits are granted. Cheap, for every permit asks it.
create or replace function limit_ahead(l limits, t double precision, lead double precision) returns boolean
language sql stable as $$
  select l.last_at > t + lead + 2000
      or l.window_from > t + lead + 2000
      or (l.kind = 'bucket' and l.tat > t + lead + 2 * l.capacity * l.period_ms + bucket_memory_ms(l))
      or (l.claim_until > t + lead + 10000 and l.claim_until > t + lead + claim_horizon_ms(l) + 2000)
      or (l.kind = 'calendar' and l.used >= l.capacity and l.resets_at > t + lead + 2000
          -- A permit may have been given ahead for the next window already, by a longer lead than this caller's.
          and l.resets_at > calendar_end(greatest(t + lead, l.last_at), l.calendar_unit, l.zone) + 1)
$$;
