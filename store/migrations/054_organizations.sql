-- What stops several pools at once: an organization's limit stops each of its accounts. The organization has a row in
-- `pools` of its own, with the same states, and the pools of its accounts name it. A call needs leave of both. So one
-- refusal stops all of them, a pool that is made later too, one resume frees all, and one probe speaks for all.

alter table pools add column organization text;
create index pools_organization on pools (organization) where organization is not null;

-- As take_permits in 007, with the organization's pool. `stopped_by` is the key of the pool that said no;
-- `organization_epoch` is 0 for a pool without one.
create function decide_permits(reqs jsonb, lead double precision, p_now double precision default null)
returns table (idx integer, granted boolean, depart_at double precision, retry_at double precision,
               denied_by text, pool_state text, epoch bigint, probe boolean, failures integer, now double precision,
               stopped_by text, organization_epoch bigint)
language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
  t        double precision;
  keys     text[];
  ls       limits[];      -- the limits of the batch in the order of their keys, as they stand
  changed  boolean[];
  pool_ids text[];
  ps       pools[];
  req      record;
  p        pools;         -- the pool
  o        pools;         -- its organization's; all null without one
  g        pools;         -- the one of the two that is looked at
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
  if exists (select 1 from pools x where x.key = any (pool_ids) and x.organization is not null) then
    select array_agg(distinct k.key order by k.key) into pool_ids from (
      select unnest(pool_ids) as key union all
      select x.organization from pools x where x.key = any (pool_ids) and x.organization is not null) k;
  end if;

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
    stopped_by := null; organization_epoch := 0;

    if req.pool is not null then
      p := ps[req.pool];
      o := null;
      if p.organization is not null then o := ps[array_position(pool_ids, p.organization)]; end if;
      pool_state := p.state; epoch := p.epoch; failures := p.failures; organization_epoch := coalesce(o.epoch, 0);
      -- The organization first: while it is stopped, no probe of a pool of its own is to be spent.
      foreach g in array array[o, p] loop
        continue when g.key is null;
        if g.state in ('held', 'quota_paused', 'open') and (g.until_ms is null or t < g.until_ms) then
          retry_at := g.until_ms; denied_by := 'pool';
        elsif g.state <> 'closed' and g.probe_until > t then
          retry_at := g.probe_until; denied_by := 'probe';
        end if;
        exit when denied_by is not null;
      end loop;
      if denied_by is not null then
        pool_state := g.state; stopped_by := g.key;
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
      if req.rank > 0 and worst < t + claim_horizon_ms(ls[binding]) then
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
    if req.pool is not null then
      foreach g in array array[o, p] loop
        continue when g.key is null or g.state = 'closed';
        -- Each probe has an epoch of its own, so that one taken for lost cannot speak for the next.
        update pools x set state = 'half_open', epoch = x.epoch + 1, until_ms = null,
          since_ms = case when x.state = 'half_open' then x.since_ms else t end,
          reason = case when x.state = 'half_open' then x.reason else 'probing after: ' || x.reason end,
          probe_until = depart_at + coalesce((x.policy ->> 'probeTimeoutMs')::double precision, 120000)
        where x.key = g.key returning x.* into g;
        ps[array_position(pool_ids, g.key)] := g;
        probe := true;
        if g.key = p.key then pool_state := g.state; epoch := g.epoch;
        else organization_epoch := g.epoch; end if;
      end loop;
    end if;
    return next;
  end loop;

  if true = any (changed) then
    perform limits_store(array(select ls[s] from generate_series(1, cardinality(ls)) s where changed[s]));
  end if;
end $$;

-- For workers of an earlier version, and with the columns that they know.
create or replace function take_permits(reqs jsonb, lead double precision, p_now double precision default null)
returns table (idx integer, granted boolean, depart_at double precision, retry_at double precision,
               denied_by text, pool_state text, epoch bigint, probe boolean, failures integer, now double precision)
language sql as $$
  select d.idx, d.granted, d.depart_at, d.retry_at, d.denied_by, d.pool_state, d.epoch, d.probe, d.failures, d.now
  from decide_permits(reqs, lead, p_now) d
$$;

-- As in 004, with the organization's epoch: a permit from before its hold is spent.
drop function restamp_permit(text[], double precision[], double precision, double precision, text, bigint,
                             double precision);
create function restamp_permit(p_keys text[], p_units double precision[], granted_at double precision,
                               ahead double precision, p_pool text default null, p_epoch bigint default null,
                               p_now double precision default null,
                               p_organization_epoch bigint default null)
returns double precision language plpgsql as $$
declare
  ls    limits[];
  l     limits;
  n     double precision;
  t     double precision;
  later double precision;
  fits  boolean;
begin
  -- As in decide_permits: a block that is being written comes first.
  perform pg_advisory_xact_lock_shared(hashtextextended(k, 41))
    from (select p_pool as k union all select organization from pools where key = p_pool) x where k is not null;
  if p_pool is not null and not exists (
    select 1 from pools p left join pools o on o.key = p.organization
    where p.key = p_pool and p.epoch = p_epoch
      and (p_organization_epoch is null or coalesce(o.epoch, 0) = p_organization_epoch)) then
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
      else limit_ready_at(l, n, 3::smallint, later) <= later
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
      l := limit_charge(l, n, 3::smallint, later, false);
    end if;
    l.last_at := later;
    ls[s] := l;
  end loop;
  perform limits_store(ls);
  return later;
end $$;
