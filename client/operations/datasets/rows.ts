/** Rows of a dataset for programs, page by page. */
import { z } from 'zod';
import { fleetKindOf } from '../../../settings';
import { listSeries } from '../../../store/datasets/datasets';
import {
  type DatasetRow,
  fleetRowKeys,
  readFleetRows,
  readRows,
  rowKeys,
} from '../../../store/datasets/rows';
import { cursorOf, readCursor } from '../cursor';
import { hour, inOrder, name, whole } from '../fields';
import { operation } from '../operation';
import { chooseDataset, chooseFleet } from '../settings/choose';
import { isoOrNull } from '../time-text';

const CURSOR = 'rows';

export interface DatasetRows {
  readonly rows: readonly DatasetRow[];
  /** Names of columns that hold instants. */
  readonly times: ReadonlySet<string>;
  /** Null after the last. */
  readonly next: string | null;
}

const TIMES: ReadonlySet<string> = new Set(['start_time', 'end_time', 'at', 'arrived_at']);

export const pageRows = operation({
  about: 'rows that begin in a span, page by page; amounts are decimal strings',
  input: z.strictObject({
    dataset: name,
    account: name.optional(),
    from: hour,
    to: hour,
    limit: whole(1, 5000).default(500),
    cursor: z.string().optional(),
  }),
  json: ({ rows, times, next }: DatasetRows) => ({
    rows: rows.map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([key, value]) => [
          key,
          times.has(key) && typeof value === 'number' ? isoOrNull(value) : value,
        ]),
      ),
    ),
    next,
  }),
  run: async (backend, { dataset, account, limit, cursor, ...ends }): Promise<DatasetRows> => {
    const span = inOrder(ends);
    const after = (keys: readonly string[]) =>
      cursor === undefined ? null : readCursor(`${CURSOR} ${dataset}`, cursor, keys.length).map(String);
    const page = await backend.database(async (db) => {
      const kind = fleetKindOf(dataset);
      if (kind !== null) {
        const fleet = chooseFleet(backend.settings, dataset, account);
        const request = { span, limit, after: after(fleetRowKeys(fleet.terms.kind)) };
        return readFleetRows(db, fleet.terms.kind, fleet.account.name, request);
      }
      const { dataset: described, account: owner } = chooseDataset(backend.settings, dataset, account);
      const request = { span, limit, after: after(rowKeys(described)) };
      const series = await listSeries(db, { dataset, account: owner.name });
      if (series.length === 0) return { rows: [], next: null };
      return readRows(
        db,
        described,
        series.map(({ id }) => id),
        request,
      );
    });
    return {
      rows: page.rows,
      times: TIMES,
      next: page.next === null ? null : cursorOf(`${CURSOR} ${dataset}`, page.next),
    };
  },
});
