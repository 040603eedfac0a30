/**
 * Session settings of all our Postgres connections, and how long one session may keep others waiting.
 *
 * A process may be frozen or cut off at any moment, also inside a transaction. Postgres then ends its session after
 * `idle_in_transaction_session_timeout`, which frees its locks, and gives up a result that is not read after
 * `tcp_user_timeout`. On our side a query without an answer is given up after `queryMs`, together with its connection.
 * All of these are short enough that nobody waits longer than ten seconds for a silent process.
 */
import { MINUTE_MS } from '../../quota/durations';

/** The schema that holds everything Sluice stores. */
export const SCHEMA = 'sluice';

/**
 * - `permits`: permits, pool states, limits: milliseconds each, and everybody's next call waits for them.
 * - `work`: everything else that is short.
 * - `bulk`: documents, exports, clearing away. Long statements, but none that holds a lock others need for long.
 * - `schema`: migrations.
 */
export type ConnectionUse = 'permits' | 'work' | 'bulk' | 'schema';

interface Bounds {
  /** Longest statement, ms. */
  readonly statementMs: number;
  /** Longest wait for one lock, ms. */
  readonly lockMs: number;
  /** Longest wait of ours for an answer, ms; null: as long as the statement may take. */
  readonly queryMs: number | null;
  /** Longest wait for a connection of a pool that are all in use, ms; null: no end. */
  readonly queueMs: number | null;
  /** A result that nobody takes is given up after, ms. */
  readonly unreadMs: number;
  /** An idle connection of a pool is closed after, ms. */
  readonly keepMs: number;
}

/** Longest silence of ours inside a transaction, ms. */
export const SILENCE_MS = 5_000;

export const BOUNDS: Readonly<Record<ConnectionUse, Bounds>> = {
  // Locks are waited for longer than a silent holder keeps them, so that a waiter is served and not refused.
  permits: {
    statementMs: 8_000,
    lockMs: 7_000,
    queryMs: 9_000,
    queueMs: 10_000,
    unreadMs: 2 * SILENCE_MS,
    keepMs: 10 * MINUTE_MS,
  },
  work: {
    statementMs: 30_000,
    lockMs: 8_000,
    queryMs: 35_000,
    queueMs: 30_000,
    unreadMs: 2 * SILENCE_MS,
    keepMs: 10_000,
  },
  bulk: {
    statementMs: 30 * MINUTE_MS,
    lockMs: 2 * MINUTE_MS,
    queryMs: null,
    queueMs: null,
    unreadMs: 10 * MINUTE_MS,
    keepMs: 10_000,
  },
  schema: {
    statementMs: 30 * MINUTE_MS,
    lockMs: 4_000,
    queryMs: null,
    queueMs: null,
    unreadMs: 2 * SILENCE_MS,
    keepMs: 10_000,
  },
};

/** Longest wait for a new connection, ms. */
export const CONNECT_MS = 8_000;
/** At a start there is nothing else to do, and the machine may be busy with the start itself. */
export const START_CONNECT_MS = 30_000;

/**
 * Settings of each session. Our schema first; ISO dates in UTC for the parsers; the isolation level and durability that
 * the SQL is written for, whatever the role's or the database's defaults are.
 */
export function sessionSettings(use: ConnectionUse): Readonly<Record<string, string>> {
  const { statementMs, lockMs, unreadMs } = BOUNDS[use];
  return {
    search_path: `${SCHEMA},public`,
    timezone: 'UTC',
    datestyle: 'ISO',
    intervalstyle: 'iso_8601',
    bytea_output: 'hex',
    default_transaction_isolation: 'read committed',
    default_transaction_read_only: 'off',
    synchronous_commit: 'on',
    statement_timeout: String(statementMs),
    lock_timeout: String(lockMs),
    idle_in_transaction_session_timeout: String(SILENCE_MS),
    tcp_user_timeout: String(unreadMs),
    tcp_keepalives_idle: '5',
    tcp_keepalives_interval: '1',
    tcp_keepalives_count: '5',
  };
}

/** The same as the `options` of a connection. */
export function sessionOptions(use: ConnectionUse): string {
  return Object.entries(sessionSettings(use))
    .map(([name, value]) => `-c ${name}=${value.replace(/[\\ ]/g, '\\$&')}`)
    .join(' ');
}
