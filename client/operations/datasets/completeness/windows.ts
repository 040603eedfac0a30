/** What is not complete in a dataset, and why: failed windows, doubted hours, rejected rows. */

import type { Pool } from 'pg';
import { z } from 'zod';
import { findAccount } from '../../../../settings/accounts/accounts';
import { readStorableTime } from '../../../../store/clock';
import { listSeries, type Series } from '../../../../store/datasets/datasets';
import { type FailedWindow, failedWindows } from '../../../../store/datasets/failed-windows';
import {
  acceptDoubts,
  type DoubtedSpan,
  doubtedSpans,
} from '../../../../store/datasets/ingest/doubted-hours';
import { listSetAside, type StoredSetAside } from '../../../../store/datasets/ingest/set-aside';
import type { Backend } from '../../backend/backend';
import { hour, inOrder, name, type Span, spanOrNone, whole } from '../../fields';
import { spanJson } from '../../json';
import { operation } from '../../operation';
import { chooseSynced } from '../../settings/choose';
import { isoOrNull } from '../../time-text';

/** As far as Postgres's time goes, for what is listed without a span. */
const EVER = { from: 0, to: Date.parse('9999-01-01T00:00:00Z') };

interface DatasetOf {
  readonly dataset: string;
  readonly account: string;
}

type Named<T> = T & { readonly partition: Series['partition'] };

export interface Found<T> extends DatasetOf {
  readonly rows: readonly Named<T>[];
}

const dataset = { dataset: name, account: name.optional() };
const optionalSpan = { from: hour.optional(), to: hour.optional() };

export const listFailedWindows = operation({
  about: 'windows that failed: why, how often, and when each is tried again',
  input: z.strictObject({ ...dataset, ...optionalSpan }),
  json: ({ rows }: Found<FailedWindow>) =>
    rows.map((window) => ({
      ...spanJson(window),
      partition: window.partition,
      cause: window.cause,
      reason: window.reason,
      tries: window.tries,
      since: isoOrNull(window.since),
      lastTry: isoOrNull(window.failedAt),
      nextTry: isoOrNull(window.retryAt),
    })),
  run: (backend, input) => listed(backend, input, failedWindows),
});

export const listDoubts = operation({
  about:
    'hours for which the vendor has reported far fewer rows than are known; the known rows stay until it is certain',
  input: z.strictObject({ ...dataset, ...optionalSpan }),
  json: ({ rows }: Found<DoubtedSpan>) =>
    rows.map((one) => ({
      ...spanJson(one),
      partition: one.partition,
      knownRows: one.known,
      reportedRows: one.reported,
      answers: one.answers,
      since: isoOrNull(one.firstAt),
      recheckAt: isoOrNull(one.recheckAt),
      accepted: one.accepted,
    })),
  run: (backend, input) => listed(backend, input, doubtedSpans),
});

export const acceptDoubtedHours = operation({
  about: 'accept what the vendor reports of a span: its next answer, which is asked for soon, counts',
  // Rows will be deleted: the caller has to name the hours.
  input: z.strictObject({ ...dataset, from: hour, to: hour }),
  run: async (backend, { account, dataset: id, ...ends }) => {
    const span = inOrder(ends);
    const of = { dataset: id, account: chooseSynced(backend.settings, id, account) };
    const { poolKey } = findAccount(backend.settings, of.account);
    const accepted = await backend.database(async (db) => {
      const seriesIds = (await listSeries(db, of)).map((series) => series.id);
      return acceptDoubts(db, {
        seriesIds,
        span,
        by: backend.caller,
        now: await readStorableTime(db),
        poolKey,
      });
    });
    return { accepted };
  },
});

export const listSetAsideRows = operation({
  about: 'rows of documents that could not be used, and why; the latest first',
  input: z.strictObject({ ...dataset, ...optionalSpan, limit: whole(1).default(1000) }),
  json: ({ rows }: Found<StoredSetAside>) =>
    rows.map((row) => ({
      document: spanJson(row.span),
      partition: row.partition,
      code: row.code,
      problem: row.problem,
      row: row.index < 0 ? null : row.index,
      start: isoOrNull(row.start),
      key: row.key,
      text: row.text,
      at: isoOrNull(row.setAsideAt),
    })),
  run: (backend, { limit, ...input }) =>
    listed(backend, input, (db, ids, span) => listSetAside(db, ids, span, limit)),
});

interface Asked {
  readonly dataset: string;
  readonly account?: string | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

async function listed<T extends { readonly seriesId: number }>(
  backend: Backend,
  { dataset: id, account, ...ends }: Asked,
  read: (db: Pool, seriesIds: readonly number[], span: Span) => Promise<readonly T[]>,
): Promise<Found<T>> {
  const span = spanOrNone(ends) ?? EVER;
  const of = { dataset: id, account: chooseSynced(backend.settings, id, account) };
  return backend.database(async (db) => {
    const series = await listSeries(db, of);
    const partitions = new Map(series.map((one) => [one.id, one.partition]));
    const found = await read(
      db,
      series.map((one) => one.id),
      span,
    );
    return { ...of, rows: found.map((one) => ({ ...one, partition: partitions.get(one.seriesId) ?? {} })) };
  });
}
