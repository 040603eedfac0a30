-- A fourth priority: live, between scheduled (now rank 1) and interactive (now rank 3). What asks for positions every
-- minute waits behind commands and before what may come a quarter of an hour later.
--   0 background, 1 scheduled, 2 live, 3 interactive

alter table limits add column share_live double precision not null default 1
  check (share_live > 0 and share_live <= 1);

-- As in 002, with a share for rank 2.
create or replace function limit_ready_at(l limits, units double precision, rank smallint, t double precision)
returns double precision language plpgsql stable as $$
declare
  share      double precision := case rank when 0 then l.share_background when 1 then l.share_scheduled
                              when 2 then l.share_live else 1 end;
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

-- As in 003, with 3 for the rank that no reserve is held against: a permit that is moved was granted already.
create or replace function restamp_permit(p_keys text[], p_units double precision[], granted_at double precision,
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

create or replace function late_arrival(p_keys text[], p_units double precision[], granted_at double precision,
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
      l := limit_charge(l, n, 3::smallint, arrived_at, false);
    end if;
    l.last_at := greatest(l.last_at, arrived_at);
    ls[s] := l;
  end loop;
  if ls is not null then perform limits_store(ls); end if;
end $$;
