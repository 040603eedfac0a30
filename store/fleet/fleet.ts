/** Devices of a fleet: the device list, positions, and the cursor of the live feed. */
import type { Pool, PoolClient } from 'pg';
import type { FleetDevice, FleetPosition } from '../../vendors/capabilities/fleet';
import { inTransaction, toTimestamptz } from '../db';
import { jsonText } from '../storable';

/** A device as work is planned for it; times are epoch milliseconds. */
export interface StoredDevice {
  readonly deviceId: string;
  /** Since when the live feed's cursor covers it; null: it has to be requested by itself first. */
  readonly snapshotAt: number | null;
  /** When it was last under way, as far as positions show. */
  readonly movedAt: number | null;
  readonly tripsAskedAt: number | null;
  readonly tripsUntil: number | null;
}

/** Devices that the vendor lists, in order of their id. */
export async function listDevices(db: Pool, account: string): Promise<readonly StoredDevice[]> {
  const { rows } = await db.query<{
    device_id: string;
    snapshot_at: number | null;
    moved_at: number | null;
    trips_asked_at: number | null;
    trips_until: number | null;
  }>(
    `select device_id, snapshot_at, moved_at, trips_asked_at, trips_until from fleet_devices
     where account = $1 and removed_at is null order by device_id collate "C"`,
    [account],
  );
  return rows.map((row) => ({
    deviceId: row.device_id,
    snapshotAt: row.snapshot_at,
    movedAt: row.moved_at,
    tripsAskedAt: row.trips_asked_at,
    tripsUntil: row.trips_until,
  }));
}

/** The vendor's last list of the account's devices: when it came, epoch ms, and its length; null: never. */
export async function lastDeviceList(
  db: Pool,
  account: string,
): Promise<{ readonly at: number; readonly devices: number } | null> {
  const feed = await readFeed(db, account, 'devices');
  return feed === null ? null : { at: feed.updatedAt, devices: Number(feed.value) };
}

/**
 * Takes over the vendor's list: what it no longer holds is marked as removed, and what comes back counts as new. That
 * all devices are gone is believed when a second list in a row says so: until then they are kept.
 * @returns how many devices are new.
 */
export async function storeDevices(
  db: Pool,
  account: string,
  devices: readonly FleetDevice[],
  now: number,
): Promise<number> {
  const at = toTimestamptz(now);
  return inTransaction(db, async (client) => {
    const { rows } = await client.query<{ fresh: number }>(
      `with given as (
         select distinct on (d ->> 'deviceId') d from jsonb_array_elements($2::jsonb) d order by d ->> 'deviceId'
       ), known as (
         select device_id from fleet_devices where account = $1 and removed_at is null
       ), kept as (
         insert into fleet_devices as f (account, device_id, name, type, sim, device_group, last_active_at, expires_at,
                                         free, listed_at)
         select $1, d ->> 'deviceId', d ->> 'name', d ->> 'type', d ->> 'sim', d ->> 'group',
                to_timestamp((d ->> 'lastActiveAt')::float8 / 1000), to_timestamp((d ->> 'expiresAt')::float8 / 1000),
                (d ->> 'free')::boolean, $3
         from given
         on conflict (account, device_id) do update set
           name = excluded.name, type = excluded.type, sim = excluded.sim, device_group = excluded.device_group,
           last_active_at = excluded.last_active_at, expires_at = excluded.expires_at, free = excluded.free,
           listed_at = excluded.listed_at, removed_at = null,
           snapshot_at = case when f.removed_at is null then f.snapshot_at end
         returning device_id
       )
       select count(*) filter (where device_id not in (select device_id from known)) as fresh from kept`,
      [account, jsonText(devices), at],
    );
    await client.query(
      `update fleet_devices set removed_at = $2 where account = $1 and removed_at is null and listed_at < $2
         and ($3 or exists (select from fleet_cursors where account = $1 and feed = 'devices' and value = '0'))`,
      [account, at, devices.length > 0],
    );
    await writeFeed(client, account, 'devices', String(devices.length), now);
    return rows[0]?.fresh ?? 0;
  });
}

/** The live feed's cursor; null when there is none. */
export async function readCursor(db: Pool, account: string): Promise<string | null> {
  return (await readFeed(db, account, 'positions'))?.value ?? null;
}

export interface LiveAnswer {
  readonly account: string;
  readonly positions: readonly FleetPosition[];
  /** Of the feed, before and after this answer; null leaves the stored one: the answer was of some devices only. */
  readonly cursor: { readonly before: string | null; readonly after: string } | null;
  /** Devices of which the answer is a snapshot: from now on the cursor covers them. */
  readonly snapshotOf: readonly string[];
  /** Epoch milliseconds. */
  readonly now: number;
}

/**
 * Stores the live feed's positions and its cursor, in one transaction: a crash can neither lose positions
 * nor read past them. A cursor that somebody else has moved meanwhile is left alone.
 * @returns how many positions were new or brought something new.
 */
export async function storeLivePositions(db: Pool, answer: LiveAnswer): Promise<number> {
  const { account, positions, cursor, snapshotOf, now } = answer;
  return inTransaction(db, async (client) => {
    await noteMoves(client, account, positions, now);
    const stored = await upsertPositions(client, account, positions, 'live');
    if (snapshotOf.length > 0) {
      await client.query(
        'update fleet_devices set snapshot_at = $3 where account = $1 and device_id = any($2::text[])',
        [account, snapshotOf, toTimestamptz(now)],
      );
    }
    if (cursor !== null) {
      const { rows } = await client.query<{ value: string }>(
        `select value from fleet_cursors where account = $1 and feed = 'positions' for update`,
        [account],
      );
      if ((rows[0]?.value ?? null) === cursor.before) {
        await writeFeed(client, account, 'positions', cursor.after, now);
      }
    }
    return stored;
  });
}

