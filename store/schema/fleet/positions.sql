create or replace view positions as
select account, device_id, at, arrived_at, latitude, longitude, speed, course, odometer, status, status_text, alarm,
       moving, source
from fleet_positions;
