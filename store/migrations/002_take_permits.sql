-- How a permit is decided: the arithmetic of each kind of window, and take_permits.

-- End of the calendar window that holds `t`. Minutes and hours are cut on the zone's current offset, for a local
-- hour that happens twice has no single start; days and months are cut on local dates, so DST days have 23 or 25 h.
create function calendar_end(t double precision, unit text, zone text) returns double precision
language plpgsql stable as $$
declare
  local_time timestamp := to_timestamp(t / 1000) at time zone zone;
  offset_ms  double precision;
  width      double precision;
begin
  if unit in ('day', 'month') then
    return extract(epoch from (date_trunc(unit, local_time) + ('1 ' || unit)::interval) at time zone zone)
           ::double precision * 1000;
  end if;
  width := case unit when 'minute' then 60000 else 3600000 end;
  -- Offsets are whole seconds; rounding removes what the conversion added.
  offset_ms := round((extract(epoch from local_time)::double precision * 1000 - t) / 1000) * 1000;
  return (floor((t + offset_ms) / width) + 1) * width - offset_ms;
end $$;

-- The earliest time from `t` on at which a limit lets `units` more through for a caller of `rank`; infinity when it
-- never can. Reads the limit as it stands; changes nothing. Departures on one limit never go back in time: what was
-- decided for the latest of them (a window turned, an entry forgotten) holds for all that follow.
create function limit_ready_at(l limits, units double precision, rank smallint, t double precision)
returns double precision language plpgsql stable as $$
declare
  share      double precision := case rank when 0 then l.share_background when 1 then l.share_scheduled else 1 end;
  -- A reserve may not make a call impossible that the limit as such could hold.
  cap        double precision := greatest(l.capacity * share, least(units, l.capacity));
  ready      double precision := greatest(t, l.last_at);
  held       double precision := l.used;
  window_end double precision := l.resets_at;
  over       double precision;
  edge       double precision;
begin
  if units > l.capacity then return 'infinity'; end if;
  if l.kind = 'bucket' then
    if units > 0 then
      ready := greatest(ready, l.tat + l.slack_ms - (cap - units) * l.period_ms);
    end if;
  elsif l.kind = 'rolling' then
    over := l.used + units - cap;
    if over > 0 and units > 0 then
      -- Walk the log from its oldest entry until enough units have left the window.
      select w.at into edge from (
        select e.at, sum(e.units) over (order by e.at) as freed from limit_events e
        where e.limit_id = l.id order by e.at
      ) w where w.freed >= over limit 1;
      ready := greatest(ready, coalesce(edge, l.last_at) + l.period_ms + l.slack_ms);
    end if;
  else -- calendar, vendor
    if window_end is not null and ready >= window_end then
      held := 0;
      -- The vendor may still count in the old window just after it has turned.
      ready := greatest(ready, window_end + l.slack_ms);
      window_end := null;
    end if;
    if window_end is null and l.kind = 'calendar' then
      window_end := calendar_end(ready, l.calendar_unit, l.zone);
    end if;
    if held + units > cap and units > 0 then
      -- Until the vendor has said when it resets, there is nothing to do but to ask again.
      ready := coalesce(window_end + l.slack_ms, ready + 60000);
    elsif window_end is not null and ready > window_end - l.slack_ms then
      -- A call that leaves now may arrive in the next window.
      ready := window_end + l.slack_ms;
    end if;
  end if;
  return greatest(ready, l.blocked_until);
end $$;

-- A bucket's own state is one number; its charges are remembered for calls that leave late or cost less than estimated.
create function bucket_memory_ms(l limits) returns double precision language sql immutable
as $$ select case l.unit when 'tokens' then 900000 else 120000 end::double precision $$;

-- When a bucket that was empty of all charges up to `since` would be full again: each charge counts from its own time or
-- from when those before it are refilled. Null when there was none later.
create function bucket_full_at(l limits, since double precision) returns double precision language sql stable as $$
  select max(w.at + w.units * l.period_ms) from (
    select e.at, sum(e.units) over (order by e.at desc) as units from limit_events e
    where e.limit_id = l.id and e.at > since
  ) w
$$;

-- The limit without what can play no part any more at `t`: entries that have left its window.
create function limit_forget(l limits, t double precision) returns limits language plpgsql as $$
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

