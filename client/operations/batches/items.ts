/** A batch's items for programs, page by page; the failed ones say why. */
import { z } from 'zod';
import { type BatchItem, ITEM_STATES, listItems } from '../../../store/batches/items';
import { cursorOf, readCursor } from '../cursor';
import { invalid } from '../errors';
import { whole } from '../fields';
import { operation } from '../operation';
import { isoOrNull } from '../time-text';
import { chooseBatch } from './batch';
import { batch } from './batches';

const CURSOR = 'items';

export interface ItemPage {
  readonly items: readonly BatchItem[];
  readonly next: string | null;
}

export const pageItems = operation({
  about: 'items in the order of the input, page by page; those that failed say why',
  input: z.strictObject({
    batch,
    /** Of these alone, e.g. `failed`. */
    state: z.array(z.enum(ITEM_STATES, { error: `must be one of ${ITEM_STATES.join(', ')}` })).optional(),
    limit: whole(1, 5000).default(500),
    cursor: z.string().optional(),
  }),
  json: ({ items, next }: ItemPage) => ({
    items: items.map(({ seq: _, nextAttemptAt, answeredAt, ...item }) => ({
      ...item,
      nextAttemptAt: isoOrNull(nextAttemptAt),
      answeredAt: isoOrNull(answeredAt),
    })),
    next,
  }),
  run: async (backend, { limit, cursor, state: states = [], ...given }): Promise<ItemPage> => {
    return backend.database(async (db) => {
      const found = await chooseBatch(db, given.batch);
      const kind = `${CURSOR} ${found.id}`;
      const [after = -1] = cursor === undefined ? [] : readCursor(kind, cursor, 1);
      if (!Number.isSafeInteger(after)) throw invalid('cursor', 'is no cursor of this list');
      const items = await listItems(db, found.id, { states, after: Number(after), limit: limit + 1 });
      const page = items.slice(0, limit);
      const last = page.at(-1);
      return { items: page, next: items.length > limit && last ? cursorOf(kind, [last.seq]) : null };
    });
  },
});
