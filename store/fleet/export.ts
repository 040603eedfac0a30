/** Exports positions and trips of a fleet, as the views show them. */
import type { Writable } from 'node:stream';
import type { Pool } from 'pg';
import type { FleetKind } from '../../vendors/fleet-datasets';
import { copyOf, copyOut, type ExportFormat } from '../datasets/export';
import { type Span, toRange } from '../datasets/span';
import { toTimestamptz } from '../db';

export interface FleetExport {
  /** `positions`: all that are known; `tracks`: those that a backfill has brought. */
  readonly kind: FleetKind;
  readonly account: string;
  /** Rows that begin in it. */
  readonly span: Span;
  readonly format: ExportFormat;
  readonly signal?: AbortSignal;
}

const POSITION_COLUMNS = [
  'account',
  'device_id',
  'at',
  'arrived_at',
  'latitude',
  'longitude',
  'speed',
  'course',
  'odometer',
  'status',
  'status_text',
  'alarm',
  'moving',
  'source',
];
const TRIP_COLUMNS = [
  'account',
  'device_id',
  'start_time',
  'end_time',
  'distance',
  'max_speed',
  'average_speed',
  'duration_ms',
  'start_latitude',
  'start_longitude',
  'end_latitude',
  'end_longitude',
];
const TIMES: ReadonlySet<string> = new Set(['at', 'arrived_at', 'start_time', 'end_time']);

/** Columns of the view that holds such rows. */
export function fleetColumns(kind: FleetKind): readonly string[] {
  return kind === 'trips' ? TRIP_COLUMNS : POSITION_COLUMNS;
}

/** Names of accounts as the settings allow them: safe in SQL text. */
const ACCOUNT = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** Sorted by device and time. @returns the number of rows. */
export function exportFleet(pool: Pool, request: FleetExport, writable: Writable): Promise<number> {
  const { kind, account, span, format } = request;
  if (!ACCOUNT.test(account)) throw new RangeError(`"${account}" is not the name of an account`);
  toRange(span);
  const isTrips = kind === 'trips';
  const time = isTrips ? 'start_time' : 'at';
  const columns = fleetColumns(kind).map((name) => ({
    name,
    sql: `v.${name}`,
    ...(TIMES.has(name) ? { time: true as const } : {}),
  }));
  const statement = copyOf(
    format,
    columns,
    `${isTrips ? 'trips' : 'positions'} v
      where v.account = '${account}' and v.${time} >= '${toTimestamptz(span.from)}'
        and v.${time} < '${toTimestamptz(span.to)}'${kind === 'tracks' ? " and v.source = 'track'" : ''}
      order by v.device_id, v.${time}`,
  );
  const header = columns.map(({ name }) => name);
  const { signal } = request;
  return copyOut(
    pool,
    { format, header, statements: [statement], ...(signal === undefined ? {} : { signal }) },
    writable,
  );
}
