-- Gives back what a permit for `granted_at` has taken of windows that count: it is certain that its call was not sent.
-- Of a rolling window, the very entry is taken out of the log: where it was moved, or has left the window, nothing is.
-- Windows that have turned since keep it, and buckets: the next call may have been granted on the strength of it.
create or replace function return_unused(p_keys text[], p_units double precision[], granted_at double precision)
returns void language plpgsql as $$
declare
  l limits;
  n double precision;
begin
  for l in select * from limits x
           where x.key = any (p_keys) and x.kind in ('calendar', 'vendor', 'rolling') order by x.key for update loop
    n := p_units[array_position(p_keys, l.key)];
    if l.kind <> 'rolling' then
      perform settle_units(l.key, -n, granted_at);
      continue;
    end if;
    delete from limit_events e
      where e.ctid = (select f.ctid from limit_events f
                      where f.limit_id = l.id and f.at = granted_at and f.units = n limit 1);
    continue when not found;
    l.used := l.used - n;
    l.granted_units := l.granted_units - n;
    perform limits_store(array[l]);
  end loop;
end $$;
