create or replace view devices as
select account, device_id, name, type, sim, device_group, last_active_at, expires_at, free, listed_at, removed_at
from fleet_devices;
