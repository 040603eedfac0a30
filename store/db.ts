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
import { Client, type ClientConfig, type Pool, type PoolClient, types as pgTypes } from 'pg';
import { GuardedPool, type GuardTimes } from './connections/guarded-pool';
import { checkSession, explainRefusal } from './connections/pooler';
import {
  BOUNDS,
  CONNECT_MS,
  type ConnectionUse,
  SCHEMA,
  START_CONNECT_MS,
  sessionOptions,
} from './connections/session';
import { lookAtSessions } from './connections/session-look';
import { storable } from './storable';

export { type ConnectionUse, SCHEMA };

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
  /** What they are for, which bounds every wait. Default `work`. */
  readonly use?: ConnectionUse;
  /** Called when a connection breaks while idle. The pool replaces it; default: nothing happens. */
  readonly onIdleError?: (error: Error) => void;
  /** When a connection is taken for lost; for tests. */
  readonly guard?: GuardTimes;
}

/** Before a silent peer is probed (TCP keepalive), ms. */
const KEEP_ALIVE_MS = 5_000;

function connectionConfig(url: string, applicationName: string, use: ConnectionUse): ClientConfig {
  // Options in the URL are kept, but ours come last and win.
  let connectionString = url;
  let options = sessionOptions(use);
  if (/^postgres(ql)?:\/\//.test(url) && url.includes('options=')) {
    const parsed = new URL(url);
    const theirs = parsed.searchParams.get('options');
    parsed.searchParams.delete('options');
    connectionString = parsed.toString();
    if (theirs !== null) options = `${theirs} ${options}`;
  }
  const { queryMs } = BOUNDS[use];
  return {
    connectionString,
    application_name: applicationName,
    options,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    ...(queryMs === null ? {} : { query_timeout: queryMs }),
    types: { getTypeParser: getTypeParser as typeof pgTypes.getTypeParser },
  };
}

/**
 * One connection with Sluice's session settings and value parsers, checked. The caller ends it.
 * @throws UnsupportedPooler; what Postgres or the network say otherwise.
 */
export async function connect(
  url: string,
  applicationName = 'sluice',
  use: ConnectionUse = 'work',
): Promise<Client> {
  const client = await open(url, applicationName, use);
  try {
    await checkSession(client, use, () => open(url, applicationName, use));
  } catch (error) {
    await client.end();
    throw error;
  }
  return client;
}

/** @param withinMs longest wait for the connection, and then for each answer; left out: as the use has it. */
async function open(
  url: string,
  applicationName: string,
  use: ConnectionUse,
  withinMs?: number,
): Promise<Client> {
  const client = new StoringClient({
    ...connectionConfig(url, applicationName, use),
    connectionTimeoutMillis: withinMs ?? (use === 'schema' ? START_CONNECT_MS : CONNECT_MS),
    ...(withinMs === undefined ? {} : { query_timeout: withinMs }),
  });
  // One that breaks between two queries would end the process otherwise; the next query says that it broke.
  client.on('error', () => undefined);
  await client.connect().catch((error: unknown) => {
    throw explainRefusal(error);
  });
  return client;
}

/** A connection pool with Sluice's session settings and value parsers, that gives up what is silent. The caller ends it. */
export function createPool(url: string, options: PoolOptions = {}): GuardedPool {
  const { max = 10, applicationName = 'sluice', use = 'work', guard } = options;
  const { queueMs, keepMs } = BOUNDS[use];
  class KnownClient extends PooledClient {
    constructor(config?: string | ClientConfig) {
      super(config);
      pool.adopt(this);
    }
  }
  const pool: GuardedPool = new GuardedPool(
    {
      ...connectionConfig(url, applicationName, use),
      Client: KnownClient,
      max,
      idleTimeoutMillis: keepMs,
      ...(queueMs === null ? {} : { connectionTimeoutMillis: queueMs }),
      onConnect: async (client) => {
        pool.identify(client, await checkSession(client, use, () => open(url, applicationName, use)));
      },
    },
    (pids) => lookAtSessions((withinMs) => open(url, WATCH_NAME, 'permits', withinMs), pids),
    guard,
  );
  // Without a listener a broken idle connection (Postgres restarting) would end the process.
  pool.on('error', (error) => options.onIdleError?.(error));
  // The same holds for one that breaks between two queries of a transaction: its next query will say so.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** Of connections that look how others are; shown in `pg_stat_activity`. */
const WATCH_NAME = 'sluice-watch';

/** Whether Postgres lets us in, or says why not, within this time, ms. */
export async function databaseAnswers(url: string, withinMs: number): Promise<boolean> {
  return (await lookAtSessions((ms) => open(url, WATCH_NAME, 'permits', ms), [], withinMs)) !== null;
}

/** Takes out of every parameter what Postgres refuses in any text. */
class StoringClient extends Client {
  // The overloads of `Client.query`, which this passes on as they come.
  override query(...args: never[]): never {
    const [statement, values, ...rest] = args as unknown[];
    const clean = Array.isArray(values) ? storable(values) : values;
    return (super.query as (...all: unknown[]) => never)(cleanConfig(statement), clean, ...rest);
  }
}

function cleanConfig(statement: unknown): unknown {
  if (typeof statement !== 'object' || statement === null || 'submit' in statement) return statement;
  return 'values' in statement && Array.isArray(statement.values)
    ? { ...statement, values: storable(statement.values) }
    : statement;
}

/** A wait for a connection that is in use and one for a new connection are bounded each by its own time. */
class PooledClient extends StoringClient {
  constructor(config?: string | ClientConfig) {
    super({ ...(config as ClientConfig), connectionTimeoutMillis: CONNECT_MS });
  }

  override connect(): Promise<Client>;
  override connect(callback: (error: Error) => void): void;
  override connect(callback?: (error: Error) => void): Promise<Client> | undefined {
    if (callback === undefined) return super.connect();
    super.connect((error: Error) => callback(explainRefusal(error) as Error));
    return undefined;
  }
}

/** A rollback that takes longer than this will not be answered, ms. */
const ROLLBACK_MS = 1_000;

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
    await rollBack(client).catch((rollbackError: Error) => {
      broken = rollbackError;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

async function rollBack(client: PoolClient): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the rollback was not answered')), ROLLBACK_MS);
  });
  try {
    await Promise.race([client.query('rollback'), late]);
  } finally {
    clearTimeout(timer);
  }
}
