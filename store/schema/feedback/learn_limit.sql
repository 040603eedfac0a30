-- Takes over what a vendor's headers announce; true when the limit's size changed. A limit that was set by hand is
-- only ever lowered. A remaining below ours wins; nulls mean "not said". `as_of`: departure of the call that was
-- answered, for a remaining of a calendar window that has since turned says nothing about the new one.
--
-- A bucket that has become smaller holds no more than its new size, and what the vendor has left of it is believed, more
-- or less than ours: nothing that was charged to the larger one is waited for. `reset_ms` is when the vendor's bucket is
-- full again: ours is not waited for any longer than that, unless its rate was lowered, for then the vendor's word is not
-- what it does. A lowered rate stays a share of what is announced, but for a lower announcement: what was refused of the
-- old rate says nothing of the new one.
create or replace function learn_limit(p_key text, rate double precision, cap double precision, remaining double precision,
                            reset_ms double precision, as_of double precision default null,
                            p_now double precision default null)
returns boolean language plpgsql as $$
declare
  l       limits;
  t       double precision;
  by_hand boolean;
  new_cap double precision;
  new_per double precision;
  live    double precision;
  changed boolean;
  shrunk  boolean := false;
  share   double precision;
begin
  -- Most answers announce nothing new and should cost no row lock.
  for pass in 1..2 loop
    if pass = 1 then
      select * into l from limits where key = p_key;
    else
      select * into l from limits where key = p_key for update;
    end if;
    if l.key is null then return false; end if;
    by_hand := l.definition ->> 'source' like 'settings%' or l.override is not null;
    new_cap := case when cap is null or cap <= 0
                      or (by_hand and cap > coalesce(l.override ->> 'capacity', l.definition ->> 'capacity')::float8)
                    then l.capacity else cap end;
    share := l.rate_share;
    if rate is null or rate <= 0 or l.kind <> 'bucket'
       or (by_hand and 1000 / rate < coalesce(l.override ->> 'period_ms', l.definition ->> 'period_ms')::float8) then
      new_per := l.period_ms;
    else
      if 1000 / rate > l.period_ms * share * (1 + 1e-6) then share := least(1, 1000 / rate / l.period_ms); end if;
      new_per := 1000 / rate / share;
    end if;
    changed := new_cap <> l.capacity
            or abs(coalesce(new_per, 0) - coalesce(l.period_ms, 0)) > 1e-6 * coalesce(l.period_ms, 1)
            or share <> l.rate_share;
    if not changed and remaining is null and reset_ms is null then return false; end if;
  end loop;
  t := coalesce(p_now, now_ms());
  if l.full_at <= t then l := limit_refill(l, t); end if;
  if changed then
    shrunk := l.kind = 'bucket' and new_cap < l.capacity;
    l.capacity := new_cap;
    if l.kind = 'bucket' then
      -- The level is kept in units, not in time, when the rate changes; refunds do not reach behind that.
      live := least(l.capacity, greatest(0, l.tat - t) / l.period_ms);
      if shrunk and remaining >= 0 then
        live := least(l.capacity, greatest(l.capacity - remaining,
          (select coalesce(sum(e.units), 0) from limit_events e where e.limit_id = l.id and e.at > coalesce(as_of, t))));
      end if;
      if shrunk or new_per <> l.period_ms then
        delete from limit_events where limit_id = l.id;
        insert into limit_events (limit_id, at, units) values (l.id, least(t, l.tat), live);
        l.tat := case when live > 0 or l.tat > t then t + live * new_per else l.tat end;
      end if;
      if shrunk or new_per > l.period_ms then l.sized_at := t; end if;
      l.full_at := null;
    end if;
    l.period_ms := new_per;
    l.rate_share := share;
  end if;
  if l.kind = 'calendar' and calendar_end(t - l.slack_ms, l.calendar_unit, l.zone) <= t then
    remaining := null;  -- just after the turn nobody knows of which window the vendor speaks
  elsif l.kind in ('calendar', 'vendor') and t >= l.resets_at and (remaining is not null or reset_ms is not null) then
    l.used := 0; l.window_from := l.resets_at; l.resets_at := null;
  end if;
  if remaining is not null and remaining >= 0 then
    if l.kind = 'bucket' then
      live := greatest(0, l.tat - t) / l.period_ms;
      if l.capacity - remaining > live then
        l.tat := t + (l.capacity - remaining) * l.period_ms;
        -- What the vendor has counted is not refunded for what we had estimated.
        insert into limit_events (limit_id, at, units) values (l.id, t, l.capacity - remaining - live);
      end if;
    elsif l.kind = 'rolling' then
      live := (select coalesce(sum(e.units), 0) from limit_events e
               where e.limit_id = l.id and e.at > t - l.period_ms - l.slack_ms);
      if l.capacity - remaining > live then
        insert into limit_events (limit_id, at, units) values (l.id, t, l.capacity - remaining - live);
        l.used := l.used + (l.capacity - remaining - live);
      end if;
    elsif coalesce(as_of, t) >= l.window_from then
      l.used := greatest(l.used, l.capacity - remaining);
      if l.kind = 'calendar' and l.resets_at is null then
        l.resets_at := calendar_end(t, l.calendar_unit, l.zone);
      end if;
    end if;
  end if;
  if reset_ms is not null and reset_ms > 0 and l.kind = 'vendor' then l.resets_at := t + reset_ms; end if;
  if reset_ms is not null and reset_ms > 0 and l.kind = 'bucket' and l.rate_share = 1 then
    l.full_at := case when t + reset_ms < l.tat then t + reset_ms end;
  end if;
  update limits set capacity = l.capacity, period_ms = l.period_ms, tat = l.tat, used = l.used, full_at = l.full_at,
    rate_share = l.rate_share, sized_at = l.sized_at, window_from = l.window_from, resets_at = l.resets_at, source = case when changed then 'header' else source end
  where id = l.id;
  return changed;
end $$;
