-- Raises a lowered rate a little when nothing was refused for a while: a call that departed at `departed` was admitted.
-- In the time between two steps ten calls go at the least, so that a refusal, which a step too far costs, is one of many.
-- A guess grows fast, and so does a rate that has risen far without a refusal. Returns the new rate; null when it is as
-- before.
create or replace function limit_recover(p_key text, p_now double precision default null,
                              departed double precision default null)
returns double precision language plpgsql as $$
declare
  l    limits;
  t    double precision := coalesce(p_now, now_ms());
  step double precision;
  pause double precision;
  grown integer;
begin
  -- Most limits are at their full rate, and to see that should cost no row lock.
  if not exists (select 1 from limits where key = p_key and rate_share < 1 and t - rate_share_at >= 1000
                 and (departed is null or departed > refused_at)) then
    return null;
  end if;
  select * into l from limits where key = p_key for update;
  if l.rate_share >= 1 or departed <= l.refused_at then return null; end if;
  if l.rate_ramp then
    if t - l.rate_share_at < 1000 then return null; end if;
    step := 3 * l.rate_share;
  else
    pause := 10 * l.refused_cost * l.period_ms;
    if t - l.rate_share_at < greatest(10000, pause) then return null; end if;
    -- Where ten calls take long, the steps grow at once: there are few of them.
    grown := case when pause > 10000 then l.rate_raises else greatest(0, l.rate_raises - 11) end;
    step := least(0.25 * l.rate_share, least(0.01, 0.02 * l.rate_share) * 2 ^ least(20, grown));
  end if;
  l := limit_with_share(l, least(1, l.rate_share + step), t);
  update limits set rate_raises = rate_raises + 1, rate_ramp = l.rate_ramp and l.rate_share < 1 where id = l.id;
  return 1000 / l.period_ms;
end $$;
