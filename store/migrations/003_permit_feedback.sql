-- What changes a limit's books after a permit was given: true costs, what headers announce, calls that left late.
-- As in take_permits the database's clock decides; p_now is for tests.

-- Books the difference between an estimate and what a call really cost. `delta` may be negative.
create function settle_units(p_key text, delta double precision, granted_at double precision,
                             p_now double precision default null)
returns void language plpgsql as $$
declare
  l limits;
  t double precision;
begin
  select * into l from limits where key = p_key for update;
  if l.key is null or delta = 0 then return; end if;
  t := coalesce(p_now, now_ms());
  if l.kind = 'bucket' then
    -- Without its charges of that time a refund is not known to be right.
    if delta < 0 and granted_at <= t - bucket_memory_ms(l) then return; end if;
    insert into limit_events (limit_id, at, units) values (l.id, granted_at, delta);
    -- A refund cannot reach what was charged after the bucket had run empty in between.
    l.tat := greatest(l.tat + delta * l.period_ms, bucket_full_at(l, granted_at));
  elsif l.kind = 'rolling' then
    -- Charged where the call was: the window must lose it when the call leaves it.
    if granted_at <= t - l.period_ms - l.slack_ms then return; end if;
    insert into limit_events (limit_id, at, units) values (l.id, granted_at, delta);
    l.used := l.used + delta;
  elsif granted_at >= l.window_from and (l.resets_at is null or t < l.resets_at) then
    l.used := greatest(0, l.used + delta);
  else
    return;
  end if;
  l.granted_units := l.granted_units + delta;
  perform limits_store(array[l]);
end $$;

-- Takes over what a vendor's headers announce; true when the limit's size changed. A limit that was set by hand is
-- only ever lowered. A remaining below ours wins; nulls mean "not said". `as_of`: departure of the call that was
-- answered, for a remaining of a calendar window that has since turned says nothing about the new one.
create function learn_limit(p_key text, rate double precision, cap double precision, remaining double precision,
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
                    then l.period_ms else 1000 / rate end;
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

-- Moves one charge in a limit's log. False when it is not there (any more).
create function limit_move_event(l limits, n double precision, from_at double precision, to_at double precision)
returns boolean language plpgsql as $$
begin
  update limit_events e set at = to_at
    where e.ctid = (select f.ctid from limit_events f
                    where f.limit_id = l.id and f.at = from_at and f.units = n limit 1);
  return found;
end $$;

-- Moves a permit that its caller could not use in time (a stalled process) to a later departure, `ahead` ms from now or
-- more: what others were given since then was given on the strength of the old one. Null when the limit has no room
-- there, waits, or the pool is no longer as it was: the permit is spent, ask anew.
create function restamp_permit(p_keys text[], p_units double precision[], granted_at double precision,
                               ahead double precision, p_pool text default null, p_epoch bigint default null,
                               p_now double precision default null)
returns double precision language plpgsql as $$
declare
  ls    limits[];
  l     limits;
  n     double precision;
  t     double precision;
  later double precision;
  fits  boolean;
begin
  -- As in take_permits: a block that is being written comes first.
  perform pg_advisory_xact_lock_shared(hashtextextended(p_pool, 41));
  if p_pool is not null and not exists (select 1 from pools where key = p_pool and epoch = p_epoch) then
    return null;
  end if;
  select array_agg(x order by x.key) into ls
    from (select * from limits where key = any (p_keys) order by key for update) x;
  t := coalesce(p_now, now_ms());
  later := t + ahead;
  if ls is null then return later; end if;
  -- As in take_permits: departures never go back.
  select greatest(later, max(x.last_at)) into later from unnest(ls) x;

  for s in 1 .. cardinality(ls) loop
    l := ls[s];
    n := p_units[array_position(p_keys, l.key)];
    fits := case
      when l.mode = 'shadow' then true
      when l.kind = 'bucket' then
        granted_at > t - bucket_memory_ms(l)
        and greatest(l.tat, bucket_full_at(l, granted_at) + n * l.period_ms + l.slack_ms)
            <= later + l.capacity * l.period_ms
      when l.kind = 'rolling' then
        n + (select coalesce(sum(e.units), 0) - case when granted_at > later - l.period_ms - l.slack_ms then n else 0 end
             from limit_events e where e.limit_id = l.id and e.at > later - l.period_ms - l.slack_ms) <= l.capacity
      when granted_at >= l.window_from and (l.resets_at is null or later <= l.resets_at - l.slack_ms) then true
      else limit_ready_at(l, n, 2::smallint, later) <= later
    end;
    if l.blocked_until > later or not fits then return null; end if;
  end loop;
  for s in 1 .. cardinality(ls) loop
    l := ls[s];
    n := p_units[array_position(p_keys, l.key)];
    if l.kind in ('bucket', 'rolling') then
      if not limit_move_event(l, n, granted_at, later) and l.kind = 'rolling' and n > 0 then
        insert into limit_events (limit_id, at, units) values (l.id, later, n);
        l.used := l.used + n;
      elsif l.kind = 'bucket' then
        l.tat := greatest(l.tat, later + n * l.period_ms, bucket_full_at(l, granted_at));
      end if;
    elsif granted_at < l.window_from or later > l.resets_at - l.slack_ms then
      l := limit_charge(l, n, 2::smallint, later, false);
    end if;
    l.last_at := later;
    ls[s] := l;
  end loop;
  perform limits_store(ls);
  return later;
end $$;

-- A call that was let through arrived later than its departure said, perhaps at `arrived_at`: the books follow, so that
-- those let through from now on keep their distance from it. What was granted meanwhile cannot be called back.
create function late_arrival(p_keys text[], p_units double precision[], granted_at double precision,
                             arrived_at double precision)
returns void language plpgsql as $$
declare
  ls limits[];
  l  limits;
  n  double precision;
begin
  select array_agg(x order by x.key) into ls
    from (select * from limits where key = any (p_keys) order by key for update) x;
  for s in 1 .. coalesce(cardinality(ls), 0) loop
    l := ls[s];
    n := p_units[array_position(p_keys, l.key)];
    if l.kind in ('bucket', 'rolling') then
      if limit_move_event(l, n, granted_at, arrived_at) and l.kind = 'bucket' then
        l.tat := greatest(l.tat, bucket_full_at(l, granted_at));
      end if;
    elsif arrived_at >= l.resets_at
          or (granted_at < l.window_from and arrived_at >= l.window_from - 2 * l.slack_ms) then
      l := limit_charge(l, n, 2::smallint, arrived_at, false);
    end if;
    l.last_at := greatest(l.last_at, arrived_at);
    ls[s] := l;
  end loop;
  if ls is not null then perform limits_store(ls); end if;
end $$;
