-- The latest position of each device, by the device's clock: one that arrives late is never in its place. A device whose
-- clock ran far ahead once would stand there until that time comes: more than a day ahead is no time zone, and such a
-- position is the latest only of a device that has no other.
create or replace view latest_positions as
select d.account, d.device_id, d.name, p.at, p.arrived_at, p.latitude, p.longitude, p.speed, p.course, p.odometer,
       p.status, p.status_text, p.alarm, p.moving, p.source
from fleet_devices d
cross join lateral (
  select c.* from (
    (select 0 as rank, f.* from fleet_positions f
     where f.account = d.account and f.device_id = d.device_id and f.at <= now() + interval '1 day'
     order by f.at desc limit 1)
    union all
    (select 1 as rank, f.* from fleet_positions f
     where f.account = d.account and f.device_id = d.device_id and f.at > now() + interval '1 day'
     order by f.at limit 1)
  ) c order by c.rank limit 1
) p;