-- The limit with `units` booked at the departure `t`. The caller holds the row's lock and has asked limit_ready_at.
create function limit_charge(l limits, units double precision, rank smallint, t double precision, over boolean)
returns limits language plpgsql as $$
begin
  if l.kind = 'bucket' then
    -- A bucket that only watches refuses as a real one would, or it would run ahead without end.
    if not over then l.tat := greatest(l.tat, t) + units * l.period_ms; end if;
  elsif l.kind = 'rolling' then
    l.used := l.used + units;
  else
    if l.resets_at is not null and t >= l.resets_at then
      l.used := 0;
      l.resets_at := null;
      l.window_from := t;
    end if;
    l.used := l.used + units;
    if l.kind = 'calendar' and l.resets_at is null then
      l.resets_at := calendar_end(t, l.calendar_unit, l.zone);
    end if;
  end if;
  if units > 0 and (l.kind = 'rolling' or (l.kind = 'bucket' and not over)) then
    insert into limit_events (limit_id, at, units) values (l.id, t, units);
  end if;
  l.last_at := greatest(l.last_at, t);
  l.granted_calls := l.granted_calls + 1;
  l.granted_units := l.granted_units + units;
  if over then l.shadow_over := l.shadow_over + 1; end if;
  if l.claim_rank <= rank then l.claim_rank := 0; l.claim_until := 0; end if;
  return l;
end $$;

create function limits_store(changed limits[]) returns void language sql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
  update limits x set last_at = n.last_at, tat = n.tat, used = n.used, window_from = n.window_from,
    resets_at = n.resets_at, claim_rank = n.claim_rank, claim_until = n.claim_until,
    granted_calls = n.granted_calls, granted_units = n.granted_units, shadow_over = n.shadow_over
  from unnest(changed) n where x.id = n.id
$$;

-- Decides a batch of requests, each all-or-nothing over its limits, in one commit.
--   reqs: [{ "pool": key, "rank": 0..2, "charges": [{ "key": …, "units": n }] }, …]
--   lead: a permit may be given this many ms before it is due; the caller departs at `depart_at`, not before.
--   p_now: null for the database's clock, which alone decides; tests pass a time.
-- Returns one row per request: granted with depart_at, or denied with retry_at and by whom.
-- The planner's settings keep every plan on the indexes, made once, however many limits there are.
create function take_permits(reqs jsonb, lead double precision, p_now double precision default null)
returns table (idx integer, granted boolean, depart_at double precision, retry_at double precision,
               denied_by text, pool_state text, epoch bigint, probe boolean, failures integer, now double precision)
language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
  t        double precision;
  keys     text[];
  ls       limits[];      -- the limits of the batch in the order of their keys, as they stand
  changed  boolean[];
  pool_ids text[];
  ps       pools[];
  req      record;
  p        pools;
  l        limits;
  ready    double precision;
  worst    double precision;  -- when all limits are ready
  again    double precision;  -- when it is worth asking again
  probed   double precision;
  binding  integer;
