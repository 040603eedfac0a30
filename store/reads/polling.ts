/** What a polling plan is made from: the age of answers, failures, the latest values, and calls spent under a limit. */
import type { Pool } from 'pg';
import type { ReadValue } from '../../vendors/capabilities/vehicles';

export interface ReadAge {
  readonly vehicleId: string;
  readonly read: string;
  /** Of the last whole answer with any parameters, epoch ms; null: never. */
  readonly answeredAt: number | null;
  /** Failures in a row. */
  readonly failures: number;
  readonly failedAt: number | null;
  readonly retryAt: number | null;
  /** In how many calls its latest answers came, at most; null when nobody has counted. */
  readonly pages: number | null;
}

/** All reads of an account, those of the account as a whole with an empty vehicle. */
export async function readAges(db: Pool, account: string): Promise<ReadAge[]> {
  const { rows } = await db.query<ReadAge>(
    `select distinct on (vehicle_id, read) vehicle_id as "vehicleId", read,
       max(greatest(answered_at, streamed_at)) over of_read as "answeredAt",
       max(pages) filter (where answered_at > clock_timestamp() - interval '7 days') over of_read as pages,
       failures, failed_at as "failedAt", retry_at as "retryAt"
     from reads where account = $1
     window of_read as (partition by vehicle_id, read)
     order by vehicle_id, read, greatest(asked_at, answered_at, failed_at) desc nulls last`,
    [account],
  );
  return rows;
}

/** The latest values of one read, by vehicle. */
export async function latestValues(
  db: Pool,
  account: string,
  read: string,
): Promise<ReadonlyMap<string, Readonly<Record<string, ReadValue>>>> {
  const { rows } = await db.query<{ vehicleId: string; name: string } & ReadValue>(
    `select r.vehicle_id as "vehicleId", v.name, v.state, v.value, v.unit, v.at
     from reads r join read_values v on v.read_id = r.id where r.account = $1 and r.read = $2`,
    [account, read],
  );
  const found = new Map<string, Record<string, ReadValue>>();
  for (const { vehicleId, name, ...value } of rows) {
    const values: Record<string, ReadValue> = found.get(vehicleId) ?? Object.create(null);
    values[name] = value;
    found.set(vehicleId, values);
  }
  return found;
}

export interface LimitSpending {
  /** The database's clock, epoch ms. */
  readonly now: number;
  /** Null when nothing was ever called under it. */
  readonly limit: {
    readonly kind: string;
    readonly capacity: number;
    /** Share that scheduled work may use. */
    readonly share: number;
    readonly used: number;
    /** When the calendar window ends; null when nothing is used in it. */
    readonly resetsAt: number | null;
    readonly blockedUntil: number | null;
    /** Of a rolling one: when units were taken, in order, one entry a unit. */
    readonly spent: readonly number[];
  } | null;
}

/** @param key of the limit. */
export async function limitSpending(db: Pool, key: string): Promise<LimitSpending> {
  const { rows } = await db.query<{ now: number; limit: LimitSpending['limit'] }>(
    `select now_ms() as now,
       (select json_build_object('kind', s.kind, 'capacity', s.capacity, 'share', l.share_scheduled, 'used', s.used,
          'resetsAt', s.resets_at, 'blockedUntil', s.blocked_until,
          'spent', (select coalesce(json_agg(e.at order by e.at), '[]'::json)
                    from limit_events e, generate_series(1, ceil(e.units)::integer)
                    where e.limit_id = l.id and e.at > now_ms() - l.period_ms))
        from limit_status s join limits l on l.key = s.key where s.key = $1) as "limit"`,
    [key],
  );
  const [row] = rows;
  return row ?? { now: Date.now(), limit: null };
}
