-- Decides a batch of requests, each all-or-nothing over its limits and with leave of its pool and its pool's
-- organization, in one commit.
--   reqs: [{ "pool": key, "rank": 0..3, "charges": [{ "key": …, "units": n }] }, …]
--   lead: a permit may be given this many ms before it is due; the caller departs at `depart_at`, not before.
--   p_now: null for the database's clock, which alone decides; tests pass a time.
--   p_expected: what the caller expects that clock to show; null when it does not know yet. A clock that shows something
--     else has stepped, and nothing is granted by it before that is settled (clock_stepped): error SL003.
-- Returns one row per request: granted with depart_at, or denied with retry_at and by whom. `stopped_by` is the key of
-- the pool that denied it; `organization_epoch` is 0 for a pool without one.
-- The planner's settings keep every plan on the indexes, made once, however many limits there are.
create or replace function take_permits(reqs jsonb, lead double precision, p_now double precision default null,
                                        p_expected double precision default null)
returns table (idx integer, granted boolean, depart_at double precision, retry_at double precision,
               denied_by text, pool_state text, epoch bigint, probe boolean, failures integer, now double precision,
               stopped_by text, organization_epoch bigint)
language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
  asked    double precision := coalesce(p_now, now_ms());
  t        double precision;
  keys     text[];
  ls       limits[];      -- the limits of the batch in the order of their keys, as they stand
  changed  boolean[];
  pool_ids text[];
  ps       pools[];
  req      record;
  p        pools;         -- the pool
  o        pools;         -- its organization's; all null without one
  g        pools;         -- the one of the two that is checked
  l        limits;
  ready    double precision;
  worst    double precision;  -- when all limits are ready
  again    double precision;  -- when it is worth asking again
  probed   double precision;
  binding  integer;
begin
  -- A request that was under way for long looks like a clock that has gone ahead; the caller distinguishes them.
  if p_expected is not null and abs(asked - p_expected) > 1000 then
    raise exception 'the clock is not what was expected' using errcode = 'SL003';
  end if;
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
  -- It may have stepped while the locks were waited for, too.
  if p_expected is not null and (t < asked or t > asked + 2000) then
    raise exception 'the clock is not what was expected' using errcode = 'SL003';
  end if;
  if exists (select 1 from unnest(ps) x where x.state <> 'closed' and x.since_ms > t + lead + 2000) then
    ps := pools_mended(ps, t);
  end if;
  changed := array_fill(false, array[coalesce(cardinality(ls), 0)]);
  for s in 1 .. coalesce(cardinality(ls), 0) loop
    if limit_ahead(ls[s], t, lead) then ls[s] := limit_mended(ls[s], t); changed[s] := true; end if;
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

    -- Readiness is checked again at the latest time found, for a limit that was ready before may not be then (the
    -- edge of a calendar window); two rounds settle all but pathological cases, which are denied and requested again.
    worst := t; again := t; binding := null;
    for round in 1..3 loop
      probed := worst;
      for j in 1 .. coalesce(cardinality(req.slots), 0) loop
        l := ls[req.slots[j]];
        -- A limit that only watches does not wait, except when the vendor itself has refused.
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
          -- An organization's probe takes as long as this account's calls may take.
          probe_until = depart_at + coalesce(greatest((x.policy ->> 'probeTimeoutMs')::double precision,
                                                      (p.policy ->> 'probeTimeoutMs')::double precision), 120000)
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