begin
  select array_agg(distinct c.value ->> 'key' order by c.value ->> 'key') into keys
    from jsonb_array_elements(reqs) r, jsonb_array_elements(r.value -> 'charges') c;
  select array_agg(distinct r.value ->> 'pool' order by r.value ->> 'pool') into pool_ids
    from jsonb_array_elements(reqs) r where r.value ->> 'pool' is not null;

  -- A block that is being written waits for the takers before it and stops those after it; takers do not wait for
  -- one another here.
  perform pg_advisory_xact_lock_shared(hashtextextended(k, 41)) from unnest(pool_ids) k;
  -- Locks in the order of keys, so that two batches cannot wait for each other.
  select array_agg(x order by x.key) into ls
    from (select * from limits where key = any (keys) order by key for update) x;
  if coalesce(cardinality(ls), 0) < cardinality(keys) then
    raise exception 'limit "%" is not registered',
      (select k from unnest(keys) k where not exists (select 1 from limits where key = k) limit 1)
      using errcode = 'SL002';
  end if;
  select array_agg(x order by x.key) into ps from pools x where x.key = any (pool_ids);
  if coalesce(cardinality(ps), 0) < cardinality(pool_ids) then
    raise exception 'pool "%" is not registered',
      (select k from unnest(pool_ids) k where not exists (select 1 from pools where key = k) limit 1)
      using errcode = 'SL001';
  end if;
  if exists (select 1 from unnest(ps) x where x.state <> 'closed') then
    -- Only a pool that is not closed is worth a row lock: its probe must be one.
    select array_agg(x order by x.key) into ps
      from (select * from pools where key = any (pool_ids) order by key for update) x;
  end if;

  t := coalesce(p_now, now_ms());
  changed := array_fill(false, array[coalesce(cardinality(ls), 0)]);
  for s in 1 .. coalesce(cardinality(ls), 0) loop
    l := limit_forget(ls[s], t);
    if l.used <> (ls[s]).used then ls[s] := l; changed[s] := true; end if;
  end loop;

  for req in
    with r as materialized (
      select (ordinality - 1)::integer as i, value ->> 'pool' as pool, (value ->> 'rank')::smallint as rank,
             value -> 'charges' as charges
      from jsonb_array_elements(reqs) with ordinality
    ), c as (
      select r.i, array_position(keys, x.key) as slot, sum(coalesce(x.units, 1)) as units
      from r, jsonb_to_recordset(r.charges) as x (key text, units double precision) group by r.i, x.key
    )
    select r.i, array_position(pool_ids, r.pool) as pool, r.rank, c.slots, c.units
    from r left join (select c.i, array_agg(c.slot order by c.slot) as slots,
                             array_agg(c.units order by c.slot) as units from c group by c.i) c using (i)
    order by r.rank desc, r.i
  loop
    idx := req.i; granted := false; depart_at := null; retry_at := null; denied_by := null;
    probe := false; now := t; pool_state := 'closed'; epoch := 0; failures := 0;

    if req.pool is not null then
      p := ps[req.pool];
      pool_state := p.state; epoch := p.epoch; failures := p.failures;
      if p.state in ('held', 'quota_paused', 'open') and (p.until_ms is null or t < p.until_ms) then
        retry_at := p.until_ms; denied_by := 'pool';
        return next; continue;
      end if;
      if p.state <> 'closed' and p.probe_until > t then
        retry_at := p.probe_until; denied_by := 'probe';
        return next; continue;
      end if;
    end if;

    -- Readiness is asked again at the latest time found, for a limit that was ready before may not be then (the
    -- edge of a calendar window); two rounds settle all but pathological cases, which are denied and asked again.
    worst := t; again := t; binding := null;
    for round in 1..3 loop
      probed := worst;
      for j in 1 .. coalesce(cardinality(req.slots), 0) loop
        l := ls[req.slots[j]];
        -- A limit that only watches does not wait, except when the vendor itself has said so.
        ready := case l.mode when 'shadow' then l.blocked_until
                 else limit_ready_at(l, req.units[j], req.rank, probed) end;
        again := greatest(again, ready);
        if l.claim_rank > req.rank and l.claim_until > greatest(ready, probed) and l.mode = 'enforce' then
          -- Whoever claimed it comes for it 100 ms before the claim ends, and then it may be free again.
          ready := l.claim_until;
          again := greatest(again, l.claim_until - 90, t + lead + 10);
        end if;
        if ready > worst then worst := ready; binding := req.slots[j]; end if;
      end loop;
      exit when worst = probed or worst > t + lead;
      if round = 3 then worst := greatest(worst, t + lead + 1); again := worst; end if;
    end loop;

    if worst > t + lead then
      retry_at := again; denied_by := (ls[binding]).key;
      -- A more important caller that waits a little marks what it waits for, and lower ranks stand back until then.
      if req.rank > 0 and worst < t + 10000 then
        l := ls[binding];
        if l.claim_rank <= req.rank or l.claim_until < t then
          l.claim_rank := req.rank; l.claim_until := worst + 100;
          ls[binding] := l; changed[binding] := true;
        end if;
      end if;
      return next; continue;
    end if;

    granted := true; depart_at := worst;
    for j in 1 .. coalesce(cardinality(req.slots), 0) loop
      l := ls[req.slots[j]];
      ls[req.slots[j]] := limit_charge(l, req.units[j], req.rank, depart_at,
        l.mode = 'shadow' and limit_ready_at(l, req.units[j], req.rank, depart_at) > depart_at);
      changed[req.slots[j]] := true;
    end loop;
    if req.pool is not null and p.state <> 'closed' then
      -- Each probe has an epoch of its own, so that one taken for lost cannot speak for the next.
      update pools x set state = 'half_open', epoch = x.epoch + 1, until_ms = null,
        since_ms = case when x.state = 'half_open' then x.since_ms else t end,
        reason = case when x.state = 'half_open' then x.reason else 'probing after: ' || x.reason end,
        probe_until = depart_at + coalesce((x.policy ->> 'probeTimeoutMs')::double precision, 120000)
      where x.key = p.key returning x.* into p;
      ps[req.pool] := p;
      probe := true; pool_state := p.state; epoch := p.epoch;
    end if;
    return next;
  end loop;

  if true = any (changed) then
    perform limits_store(array(select ls[s] from generate_series(1, cardinality(ls)) s where changed[s]));
  end if;
end $$;
