/**
 * Waits while tables and functions change, for the process that migrates and for those that use the tables. Neither
 * wait blocks others: a change that waits for a table gives up after some seconds, lets the queries behind it pass,
 * and tries again.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ClientBase } from 'pg';
import { MINUTE_MS } from '../quota/durations';
import { SILENCE_MS } from './connections/session';

/** Any constant will do, as long as nobody else on this database uses it. */
const MIGRATION_LOCK = '7309453216654021';
const POLL_MS = 100;
/** A migration by another process that takes longer than this is logged, ms. */
const LONGEST_MIGRATION_MS = 10 * MINUTE_MS;
/** Between two tries to change a table that is in use, ms. */
const RETRY_MS = 500;
const TRIES = 15;
/** Postgres: `lock_timeout` was over. */
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Waits until this session alone may migrate. The lock is the session's, for it outlives each file's transaction; it goes
 * away with the connection, so that a killed process leaves none behind, and one that is frozen loses it.
 * @throws Error after ten minutes, naming who holds it.
 */
export async function lockMigrations(client: ClientBase): Promise<void> {
  // Postgres 14 and later: between two transactions a frozen process would keep the lock.
  await client.query(
    `select set_config(name, $1, false) from pg_settings where name = 'idle_session_timeout'`,
    [String(2 * SILENCE_MS)],
  );
  const deadline = performance.now() + LONGEST_MIGRATION_MS;
  for (;;) {
    const { rows } = await client.query<{ locked: boolean }>(
      'select pg_try_advisory_lock($1::bigint) as locked',
      [MIGRATION_LOCK],
    );
    if (rows[0]?.locked) return;
    if (performance.now() > deadline) {
      throw new Error(`another process has been migrating for ten minutes: ${await holder(client)}`);
    }
    await delay(POLL_MS);
  }
}

async function holder(client: ClientBase): Promise<string> {
  const { rows } = await client.query<{ pid: number; what: string }>(
    `select a.pid, a.application_name || ', ' || a.state as what from pg_locks l join pg_stat_activity a using (pid)
     where l.locktype = 'advisory' and l.granted and (l.classid::bigint << 32 | l.objid::bigint) = $1::bigint`,
    [MIGRATION_LOCK],
  );
  return (
    rows.map(({ pid, what }) => `process ${pid} of the database (${what})`).join('; ') || 'it has just ended'
  );
}

/**
 * Runs a change, a transaction of its own, again when it could not have a lock in time.
 * @throws Error when others hold the table for more than a minute; what the change throws otherwise.
 */
export async function withoutWaiting<T>(change: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await change();
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
      if (tries === TRIES) {
        throw new Error(
          'a table is in use by others all the time (select * from pg_stat_activity shows whom); end them, or try again when they have ended',
          { cause: error },
        );
      }
      await delay(RETRY_MS);
    }
  }
}

function isLockTimeout(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ((at as { code?: unknown }).code === LOCK_NOT_AVAILABLE) return true;
  }
  return false;
}
