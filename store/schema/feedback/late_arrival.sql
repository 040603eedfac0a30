-- A call arrived later than its departure time, perhaps at `arrived_at`: the books follow, so that
-- those let through from now on keep their distance from it. What was granted meanwhile cannot be called back.
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
