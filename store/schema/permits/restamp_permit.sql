-- Moves a permit that its caller could not use in time (a stalled process) to a later departure, `ahead` ms from now or
-- more: what others were given since then was given on the strength of the old one. Null when the limit has no room
-- there, waits, or the pool or its organization is no longer as it was: the permit is spent: take another. No reserve is
-- held against it (rank 3), for it was granted already.
--   p_within: the call leaves at the returned time or up to this many ms after it, wherever in there its process comes
--     to it. All of that span is checked, and the books have it at the end, which is `granted_at` for whatever comes next.
create or replace function restamp_permit(p_keys text[], p_units double precision[], granted_at double precision,
                               ahead double precision, p_pool text default null, p_epoch bigint default null,
                               p_now double precision default null,
                               p_organization_epoch bigint default null,
                               p_within double precision default 0)
returns double precision language plpgsql as $$
declare
  ls    limits[];
  l     limits;
  n     double precision;
  t     double precision;
  later double precision;
  till  double precision;  -- the latest that it may leave
  fits  boolean;
begin
  -- As in take_permits: a block that is being written comes first.
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
  till := later + p_within;

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
      when granted_at >= l.window_from and (l.resets_at is null or till <= l.resets_at - l.slack_ms) then true
      when later < l.resets_at and till > l.resets_at - l.slack_ms and p_within > 0 then false
      else limit_ready_at(l, n, 3::smallint, later) <= later and limit_ready_at(l, n, 3::smallint, till) <= till
    end;
    if l.blocked_until > later or not fits then return null; end if;
  end loop;
  for s in 1 .. cardinality(ls) loop
    l := ls[s];
    n := p_units[array_position(p_keys, l.key)];
    if l.kind in ('bucket', 'rolling') then
      if not limit_move_event(l, n, granted_at, till) and l.kind = 'rolling' and n > 0 then
        insert into limit_events (limit_id, at, units) values (l.id, till, n);
        l.used := l.used + n;
      elsif l.kind = 'bucket' then
        l.tat := greatest(l.tat, till + n * l.period_ms, bucket_full_at(l, granted_at));
      end if;
    elsif granted_at < l.window_from or till > l.resets_at - l.slack_ms then
      l := limit_charge(l, n, 3::smallint, till, false);
    end if;
    l.last_at := later;
    ls[s] := l;
  end loop;
  perform limits_store(ls);
  return later;
end $$;
