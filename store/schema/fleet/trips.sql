create or replace view trips as
select account, device_id, start_time, end_time, distance, max_speed, average_speed, duration_ms, start_latitude,
       start_longitude, end_latitude, end_longitude
from fleet_trips;
