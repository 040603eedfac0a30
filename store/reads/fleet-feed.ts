/**
 * What a fleet's syncs have brought, as answers to reads: a list of devices or a position that is newer there than the
 * last answer costs no call.
 */
import type { Pool } from 'pg';
import type { FleetDevice, FleetPosition } from '../../vendors/capabilities/fleet';

/** The list of devices as it last came, and when; null when it is no newer than `since`, epoch ms. */
export async function devicesSince(
  db: Pool,
  account: string,
  since: number | null,
): Promise<{ readonly at: number; readonly devices: readonly FleetDevice[] } | null> {
  const { rows } = await db.query<FleetDevice & { at: number }>(
    `select c.updated_at as at, d.device_id as "deviceId", d.name, d.type, d.sim, d.device_group as "group",
            d.last_active_at as "lastActiveAt", d.expires_at as "expiresAt", d.free
     from fleet_cursors c join fleet_devices d on d.account = c.account and d.removed_at is null
     where c.account = $1 and c.feed = 'devices' and c.updated_at > to_timestamp($2::float8 / 1000)`,
    [account, since === null ? 0 : since + 1],
  );
  const [first] = rows;
  return first === undefined ? null : { at: first.at, devices: rows.map(({ at: _, ...device }) => device) };
}

/** Where the live feed says a device is, and when that was last read; null as above, or when the feed does not cover it. */
export async function positionSince(
  db: Pool,
  account: string,
  deviceId: string,
  since: number | null,
): Promise<{ readonly at: number; readonly position: FleetPosition | null } | null> {
  const { rows } = await db.query<{ readAt: number } & (FleetPosition | { readonly at: null })>(
    `select c.updated_at as "readAt", d.device_id as "deviceId", p.at, p.arrived_at as "arrivedAt", p.latitude,
            p.longitude, p.speed, p.course, p.odometer, p.status, p.status_text as "statusText", p.alarm, p.moving
     from fleet_cursors c
     join fleet_devices d on d.account = c.account and d.device_id = $2 and d.removed_at is null
       and d.snapshot_at is not null
     left join latest_positions p on p.account = c.account and p.device_id = d.device_id
     where c.account = $1 and c.feed = 'positions' and c.updated_at > to_timestamp($3::float8 / 1000)`,
    [account, deviceId, since === null ? 0 : since + 1],
  );
  const [row] = rows;
  if (row === undefined) return null;
  const { readAt, ...position } = row;
  return { at: readAt, position: position.at === null ? null : position };
}
