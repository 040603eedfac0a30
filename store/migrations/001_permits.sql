-- Permits: the data plane. One row per limit (a template with its scope filled in), one row per pool.
--
-- Times are epoch milliseconds in double precision: exact to 0.25 µs until the year 2100, and the same IEEE
-- arithmetic as the JavaScript reference model that the property tests compare with.

create table limits (
  id               bigint generated always as identity primary key,
  key              text not null unique,           -- vendor/scope…/template
  pool             text not null,
  name             text not null,
  unit             text not null check (unit in ('calls', 'tokens')),
  kind             text not null check (kind in ('bucket', 'rolling', 'calendar', 'vendor')),
  capacity         double precision not null check (capacity > 0),  -- burst, or count per window
  period_ms        double precision check (period_ms > 0),          -- bucket: ms per unit; rolling: window
  calendar_unit    text check (calendar_unit in ('minute', 'hour', 'day', 'month')),
  zone             text,
  slack_ms         double precision not null default 0,
  share_background double precision not null default 1 check (share_background > 0 and share_background <= 1),
  share_scheduled  double precision not null default 1 check (share_scheduled > 0 and share_scheduled <= 1),
  mode             text not null check (mode in ('enforce', 'shadow')),
  source           text not null,                  -- where the numbers come from: vendor page, settings, header
  definition       jsonb not null,                 -- as configured; what a header taught is dropped when it changes
  -- state
  tat              double precision not null default 0,  -- bucket: theoretical arrival time of the next unit
  used             double precision not null default 0,  -- rolling, calendar, vendor: units in the window
  resets_at        double precision,               -- calendar, vendor: end of the window
  blocked_until    double precision not null default 0,  -- a rate verdict: every caller of this limit waits
  claim_rank       smallint not null default 0,    -- a more important caller waits: lower ranks stand back
  claim_until      double precision not null default 0,
  granted_calls    bigint not null default 0,
  granted_units    double precision not null default 0,
  shadow_over      bigint not null default 0,      -- grants that an enforced limit would have denied
  -- fillfactor leaves room for heap-only updates: the row is rewritten with every permit
  constraint limits_window check (kind <> 'calendar' or (calendar_unit is not null and zone is not null)),
  constraint limits_period check (kind not in ('bucket', 'rolling') or period_ms is not null)
) with (fillfactor = 50);
create index limits_pool on limits (pool);

-- The exact log behind rolling limits: units granted at an instant. Rows are removed as they leave the window.
create table limit_events (
  limit_id bigint not null references limits (id) on delete cascade,
  at       double precision not null,
  units    double precision not null
);
create index limit_events_at on limit_events (limit_id, at);

create table pools (
  key         text primary key,                    -- vendor/scope…
  state       text not null default 'closed'
              check (state in ('closed', 'quota_paused', 'open', 'half_open', 'held')),
  until_ms    double precision,
  since_ms    double precision not null default 0,
  reason      text not null default '',
  strikes     integer not null default 0,
  failures    integer not null default 0,
  epoch       bigint not null default 1,
  evidence    jsonb,
  hint        text,
  probe_until double precision not null default 0, -- a probe is out until then
  policy      jsonb not null default '{}'::jsonb
) with (fillfactor = 50);

-- What happened, for operators: pauses, resumes, refusals, learned limits, alerts. Never secrets.
create table events (
  id    bigint generated always as identity primary key,
  at    timestamptz not null default clock_timestamp(),
  kind  text not null,
  pool  text,
  data  jsonb not null default '{}'::jsonb
);
create index events_pool_at on events (pool, at desc);

-- Calls by minute, for "who spent what": verdict counts by operation and caller.
create table call_counts (
  pool      text not null,
  minute    timestamptz not null,
  operation text not null,
  caller    text not null,
  verdict   text not null,
  calls     bigint not null,
  units     double precision not null default 0,
  primary key (pool, minute, operation, caller, verdict)
);

create function now_ms() returns double precision language sql volatile
as $$ select extract(epoch from clock_timestamp())::double precision * 1000 $$;

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
  offset_ms := round(extract(epoch from local_time)::numeric * 1000)::double precision
             - round(t::numeric)::double precision;
  -- Offsets are whole seconds; rounding removes what the conversion added.
  offset_ms := round(offset_ms / 1000) * 1000;
  return (floor((t + offset_ms) / width) + 1) * width - offset_ms;
end $$;

-- The earliest time at which a limit lets `units` more through for a caller of `rank`; infinity when it never can.
-- Reads the limit as it stands; changes nothing.
create function limit_ready_at(l limits, units double precision, rank smallint, t double precision)
returns double precision language plpgsql stable as $$
declare
  share    double precision := case rank when 0 then l.share_background when 1 then l.share_scheduled else 1 end;
  -- A reserve may not make a call impossible that the limit as such could hold.
  cap      double precision := greatest(l.capacity * share, least(units, l.capacity));
  ready    double precision := t;
  over     double precision;
  edge     double precision;
