/** Use cases of events for programs: pages of them, and the stream. */
import { z } from 'zod';
import { EVENT_KINDS, isEventKind } from '../../../quota/events';
import { listEvents, type StoredEvent } from '../../../store/events/events';
import { cursorOf, readCursor } from '../cursor';
import { invalid } from '../errors';
import { name, whole } from '../fields';
import { operation } from '../operation';
import { poolsNamed } from '../pools/pools';
import { isoOrNull } from '../time-text';

const CURSOR = 'events';

export interface EventPage {
  readonly events: readonly StoredEvent[];
  /** Null after the oldest. */
  readonly next: string | null;
}

export const pageEvents = operation({
  about: 'what happened, newest first, page by page',
  input: z.strictObject({
    /** An account, or a pool by its key. */
    pool: name.optional(),
    kind: z.array(name).optional(),
    limit: whole(1, 1000).default(100),
    cursor: z.string().optional(),
  }),
  json: ({ events, next }: EventPage) => ({ events: events.map(eventJson), next }),
  run: async (backend, { limit, cursor, kind: kinds = [], ...given }): Promise<EventPage> => {
    const pool = given.pool === undefined ? undefined : poolsNamed(backend.settings, given.pool);
    checkKinds(kinds);
    const [before] = cursor === undefined ? [] : readCursor(CURSOR, cursor, 1);
    if (before !== undefined && !Number.isSafeInteger(before))
      throw invalid('cursor', 'is no cursor of this list');
    const events = await backend.database((db) =>
      listEvents(db, { pool, kinds, before: before as number | undefined, limit: limit + 1 }),
    );
    const page = events.slice(0, limit);
    const last = page.at(-1);
    return { events: page, next: events.length > limit && last ? cursorOf(CURSOR, [last.id]) : null };
  },
});

/** @throws OperationError for one that there is not. */
export function checkKinds(kinds: readonly string[]): void {
  const unknown = kinds.find((one) => !isEventKind(one));
  if (unknown !== undefined)
    throw invalid(
      'kind',
      `"${unknown}" is no kind of event; there are ${EVENT_KINDS.join(', ')}`,
      'UNKNOWN_NAME',
    );
}

export function eventJson({ at, ...event }: StoredEvent) {
  return { ...event, at: isoOrNull(at) };
}
