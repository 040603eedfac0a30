-- Raises a lowered rate a little when nothing was refused for a while. Returns the new rate; null when it is as before.
create or replace function limit_recover(p_key text, p_now double precision default null)
returns double precision language plpgsql as $$
declare
  l limits;
  t double precision := coalesce(p_now, now_ms());
begin
  -- Most limits are at their full rate, and to see that should cost no row lock.
  if not exists (select 1 from limits where key = p_key and rate_share < 1 and t - rate_share_at >= 10000) then
    return null;
  end if;
  select * into l from limits where key = p_key for update;
  if l.rate_share >= 1 or t - l.rate_share_at < 10000 then return null; end if;
  l := limit_with_share(l, least(1, l.rate_share + 0.01), t);
  return 1000 / l.period_ms;
end $$;
