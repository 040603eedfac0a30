/**
 * Connections to Postgres. Every connection of Sluice has the same session settings and the same way of
 * turning column values into JavaScript values, so that a query's result type is known from its SQL:
 *
 * | column type                | value in code                                                              |
 * |----------------------------|----------------------------------------------------------------------------|
 * | int2, int4, float          | number                                                                     |
 * | int8 (count, sum of int4)  | number; reading one beyond ±2^53 is an error, never a rounded value        |
 * | numeric                    | string, every digit kept; never passes through a float                     |
 * | timestamptz                | epoch milliseconds, microseconds cut off downwards; ±Infinity for infinity |
 * | date, timestamp            | string as Postgres prints it (they carry no zone)                          |
 * | json, jsonb                | the parsed value                                                           |
 *
 * In the other direction, write times with `toTimestamptz(ms)`: a `Date` parameter would be rendered in the
 * process's zone by the driver, and numbers are not accepted by timestamptz.
 */
import { Pool, type PoolClient, types as pgTypes } from 'pg';

/** The schema that holds everything Sluice stores. */
export const SCHEMA = 'sluice';

/** Session settings for each connection: our schema first, and ISO dates in UTC for the parsers below. */
const SESSION_OPTIONS = `-c search_path=${SCHEMA},public -c timezone=UTC -c datestyle=ISO -c intervalstyle=iso_8601`;

const OID = {
  int8: 20,
  int8Array: 1016,
  date: 1082,
  timestamp: 1114,
  timestamptz: 1184,
  timestamptzArray: 1185,
};

function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) {
    throw new RangeError(`int8 value ${text} does not fit a JavaScript number exactly; select it as ::text`);
  }
  return value;
}

/** Postgres ISO output in UTC, e.g. `2026-11-23 22:42:35.123456+00`, as epoch milliseconds. */
export function parseTimestamptz(text: string): number {
  if (text === 'infinity') return Number.POSITIVE_INFINITY;
  if (text === '-infinity') return Number.NEGATIVE_INFINITY;
  const match = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?\+00$/.exec(text);
  if (match === null) {
    throw new RangeError(
      `timestamptz value "${text}" is not an ISO date in UTC; is the session's TimeZone UTC?`,
    );
  }
  const [, year, month, day, hour, minute, second, fraction = ''] = match;
  return Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
    Number(fraction.padEnd(3, '0').slice(0, 3)),
  );
}

/** Epoch milliseconds as a timestamptz parameter, exact. ±Infinity become Postgres's `infinity`. */
export function toTimestamptz(epochMs: number): string {
  if (epochMs === Number.POSITIVE_INFINITY) return 'infinity';
  if (epochMs === Number.NEGATIVE_INFINITY) return '-infinity';
  return new Date(epochMs).toISOString();
}

const parseTextArray = pgTypes.getTypeParser(1009 as never, 'text') as (text: string) => (string | null)[];

function arrayOf<T>(parseElement: (text: string) => T): (text: string) => (T | null)[] {
  return (text) => parseTextArray(text).map((element) => (element === null ? null : parseElement(element)));
}

const PARSERS: ReadonlyMap<number, (text: string) => unknown> = new Map<number, (text: string) => unknown>([
  [OID.int8, parseInt8],
  [OID.int8Array, arrayOf(parseInt8)],
  [OID.timestamptz, parseTimestamptz],
  [OID.timestamptzArray, arrayOf(parseTimestamptz)],
  [OID.date, (text) => text],
  [OID.timestamp, (text) => text],
]);

function getTypeParser(oid: number, format?: 'text' | 'binary') {
  return PARSERS.get(oid) ?? pgTypes.getTypeParser(oid as never, format as never);
}

export interface PoolOptions {
  /** Most connections held at once. Default 10. */
  readonly max?: number;
  /** Shown in `pg_stat_activity`. Default `sluice`. */
  readonly applicationName?: string;
  /** Told when a connection breaks while idle. The pool replaces it; default: nothing happens. */
  readonly onIdleError?: (error: Error) => void;
}

/** What `pg` needs to connect the way all of Sluice connects; for a `Client` of one's own. */
export function connectionConfig(url: string, applicationName = 'sluice') {
  // Options in the URL are kept, but ours come last and win.
  let connectionString = url;
  let options = SESSION_OPTIONS;
  if (/^postgres(ql)?:\/\//.test(url) && url.includes('options=')) {
    const parsed = new URL(url);
    const theirs = parsed.searchParams.get('options');
    parsed.searchParams.delete('options');
    connectionString = parsed.toString();
    if (theirs !== null) options = `${theirs} ${SESSION_OPTIONS}`;
  }
  return {
    connectionString,
    application_name: applicationName,
    options,
    types: { getTypeParser: getTypeParser as typeof pgTypes.getTypeParser },
  };
}

/** A connection pool with Sluice's session settings and value parsers. The caller ends it. */
export function createPool(url: string, options: PoolOptions = {}): Pool {
  const pool = new Pool({ ...connectionConfig(url, options.applicationName), max: options.max ?? 10 });
  // Without a listener a broken idle connection (Postgres restarting) would end the process.
  pool.on('error', (error) => options.onIdleError?.(error));
  // The same holds for one that breaks between two queries of a transaction: its next query will say so.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** Runs `work` in one transaction: committed when it returns, rolled back when it throws. */
export async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    // A failed rollback means that the connection's state is unknown: it must not go back to the pool.
    await client.query('rollback').catch((rollbackError: Error) => {
      broken = rollbackError;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}
