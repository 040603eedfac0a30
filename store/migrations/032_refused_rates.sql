-- A vendor that refuses what it had announced: the rate of a bucket is lowered by a tenth at each discovery, and raised
-- again by a hundredth of the full rate every ten seconds without one. Between two discoveries the rate is so close to
-- the true one that hardly a call is refused, and whoever shared the limit and has gone gives back what it took.

alter table limits
  add column rate_share double precision not null default 1 check (rate_share > 0 and rate_share <= 1),
  add column rate_share_at double precision not null default 0;

-- Other settings are believed anew.
create function limits_redefined() returns trigger language plpgsql as $$
begin
  new.rate_share := 1;
  new.rate_share_at := 0;
  return new;
end $$;
create trigger limits_redefined before update of definition on limits for each row
  when (old.period_ms is distinct from new.period_ms) execute function limits_redefined();

-- The limit with another share of its rate; its level is kept in units, not in time.
create function limit_with_share(l limits, share double precision, t double precision) returns limits
language plpgsql as $$
declare
  new_per double precision := l.period_ms * l.rate_share / share;
  live    double precision := greatest(0, l.tat - t) / l.period_ms;
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

-- A call that departed at `departed` was refused under this limit: the vendor's bucket is empty, and so is ours. Unless
-- a burst explains it (ours held two seconds' worth), the rate is lowered. What was on the way at the last discovery
-- tells nothing new. Returns the rate from now on, units a second; null when it is as before.
create function limit_refused(p_key text, departed double precision, p_now double precision default null)
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

-- Raises a lowered rate a little when nothing was refused for a while. Returns the new rate; null when it is as before.
create function limit_recover(p_key text, p_now double precision default null)
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

-- Takes over what a vendor's headers announce; true when the limit's size changed. A limit that was set by hand is
-- only ever lowered. A remaining below ours wins; nulls mean "not said". `as_of`: departure of the call that was
-- answered, for a remaining of a calendar window that has since turned says nothing about the new one. As in
-- 003_permit_feedback.sql, but a rate that was lowered after refusals stays a share of what is announced.
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
begin
  -- Most answers announce nothing new and should cost no row lock.
  for pass in 1..2 loop
    if pass = 1 then
      select * into l from limits where key = p_key;
    else
      select * into l from limits where key = p_key for update;
    end if;
    if l.key is null then return false; end if;
    by_hand := l.definition ->> 'source' like 'settings%';
    new_cap := case when cap is null or cap <= 0 or (by_hand and cap > (l.definition ->> 'capacity')::float8)
                    then l.capacity else cap end;
    new_per := case when rate is null or rate <= 0 or l.kind <> 'bucket'
                         or (by_hand and 1000 / rate < (l.definition ->> 'period_ms')::float8)
                    then l.period_ms else 1000 / rate / l.rate_share end;
    changed := new_cap <> l.capacity
            or abs(coalesce(new_per, 0) - coalesce(l.period_ms, 0)) > 1e-6 * coalesce(l.period_ms, 1);
    if not changed and remaining is null and reset_ms is null then return false; end if;
  end loop;
  t := coalesce(p_now, now_ms());
  if changed then
    l.capacity := new_cap;
    -- The level is kept in units, not in time, when the rate changes; refunds do not reach behind that.
    live := greatest(0, l.tat - t) / l.period_ms;
    if l.kind = 'bucket' and new_per <> l.period_ms then
      delete from limit_events where limit_id = l.id;
      insert into limit_events (limit_id, at, units) values (l.id, least(t, l.tat), live);
      if live > 0 then l.tat := t + live * new_per; end if;
    end if;
    l.period_ms := new_per;
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
  update limits set capacity = l.capacity, period_ms = l.period_ms, tat = l.tat, used = l.used,
    window_from = l.window_from, resets_at = l.resets_at, source = case when changed then 'header' else source end
  where id = l.id;
  return changed;
end $$;