begin
  if units > l.capacity then return 'infinity'; end if;
  if l.kind = 'bucket' then
    if units > 0 then
      ready := greatest(t, l.tat + l.slack_ms - (cap - units) * l.period_ms);
    end if;
  elsif l.kind = 'rolling' then
    over := (select coalesce(sum(e.units), 0) from limit_events e
             where e.limit_id = l.id and e.at <= t - l.period_ms - l.slack_ms);
    over := l.used - over + units - cap;
    if over > 0 then
      -- Walk the log from its oldest live entry until enough units have left the window.
      select w.at into edge from (
        select e.at, sum(e.units) over (order by e.at) as freed from limit_events e
        where e.limit_id = l.id and e.at > t - l.period_ms - l.slack_ms order by e.at
      ) w where w.freed >= over limit 1;
      ready := coalesce(edge + l.period_ms + l.slack_ms, 'infinity');
    end if;
  else -- calendar, vendor
    if l.resets_at is not null and t >= l.resets_at then
      -- The vendor may still count calls that were on their way when the window turned.
      if t < l.resets_at + l.slack_ms then ready := l.resets_at + l.slack_ms; end if;
    elsif l.used + units > cap then
      ready := coalesce(l.resets_at + l.slack_ms, t + 60000);
    elsif l.resets_at is not null and t > l.resets_at - l.slack_ms then
      ready := l.resets_at + l.slack_ms;
    end if;
  end if;
  return greatest(ready, l.blocked_until);
end $$;

-- Books `units` at time `t`. The caller holds the row's lock and has checked limit_ready_at.
create function limit_charge(l limits, units double precision, rank smallint, t double precision, over boolean)
returns void language plpgsql as $$
declare
  gone       double precision := 0;
  new_tat    double precision := l.tat;
  new_used   double precision := l.used;
  new_resets double precision := l.resets_at;
begin
  if l.kind = 'bucket' then
    new_tat := greatest(l.tat, t) + units * l.period_ms;
  elsif l.kind = 'rolling' then
    with d as (delete from limit_events e where e.limit_id = l.id
               and e.at <= t - l.period_ms - l.slack_ms returning e.units)
    select coalesce(sum(d.units), 0) into gone from d;
    if units > 0 then
      insert into limit_events (limit_id, at, units) values (l.id, t, units);
    end if;
    new_used := l.used - gone + units;
  else
    if l.resets_at is not null and t >= l.resets_at then
      new_used := 0;
      new_resets := null;
    end if;
    new_used := new_used + units;
    if l.kind = 'calendar' and new_resets is null then
      new_resets := calendar_end(t, l.calendar_unit, l.zone);
    end if;
  end if;
  update limits set tat = new_tat, used = new_used, resets_at = new_resets,
    granted_calls = granted_calls + 1, granted_units = granted_units + units,
    shadow_over = shadow_over + case when over then 1 else 0 end,
    claim_rank = case when claim_rank <= rank then 0 else claim_rank end
  where id = l.id;
end $$;

-- Decides a batch of requests, each all-or-nothing over its limits, in one commit.
--   reqs: [{ "pool": key, "rank": 0..2, "charges": [{ "key": …, "units": n }] }, …]
--   lead: a permit may be given this many ms before it is due; the caller departs at `depart_at`, not before.
--   p_now: null for the database's clock, which alone decides; tests pass a time.
-- Returns one row per request: granted with depart_at, or denied with retry_at and by whom.
create function take_permits(reqs jsonb, lead double precision, p_now double precision default null)
returns table (idx integer, granted boolean, depart_at double precision, retry_at double precision,
               denied_by text, pool_state text, epoch bigint, probe boolean, failures integer, now double precision)
language plpgsql as $$
declare
  t       double precision;
  req     record;
  c       record;
  p       pools;
  l       limits;
  ready   double precision;
  worst   double precision;
  probed  double precision;
  by_key  text;
  is_over boolean;
  overs   text[];
  short   text[];
  keys    text[];
