/** Asks Postgres, over a connection made for that, what it does for other connections of ours. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import { connectionTrouble } from './connection-trouble';
import type { Sessions } from './guarded-pool';

/** A server that takes longer is silent, ms. */
const ANSWER_MS = 5_000;

/**
 * @param open makes a connection whose every wait is bounded by the time given, ms.
 * @returns null when it is silent. Where it says why it lets nobody in, it is not silent, and
 * works on as far as we know.
 */
export async function lookAtSessions(
  open: (withinMs: number) => Promise<Client>,
  pids: readonly number[],
  withinMs = ANSWER_MS,
): Promise<Sessions> {
  const asked = read(() => open(withinMs), pids).catch((error: unknown): Sessions => {
    return isSilence(error) ? null : new Map(pids.map((pid) => [pid, null]));
  });
  const late = new AbortController();
  const found = await Promise.race([asked, delay(withinMs, null, { signal: late.signal }).catch(() => null)]);
  late.abort();
  return found;
}

async function read(open: () => Promise<Client>, pids: readonly number[]): Promise<Sessions> {
  const client = await open();
  try {
    const { rows } = await client.query<{ pid: number; state: string | null }>(
      'select pid, state from pg_stat_activity where pid = any($1)',
      [pids],
    );
    return new Map(rows.map(({ pid, state }) => [pid, state]));
  } finally {
    client.end().catch(() => undefined);
  }
}

function isSilence(error: unknown): boolean {
  return connectionTrouble(error) !== null || 'syscall' in (error as object);
}
