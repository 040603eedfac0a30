-- Fleets: devices, where they were, which trips they made. People query the views devices, positions,
-- latest_positions and trips; the tables behind them may change. Which device-days of trips and tracks are in is kept
-- in the ledger (series and coverage), one series a dataset, account and device.

create table fleet_devices (
  account        text not null,
  device_id      text not null,
  name           text not null,
  type           text not null,
  sim            text not null,
  device_group   text not null,
  last_active_at timestamptz,               -- null: never heard of
  expires_at     timestamptz,
  free           boolean not null,
  listed_at      timestamptz not null,      -- when the vendor last listed it
  removed_at     timestamptz,               -- when the vendor was first seen to list it no more
  snapshot_at    timestamptz,               -- since then it is covered by the cursor; null: asked for by itself first
  moved_at       timestamptz,               -- the latest position at which it was under way
  trips_asked_at timestamptz,               -- when trips were last asked for on schedule
  trips_until    timestamptz,               -- trips are in up to here, as far as the schedule is concerned
  primary key (account, device_id)
);

-- One row an instant, whoever told it: the live feed, or the track of a day.
create table fleet_positions (
  account     text not null,
  device_id   text not null,
  at          timestamptz not null,         -- by the device's clock
  arrived_at  timestamptz,                  -- when the vendor heard of it
  latitude    double precision not null,    -- WGS 84, degrees
  longitude   double precision not null,
  speed       double precision not null,    -- km/h
  course      double precision not null,    -- degrees clockwise from north
  odometer    double precision,             -- m
  status      bigint not null,              -- the vendor's bit mask
  status_text text not null,
  alarm       bigint not null,
  moving      boolean,
  source      text not null check (source in ('live', 'track')),
  stored_at   timestamptz not null default now(),
  primary key (account, device_id, at)
);

create table fleet_trips (
  account         text not null,
  device_id       text not null,
  start_time      timestamptz not null,
  end_time        timestamptz not null,
  distance        double precision not null, -- m
  max_speed       double precision not null, -- m/h, as the vendor gives it
  average_speed   double precision not null, -- m/h
  duration_ms     double precision not null, -- under way
  start_latitude  double precision,
  start_longitude double precision,
  end_latitude    double precision,
  end_longitude   double precision,
  stored_at       timestamptz not null default now(),
  primary key (account, device_id, start_time)
);

-- How far an account's feeds have been read.
create table fleet_cursors (
  account    text not null,
  feed       text not null check (feed in ('devices', 'positions')),
  value      text not null,
  updated_at timestamptz not null,
  primary key (account, feed)
);

create view devices as
select account, device_id, name, type, sim, device_group, last_active_at, expires_at, free, listed_at, removed_at
from fleet_devices;

create view positions as
select account, device_id, at, arrived_at, latitude, longitude, speed, course, odometer, status, status_text, alarm,
       moving, source
from fleet_positions;

-- The youngest position of each device, by the device's clock: one that comes late is never in its place.
create view latest_positions as
select d.account, d.device_id, d.name, p.at, p.arrived_at, p.latitude, p.longitude, p.speed, p.course, p.odometer,
       p.status, p.status_text, p.alarm, p.moving, p.source
from fleet_devices d
cross join lateral (
  select * from fleet_positions f
  where f.account = d.account and f.device_id = d.device_id order by f.at desc limit 1
) p;

create view trips as
select account, device_id, start_time, end_time, distance, max_speed, average_speed, duration_ms, start_latitude,
       start_longitude, end_latitude, end_longitude
from fleet_trips;
