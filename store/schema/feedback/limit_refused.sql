-- A call of `cost` units that departed at `departed` was refused under this limit: the vendor's bucket is empty. So is
-- ours then, until the wait that the vendor has stated (`wait_ms`) is over: then it holds this one call, and fills up
-- from there. Returns the rate from now on, units a second; null when it is as before.
--
-- How far the rate is lowered follows from what was admitted. At a discovery the vendor's bucket is empty, and it was at
-- the one before: what was admitted between the two is what it refills, however far that is below the announced rate.
-- * Where there is nothing to measure yet, the wait shows it: a bucket that makes one call wait for w refills about a call
--   in w. Ten times that is tried, and raised fast while calls are admitted (a ramp), for a wait may also be for the end
--   of a window, or rounded up.
-- * Otherwise the rate becomes what was measured, and at least a tenth less than before.
-- * Where nothing was admitted between the two, the rate becomes half a call in that time, and no less than one call in
--   five minutes, in twice the wait, or in a part of the time for which all was refused: a quarter of it up to an hour,
--   half of it beyond. That is a guess as well: a vendor that refuses everything for an hour, and then nothing, is found
--   out in a quarter of it, by a ramp; and one that admits a call a day costs some twenty refusals, however long it does.
-- * Where a few were admitted, they are measured from the first refusal of such a time on: one call in the minutes after
--   the last refusal of many says little.
-- * Where our bucket had been refilling unused, a burst explains the refusal, and the rate stays.
-- What was on the way at a discovery adds nothing, only that so much less was admitted before it.
create or replace function limit_refused(p_key text, departed double precision, p_now double precision default null,
                              cost double precision default 1, wait_ms double precision default null)
returns double precision language plpgsql as $$
declare
  l      limits;
  t      double precision;
  unused double precision;  -- ms for which our bucket has been refilling without being used
  took   double precision;
  before double precision;  -- the last discovery
  since  double precision;  -- the one from which on it is measured
  few    constant double precision := 5 * greatest(cost, 1);
  share  double precision;
  lowest double precision;
begin
  select * into l from limits where key = p_key for update;
  t := coalesce(p_now, now_ms());
  -- A call that takes nothing of this bucket says nothing of it.
  if l.key is null or l.kind <> 'bucket' or l.mode = 'shadow' or cost <= 0 then return null; end if;
  cost := greatest(0, least(cost, l.capacity));

  if departed <= l.refused_at then
    if departed <= l.refused_from or l.refused_took is null then return null; end if;
    l.refused_took := l.refused_took - cost;
    update limits set refused_took = l.refused_took where id = l.id;
    share := greatest(l.rate_floor, measured_share(l));
    if share >= l.rate_share then return null; end if;
    perform limit_with_share(l, share, t);
    return 1000 / (l.period_ms * l.rate_share / share);
  end if;

  if l.full_at <= t then l := limit_refill(l, t); end if;
  unused := (l.capacity - greatest(0, l.tat - t) / l.period_ms) * l.period_ms;
  before := l.refused_at;
  took := l.granted_units - l.refused_mark - cost;
  share := l.rate_share;
  lowest := l.rate_share / case when l.rate_ramp then 4 else 10 end;
  since := case when took < few and l.starved_from > 0 then l.starved_from else before end;
  l.refused_from := before;
  l.measured_from := since;
  l.refused_took := null;
  if departed > l.sized_at then
    -- Of nothing that was admitted no burst can have been; nor is it one where hardly more than a wait has gone by, in which
    -- a few callers use less than all that there is.
    if unused <= greatest(2000, 2 * cost * l.period_ms)
       or (before > 0 and (took <= 0 or (wait_ms >= 1000 and t - before <= 2 * wait_ms))) then
      share := share * 0.9;
      -- Two discoveries within a second measure nothing, and what an hour held was not all demand, but of a slow rate.
      if before > 0 and t - before >= 1000
         and t - since <= greatest(3600000, 50 * l.period_ms, 8 * (before - since)) then
        l.refused_took := took;
      end if;
    end if;
    if took > 0 or l.starved_from = 0 then l.starved_from := t; end if;
    l.refused_at := t;
    l.refused_mark := l.granted_units;
    l.refused_cost := cost;
    if l.refused_took is not null then
      l.rate_ramp := l.refused_took <= 0;
      if l.rate_ramp then
        lowest := greatest(lowest, least(l.rate_share,
          cost * l.period_ms * l.rate_share
            / greatest(300000, 2 * coalesce(wait_ms, 0),
                       (t - l.starved_from) / case when t - l.starved_from > 3600000 then 2 else 4 end)));
      elsif since < before then
        lowest := 0;
      end if;
      share := greatest(lowest, least(share, measured_share(l)));
    elsif t - before >= 1000 and wait_ms >= 1000 and 10 * cost / wait_ms * l.period_ms < 1 then
      share := least(share, greatest(1e-9, l.rate_share * 10 * cost / wait_ms * l.period_ms));
      l.rate_ramp := true;
    end if;
    l.rate_floor := lowest;
  end if;
  share := greatest(1e-9, share);
  lowest := l.rate_share;
  if share < lowest then l := limit_with_share(l, share, t); end if;

  if l.tat < t + l.capacity * l.period_ms then
    insert into limit_events (limit_id, at, units)
    values (l.id, t, l.capacity - greatest(0, l.tat - t) / l.period_ms);
  end if;
  l.tat := greatest(l.tat, t + (l.capacity - cost) * l.period_ms + greatest(coalesce(wait_ms, 0), cost * l.period_ms));
  update limits set tat = l.tat, full_at = null, emptied_at = t, refused_at = l.refused_at, refused_from = l.refused_from,
    refused_took = l.refused_took, refused_mark = l.refused_mark, refused_cost = l.refused_cost,
    starved_from = l.starved_from, measured_from = l.measured_from, rate_floor = l.rate_floor, rate_ramp = l.rate_ramp, rate_raises = 0
  where id = l.id;
  return case when share < lowest then 1000 / l.period_ms end;
end $$;
