-- The limit without what can play no part any more at `t`: entries that have left its window.
create or replace function limit_forget(l limits, t double precision) returns limits language plpgsql as $$
declare
  gone double precision;
begin
  if l.kind = 'rolling' and l.used * 2 > l.capacity then
    -- Only then: with room to spare, what has left the window stands in nobody's way.
    with d as (delete from limit_events e where e.limit_id = l.id
               and e.at <= t - l.period_ms - l.slack_ms returning e.units)
    select sum(d.units) into gone from d;
    if gone is not null then l.used := l.used - gone; end if;
  elsif l.kind = 'bucket' and floor(t / 60000) > floor(l.last_at / 60000) then
    -- Once a minute is often enough.
    delete from limit_events e where e.limit_id = l.id and e.at < t - bucket_memory_ms(l);
  end if;
  return l;
end $$;
