/** Exports any number of rows of a dataset as CSV or JSON Lines. */
import type { Writable } from 'node:stream';
import { z } from 'zod';
import { fleetKindOf } from '../../../settings';
import { listSeries } from '../../../store/datasets/datasets';
import { exportRows } from '../../../store/datasets/export';
import { exportFleet } from '../../../store/fleet/export';
import { problem } from '../errors';
import { hour, inOrder, name } from '../fields';
import { hint } from '../hints';
import { operation } from '../operation';
import { chooseDataset, chooseFleet } from '../settings/choose';

const FORMATS = ['csv', 'jsonl'] as const;

export const exportDataset = operation({
  about: 'rows as CSV or JSON Lines',
  input: z.strictObject({
    dataset: name,
    account: name.optional(),
    from: hour,
    to: hour,
    format: z.enum(FORMATS, { error: `is none of ${FORMATS.join(', ')}` }).default('csv'),
  }),
  /** Writes to `out` and ends it. */
  run: async (backend, { dataset, account, format, ...ends }, out: Writable) => {
    const span = inOrder(ends);
    if (fleetKindOf(dataset) !== null) {
      const fleet = chooseFleet(backend.settings, dataset, account);
      const request = { kind: fleet.terms.kind, account: fleet.account.name, span, format };
      return { rows: await backend.database((db) => exportFleet(db, request, out), 'bulk') };
    }
    const { dataset: described, account: owner } = chooseDataset(backend.settings, dataset, account);
    const rows = await backend.database(async (db) => {
      const series = await listSeries(db, { dataset, account: owner.name });
      if (series.length === 0) {
        throw problem(
          'NOT_FOUND',
          null,
          `nothing of ${dataset} was ever fetched for ${owner.name}: start with ${hint('backfill start', dataset, '…')}`,
        );
      }
      return exportRows(db, { dataset: described, series: series.map(({ id }) => id), span, format }, out);
    }, 'bulk');
    return { rows };
  },
});
