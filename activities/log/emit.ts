/** Events as lines of the log, under the names and levels of the catalogue (quota/events.ts). */
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { EVENTS, type EventData, type EventKind, type StoredEventKind } from '../../quota/events';
import { insertEvent } from '../../store/events/events';

/** What a line says besides the event's own fields: whose it is, and the error behind it. */
interface Context {
  readonly pool?: string | null;
  readonly err?: unknown;
}

/** Writes a line of the log. Where the event has a row as well, its writer is in store/. */
export function logEvent<Kind extends EventKind>(
  log: Logger,
  kind: Kind,
  data: EventData<Kind> & Context,
  message: string,
): void {
  const line: Record<string, unknown> = { event: kind, ...data };
  log[EVENTS[kind].level](line, message);
}

/** Stores an event and writes its line. */
export async function emit<Kind extends StoredEventKind>(
  deps: { readonly db: Pool; readonly log: Logger },
  kind: Kind,
  pool: string | null,
  data: EventData<Kind>,
  message: string,
): Promise<void> {
  logEvent(deps.log, kind, { ...data, ...(pool === null ? {} : { pool }) }, message);
  await insertEvent(deps.db, kind, pool, data);
}
