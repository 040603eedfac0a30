/**
 * Connection poolers between us and Postgres. Sluice relies on its sessions: their time zone and schema, their
 * timeouts, which keep a frozen process from stopping all others, and a lock that migrations hold over several
 * transactions. A pooler in transaction mode hands each transaction to another session, where none of that holds, and it
 * would go wrong late and rarely. So it is refused by name at the first connection.
 *
 * A pooler in session mode is fine; where it does not pass settings on at the start, they are set afterwards.
 */
import type { Client, ClientBase } from 'pg';
import { type ConnectionUse, sessionSettings } from './session';

/** The URL leads to a pooler that Sluice cannot work with. Says what to set. */
export class UnsupportedPooler extends Error {
  override readonly name = 'UnsupportedPooler';
}

const ADVICE =
  'Sluice keeps a few connections open by itself and needs no pooler: give it the address of Postgres. ' +
  'Otherwise let its user have a pooler in session mode (PgBouncer: pool_mode=session and ignore_startup_parameters=options)';

/** What a server answers that takes no settings at the start; Postgres itself has no such answer. */
const PROTOCOL_VIOLATION = '08P01';

/** @returns what to say of an error at the start of a connection: the same, unless a pooler has refused. */
export function explainRefusal(error: unknown): unknown {
  if (!(error instanceof Error) || (error as { code?: unknown }).code !== PROTOCOL_VIOLATION) return error;
  return new UnsupportedPooler(
    `the database's address leads to a connection pooler that refuses session settings (${error.message}). ${ADVICE}`,
    { cause: error },
  );
}

/**
 * Looks at a new connection before it is used.
 * @param another opens one more connection to the same address, and is called only behind a pooler.
 * @returns the pid of the process that serves it; NaN when it says none.
 * @throws UnsupportedPooler behind one in transaction or statement mode.
 */
export async function checkSession(
  client: ClientBase,
  use: ConnectionUse,
  another: () => Promise<Client>,
): Promise<number> {
  // One round trip, each time: a pooler may come between us and Postgres at any reconnection.
  const { rows } = await client.query<{ pid: number; idle: string }>(
    `select pg_backend_pid() as pid, current_setting('idle_in_transaction_session_timeout') as idle`,
  );
  const row = rows[0];
  if (row === undefined) return Number.NaN;
  // Postgres sends the pid of its own process at the start; a pooler makes one up.
  const announced = (client as ClientBase & { readonly processID?: number | null }).processID;
  if (announced === undefined || announced === null || announced === row.pid) return row.pid;
  const second = await another();
  try {
    for (let i = 0; i < TRIES; i++) {
      if ((await pidOf(second)) === (await pidOf(client))) throw inTransactionMode();
      if ((await pidOf(client)) !== row.pid) throw inTransactionMode();
    }
  } finally {
    await second.end();
  }
  for (const [name, value] of Object.entries(sessionSettings(use))) {
    await client.query('select set_config($1, $2, false)', [name, value]);
  }
  return row.pid;
}

/** Others may take the session in between, in which case a try shows nothing. */
const TRIES = 5;

async function pidOf(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? Number.NaN;
}

function inTransactionMode(): UnsupportedPooler {
  return new UnsupportedPooler(
    `the database's address leads to a connection pooler in transaction mode, which is not supported: two of our ` +
      `connections share one session of Postgres. ${ADVICE}`,
  );
}