/**
 * When devices were last under way: as their positions say, or as the odometer shows that has gone on since the
 * position before; a trip may have been over before its first position arrived. To be called before they are stored.
 */
async function noteMoves(
  client: PoolClient,
  account: string,
  positions: readonly FleetPosition[],
  now: number,
): Promise<void> {
  await client.query(
    `update fleet_devices d set moved_at = greatest(d.moved_at, m.at)
     from (
       select p.device_id, to_timestamp(least(max(p.at), $3) / 1000) as at
       from (select g ->> 'deviceId' as device_id, (g ->> 'at')::float8 as at, (g ->> 'odometer')::float8 as odometer,
                    coalesce((g ->> 'moving')::boolean, (g ->> 'speed')::float8 > 0) as moving
             from jsonb_array_elements($2::jsonb) g) p
       left join lateral (
         select f.odometer from fleet_positions f
         where f.account = $1 and f.device_id = p.device_id and f.at < to_timestamp(p.at / 1000)
         order by f.at desc limit 1
       ) before on not p.moving
       where p.moving or p.odometer > before.odometer group by 1
     ) m
     where d.account = $1 and d.device_id = m.device_id and (d.moved_at is null or d.moved_at < m.at)`,
    [account, jsonText(positions), now],
  );
}

/** Inserts positions, or replaces what is known of the same instant. @returns how many rows were written. */
export async function upsertPositions(
  client: PoolClient,
  account: string,
  positions: readonly FleetPosition[],
  source: 'live' | 'track',
): Promise<number> {
  let written = 0;
  for (let i = 0; i < positions.length; i += ROWS_AT_ONCE) {
    const { rowCount } = await client.query(
      `insert into fleet_positions as f (account, device_id, at, arrived_at, latitude, longitude, speed, course, odometer,
                                         status, status_text, alarm, moving, source)
       select distinct on (p ->> 'deviceId', p ->> 'at')
              $1, p ->> 'deviceId', to_timestamp((p ->> 'at')::float8 / 1000),
              to_timestamp((p ->> 'arrivedAt')::float8 / 1000), (p ->> 'latitude')::float8, (p ->> 'longitude')::float8,
              (p ->> 'speed')::float8, (p ->> 'course')::float8, (p ->> 'odometer')::float8, (p ->> 'status')::bigint,
              p ->> 'statusText', (p ->> 'alarm')::bigint, (p ->> 'moving')::boolean, $3
       from jsonb_array_elements($2::jsonb) with ordinality as given (p, n)
       order by p ->> 'deviceId', p ->> 'at', n desc
       on conflict (account, device_id, at) do update set
         arrived_at = coalesce(excluded.arrived_at, f.arrived_at), latitude = excluded.latitude,
         longitude = excluded.longitude, speed = excluded.speed, course = excluded.course,
         odometer = coalesce(excluded.odometer, f.odometer), status = excluded.status,
         status_text = excluded.status_text, alarm = excluded.alarm, moving = coalesce(excluded.moving, f.moving),
         source = excluded.source, stored_at = now()
       where (f.latitude, f.longitude, f.speed, f.course, f.status, f.status_text, f.alarm, f.source, f.arrived_at,
              f.odometer, f.moving)
             is distinct from (excluded.latitude, excluded.longitude, excluded.speed, excluded.course, excluded.status,
                               excluded.status_text, excluded.alarm, excluded.source,
                               coalesce(excluded.arrived_at, f.arrived_at), coalesce(excluded.odometer, f.odometer),
                               coalesce(excluded.moving, f.moving))`,
      [account, jsonText(positions.slice(i, i + ROWS_AT_ONCE)), source],
    );
    written += rowCount ?? 0;
  }
  return written;
}

/** One statement's share of an answer, so that no parameter grows without bounds. */
const ROWS_AT_ONCE = 5000;

export interface FleetSummary {
  readonly devices: number;
  /** Devices of which a position is known. */
  readonly located: number;
  /** Of the latest positions, epoch ms; null when there are none. */
  readonly oldest: number | null;
  readonly newest: number | null;
  readonly listedAt: number | null;
  /** When the live feed was last read. */
  readonly readAt: number | null;
}

/** How fresh an account's live positions are. */
export async function summarizeFleet(db: Pool, account: string): Promise<FleetSummary> {
  const { rows } = await db.query<FleetSummary>(
    `select count(*) as devices, count(p.at) as located, min(p.at) as oldest, max(p.at) as newest,
            (select updated_at from fleet_cursors where account = $1 and feed = 'devices') as "listedAt",
            (select updated_at from fleet_cursors where account = $1 and feed = 'positions') as "readAt"
     from fleet_devices d left join latest_positions p on p.account = d.account and p.device_id = d.device_id
     where d.account = $1 and d.removed_at is null`,
    [account],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('an aggregate came back without a row');
  return row;
}

type Feed = 'devices' | 'positions';

async function readFeed(db: Pool, account: string, feed: Feed) {
  const { rows } = await db.query<{ value: string; updatedAt: number }>(
    'select value, updated_at as "updatedAt" from fleet_cursors where account = $1 and feed = $2',
    [account, feed],
  );
  return rows[0] ?? null;
}

async function writeFeed(
  client: PoolClient,
  account: string,
  feed: Feed,
  value: string,
  now: number,
): Promise<void> {
  await client.query(
    `insert into fleet_cursors (account, feed, value, updated_at) values ($1, $2, $3, $4)
     on conflict (account, feed) do update set value = excluded.value, updated_at = excluded.updated_at`,
    [account, feed, value, toTimestamptz(now)],
  );
}
