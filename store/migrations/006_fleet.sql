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

-- One row an instant, whether the live feed or the track of a day reported it.
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
