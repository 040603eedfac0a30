-- When a bucket that was empty of all charges up to `since` would be full again: each charge counts from its own time or
-- from when those before it are refilled. Null when there was none later.
create or replace function bucket_full_at(l limits, since double precision) returns double precision language sql stable as $$
  select max(w.at + w.units * l.period_ms) from (
    select e.at, sum(e.units) over (order by e.at desc) as units from limit_events e
    where e.limit_id = l.id and e.at > since
  ) w
$$;
