-- Those of the pools that have stood as they are since a time that lies in the future, with their times put back by as
-- much: the clock has gone back since. Their ends are as far away as they were. The caller holds their rows' locks.
create or replace function pools_mended(ps pools[], t double precision) returns pools[] language plpgsql as $$
declare
  recorded bigint;
begin
  with ahead as (
    update pools p set since_ms = t,
      until_ms = case when p.state = 'held' then p.until_ms else p.until_ms - (p.since_ms - t) end,
      probe_until = case when p.probe_until > 0 then p.probe_until - (p.since_ms - t) else 0 end
    from unnest(ps) x where p.key = x.key and x.state <> 'closed' and x.since_ms > t
    returning p.key, x.since_ms - t as ms)
  select count(record_event('pool.clock_ahead', a.key, jsonb_build_object('aheadMs', round(a.ms)))::text) into recorded
    from ahead a;
  return (select array_agg(p order by p.key) from pools p where p.key in (select x.key from unnest(ps) x));
end $$;
