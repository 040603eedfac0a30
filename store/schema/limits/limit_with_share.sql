-- The limit with another share of its rate; its level is kept in units, not in time.
create or replace function limit_with_share(l limits, share double precision, t double precision) returns limits
language plpgsql as $$
declare
  new_per double precision := l.period_ms * l.rate_share / share;
  live    double precision := least(l.capacity, greatest(0, l.tat - t) / l.period_ms);
begin
  -- Refunds do not reach behind a change of the rate.
  delete from limit_events where limit_id = l.id;
  insert into limit_events (limit_id, at, units) values (l.id, least(t, l.tat), live);
  if live > 0 then l.tat := t + live * new_per; end if;
  l.period_ms := new_per;
  l.rate_share := share;
  l.rate_share_at := t;
  update limits set tat = l.tat, period_ms = l.period_ms, rate_share = l.rate_share, rate_share_at = l.rate_share_at
  where id = l.id;
  return l;
end $$;