begin
  select array_agg(distinct ch.value ->> 'key') into keys
    from jsonb_array_elements(reqs) r, jsonb_array_elements(r.value -> 'charges') ch;
  -- A block that is being written waits for the takers before it and stops those after it; takers do not wait for
  -- one another here.
  perform pg_advisory_xact_lock_shared(hashtextextended(k.pool, 41))
    from (select distinct r.value ->> 'pool' as pool from jsonb_array_elements(reqs) r order by 1) k;
  -- Locks in the order of keys, so that two batches cannot wait for each other. An array rather than a join keeps
  -- the plan on the index however many limits there are.
  perform 1 from limits x where x.key = any (keys) order by x.key for update;
  t := coalesce(p_now, now_ms());

  for req in
    select (r.ordinality - 1)::integer as i, r.value ->> 'pool' as pool,
           (r.value ->> 'rank')::smallint as rank, r.value -> 'charges' as charges
    from jsonb_array_elements(reqs) with ordinality r
    order by (r.value ->> 'rank')::smallint desc, r.ordinality
  loop
    idx := req.i; granted := false; depart_at := null; retry_at := null; denied_by := null;
    probe := false; now := t; pool_state := 'closed'; epoch := 0; failures := 0;

    if req.pool is not null then
      select * into p from pools where key = req.pool;
      if p.key is null then
        raise exception 'pool "%" is not registered', req.pool using errcode = 'SL001';
      end if;
      if p.state <> 'closed' then
        -- Only a pool that is not closed is worth a row lock: the probe must be one.
        select * into p from pools where key = req.pool for update;
      end if;
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
    worst := t; by_key := null; overs := '{}'; short := '{}';
    for round in 1..3 loop
      probed := worst;
      for c in
        select ch.value ->> 'key' as key, coalesce((ch.value ->> 'units')::double precision, 1) as units
        from jsonb_array_elements(req.charges) ch
      loop
        select * into l from limits x where x.key = c.key;
        if l.key is null then
          raise exception 'limit "%" is not registered', c.key using errcode = 'SL002';
        end if;
        ready := limit_ready_at(l, c.units, req.rank, probed);
        if l.claim_rank > req.rank and l.claim_until > t then
          ready := greatest(ready, l.claim_until);
        end if;
        continue when ready <= probed;
        if l.mode = 'shadow' then
          if round = 1 then overs := overs || l.key; end if;
          continue;
        end if;
        short := short || l.key;
        if ready > worst then worst := ready; by_key := l.key; end if;
      end loop;
      exit when worst = probed or worst > t + lead;
      if round = 3 then worst := greatest(worst, t + lead + 1); end if;
    end loop;

    if worst > t + lead then
      retry_at := worst; denied_by := by_key;
      -- A more important caller that waits a little marks what it waits for, and lower ranks stand back until then.
      if req.rank > 0 and worst < t + 10000 then
        update limits x set claim_rank = req.rank, claim_until = worst + 100
        where x.key = any (short) and (x.claim_rank <= req.rank or x.claim_until < t);
      end if;
      return next; continue;
    end if;

    granted := true; depart_at := worst;
    for c in
      select ch.value ->> 'key' as key, coalesce((ch.value ->> 'units')::double precision, 1) as units
      from jsonb_array_elements(req.charges) ch order by 1
    loop
      select * into l from limits x where x.key = c.key;
      is_over := l.key = any (overs);
      perform limit_charge(l, c.units, req.rank, depart_at, is_over);
    end loop;
    if req.pool is not null and p.state <> 'closed' then
      probe := true;
      if p.state <> 'half_open' then
        p.epoch := p.epoch + 1; p.since_ms := t;
      end if;
      p.probe_until := depart_at + coalesce((p.policy ->> 'probeTimeoutMs')::double precision, 120000);
      update pools x set state = 'half_open', epoch = p.epoch, since_ms = p.since_ms, until_ms = null,
        probe_until = p.probe_until,
        reason = case when x.state = 'half_open' then x.reason else 'probing after: ' || x.reason end
      where x.key = p.key;
      pool_state := 'half_open'; epoch := p.epoch;
    end if;
    return next;
  end loop;
end $$;

-- Books the difference between an estimate and what a call really cost. `delta` may be negative.
create function settle_units(p_key text, delta double precision, granted_at double precision)
returns void language plpgsql as $$
declare l limits;
begin
  select * into l from limits where key = p_key for update;
  if l.key is null or delta = 0 then return; end if;
  if l.kind = 'bucket' then
    update limits set tat = tat + delta * l.period_ms, granted_units = granted_units + delta where id = l.id;
  elsif l.kind = 'rolling' then
    -- Charged where the call was: the window must lose it when the call leaves it.
    if granted_at <= now_ms() - l.period_ms - l.slack_ms then return; end if;
    insert into limit_events (limit_id, at, units) values (l.id, granted_at, delta);
    update limits set used = used + delta, granted_units = granted_units + delta where id = l.id;
  elsif l.resets_at is not null and granted_at < l.resets_at and now_ms() < l.resets_at then
    update limits set used = greatest(0, used + delta), granted_units = granted_units + delta where id = l.id;
  end if;
