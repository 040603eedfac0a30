-- A call that departed at `departed` was refused under this limit: the vendor's bucket is empty, and so is ours. Unless
-- a burst explains it (ours held two seconds' worth), the rate is lowered. What was on the way at the last discovery
-- tells nothing new. Returns the rate from now on, units a second; null when it is as before.
create or replace function limit_refused(p_key text, departed double precision, p_now double precision default null)
returns double precision language plpgsql as $$
declare
  l    limits;
  t    double precision;
  live double precision;
begin
  select * into l from limits where key = p_key for update;
  t := coalesce(p_now, now_ms());
  if l.key is null or l.kind <> 'bucket' or l.mode = 'shadow' or departed <= l.rate_share_at then return null; end if;
  live := greatest(0, l.tat - t) / l.period_ms;
  if live < l.capacity then
    l.tat := t + l.capacity * l.period_ms;
    insert into limit_events (limit_id, at, units) values (l.id, t, l.capacity - live);
  end if;
  if (l.capacity - live) * l.period_ms > 2000 then
    update limits set tat = l.tat, rate_share_at = t where id = l.id;
    return null;
  end if;
  l := limit_with_share(l, greatest(0.05, l.rate_share * 0.9), t);
  return 1000 / l.period_ms;
end $$;