end $$;

-- Takes over what a vendor's headers announce; true when the limit's size changed. A limit that was set by hand is
-- only ever lowered. A remaining below ours wins; nulls mean "not said".
create function learn_limit(p_key text, rate double precision, cap double precision, remaining double precision,
                            reset_ms double precision)
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
  select * into l from limits where key = p_key;
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
  select * into l from limits where key = p_key for update;
  t := now_ms();
  if changed then
    l.capacity := new_cap;
    -- The level is kept in units, not in time, when the rate changes.
    if l.kind = 'bucket' and l.tat > t then l.tat := t + (l.tat - t) / l.period_ms * new_per; end if;
    l.period_ms := new_per;
  end if;
  if remaining is not null and remaining >= 0 then
    if l.kind = 'bucket' then
      l.tat := greatest(l.tat, t + (l.capacity - remaining) * l.period_ms);
    elsif l.kind = 'rolling' then
      live := (select coalesce(sum(e.units), 0) from limit_events e
               where e.limit_id = l.id and e.at > t - l.period_ms - l.slack_ms);
      if l.capacity - remaining > live then
        insert into limit_events (limit_id, at, units) values (l.id, t, l.capacity - remaining - live);
        l.used := l.used + (l.capacity - remaining - live);
      end if;
    else
      if l.resets_at is not null and t >= l.resets_at then
        l.used := 0; l.resets_at := null;
      end if;
      l.used := greatest(l.used, l.capacity - remaining);
      if l.kind = 'calendar' and l.resets_at is null then
        l.resets_at := calendar_end(t, l.calendar_unit, l.zone);
      end if;
    end if;
  end if;
  if reset_ms is not null and reset_ms > 0 and l.kind = 'vendor' then l.resets_at := t + reset_ms; end if;
  update limits set capacity = l.capacity, period_ms = l.period_ms, tat = l.tat, used = l.used,
    resets_at = l.resets_at, source = case when changed then 'header' else source end
  where id = l.id;
  return changed;
end $$;

-- Limits as people see them, at the database's time: used, what resets when, who set the size. Documented for
-- people who bring their own client; times are epoch milliseconds.
create view limit_status as
select l.key, l.pool, l.name, l.unit, l.kind, l.capacity,
       greatest(0, case l.kind
         when 'bucket' then (l.tat - n.t) / l.period_ms
         when 'rolling' then (select coalesce(sum(e.units), 0) from limit_events e
                              where e.limit_id = l.id and e.at > n.t - l.period_ms)
         else case when l.resets_at is not null and l.resets_at <= n.t then 0 else l.used end end) as used,
       case l.kind
         when 'bucket' then case when l.tat > n.t then l.tat end
         when 'rolling' then (select max(e.at) + l.period_ms from limit_events e
                              where e.limit_id = l.id and e.at > n.t - l.period_ms)
         else case when l.resets_at > n.t then l.resets_at end end as resets_at,
       case when l.blocked_until > n.t then l.blocked_until end as blocked_until,
       l.source, l.mode, l.period_ms as ratio_period, l.granted_calls, l.granted_units, l.shadow_over
from limits l cross join lateral (select now_ms() as t) n;

-- Moves a permit that its caller could not use in time (a stalled process) to `later`, without giving it back: the
-- vendor will count the call then. False when others were already let through on the strength of the old time; that
-- permit is spent and the caller asks anew.
create function restamp_permit(p_keys text[], units double precision[], granted_at double precision,
                               ahead double precision)
returns double precision language plpgsql as $$
declare
  l     limits;
  later double precision;
begin
  perform 1 from limits x where x.key = any (p_keys) order by x.key for update;
  later := now_ms() + ahead;
  for l in select * from limits x where x.key = any (p_keys) and x.mode = 'enforce' loop
    if l.kind = 'bucket' and l.capacity < 2 and l.tat > granted_at + l.period_ms + 0.01 then return null; end if;
    if l.kind = 'rolling' and exists (select 1 from limit_events e where e.limit_id = l.id
                                      and e.at >= granted_at + l.period_ms) then return null; end if;
    if l.kind in ('calendar', 'vendor') and (l.resets_at is null or later >= l.resets_at - l.slack_ms) then
      return null;
    end if;
  end loop;
  update limits x set tat = x.tat + (later - granted_at) where x.key = any (p_keys) and x.kind = 'bucket';
  update limit_events e set at = later
    where e.ctid in (
      select distinct on (f.limit_id) f.ctid from limit_events f join limits x on x.id = f.limit_id
      where x.key = any (p_keys) and x.kind = 'rolling' and f.at = granted_at
        and f.units = units[array_position(p_keys, x.key)]);
  return later;
end $$;
