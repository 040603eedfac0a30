/** Refreshing a dataset of reports, and what is known of it, in the form that clients of the earlier services know. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { z } from 'zod';
import { HOUR_MS } from '../../../quota/durations';
import { isBlocked } from '../../../quota/pools/pool';
import { fleetKindOf } from '../../../settings';
import { chunkPolicy } from '../../../settings/datasets/report-context';
import { sumRows } from '../../../store/datasets/totals';
import { readStoppingPools } from '../../../store/pools/pools';
import type { Backend } from '../backend';
import { chooseDataset } from '../choose';
import { startBackfill } from '../datasets/backfills';
import { readWork } from '../datasets/work';
import { invalid, problem } from '../errors';
import { operation } from '../operation';
import { isoOrNull } from '../time-text';

const HOURS = { last_3h: 3, last_24h: 24 } as const;
type Window = keyof typeof HOURS;

/** Longest that a refresh is waited for, ms; it goes on by itself. */
const WAIT_MS = 45_000;

export interface Refreshed {
  readonly window: Window;
  /** What stopped it; null when it was begun. */
  readonly refused: string | null;
  readonly summary: {
    /** Epoch ms. */
    readonly from: number;
    readonly to: number;
    /** False: it goes on in the background. */
    readonly complete: boolean;
    readonly rows: number;
  } | null;
}

export const refreshDataset = operation({
  about: 'fetch the last hours of the dataset that the settings name for this endpoint',
  input: z.strictObject({
    window: z.enum(['last_3h', 'last_24h'], { error: 'must be last_3h or last_24h' }),
  }),
  json: ({ window, refused, summary }: Refreshed) =>
    refused !== null
      ? { status: 'error', error: 'QuotaExceeded', message: refused, window }
      : {
          status: 'success',
          window,
          ingest_summary: summary && { ...summary, from: isoOrNull(summary.from), to: isoOrNull(summary.to) },
        },
  run: async (backend, { window }): Promise<Refreshed> => {
    const { dataset, account, description, chunks } = chosen(backend);
    const refused = `${nameOf(account.vendor.id)} ${description.title} quota has been exceeded for now. Showing last known data.`;
    const isPaused = () => backend.database((db) => paused(db, account.poolKey));
    // The cooldown goes on: nothing is begun that would only wait for its end.
    if (await isPaused()) return { window, refused, summary: null };
    const to = Math.floor((Date.now() - chunks.safeLagMs) / HOUR_MS) * HOUR_MS;
    const from = to - HOURS[window] * HOUR_MS;
    const span = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
    const { workflowId, workerRuns } = await startBackfill(backend, {
      dataset,
      account: account.name,
      ...span,
    });
    if (!workerRuns) throw problem('NO_WORKER', null, `no worker runs: ${workflowId} waits for one`);
    const over = performance.now() + WAIT_MS;
    for (;;) {
      const complete = await backend.temporal(
        async (client) => !(await readWork(client, workflowId)).running,
      );
      if (!complete && (await isPaused())) return { window, refused, summary: null };
      if (complete || performance.now() > over) {
        const { rows } = await totals(backend, { from, to });
        return { window, refused: null, summary: { from, to, complete, rows } };
      }
      await delay(500);
    }
  },
});

export interface DatasetSummary {
  readonly dataset: string;
  readonly account: string;
  readonly spans: readonly {
    readonly window: Window;
    readonly rows: number;
    readonly totals: Readonly<Record<string, string>>;
  }[];
  /** Start of the latest row, epoch ms; null without any. */
  readonly latest: number | null;
}

export const summarizeDataset = operation({
  about: 'what is known of that dataset, from the database alone',
  input: z.strictObject({}),
  json: ({ latest, ...rest }: DatasetSummary) => ({ status: 'success', ...rest, latest: isoOrNull(latest) }),
  run: async (backend): Promise<DatasetSummary> => {
    const { dataset, account } = chosen(backend);
    const now = Date.now();
    const spans = await Promise.all(
      (['last_3h', 'last_24h'] as const).map(async (window) => {
        const found = await totals(backend, { from: now - HOURS[window] * HOUR_MS, to: now });
        return { window, ...found };
      }),
    );
    return {
      ...{ dataset, account: account.name, latest: spans.at(-1)?.latest ?? null },
      spans: spans.map(({ window, rows, totals: sums }) => ({ window, rows, totals: sums })),
    };
  },
});

function chosen({ settings }: Backend) {
  const { dataset, account } = settings.api.salesDataset ??
    settings.datasets.find((one) => fleetKindOf(one.dataset) === null) ?? {
      dataset: undefined,
      account: undefined,
    };
  if (dataset === undefined) {
    throw invalid(
      'dataset',
      'the settings list no dataset of reports: this endpoint has nothing to show',
      'UNKNOWN_NAME',
    );
  }
  const context = chooseDataset(settings, dataset, account);
  const { account: of, dataset: description } = context;
  return { dataset, account: of, description, chunks: chunkPolicy(context, null) };
}

/** `acme` is `Acme`. */
const nameOf = (id: string) => id.replace(/^./, (first) => first.toUpperCase());

async function paused(db: Pool, pool: string): Promise<boolean> {
  const now = Date.now();
  return (await readStoppingPools(db, pool)).some(({ state }) => isBlocked(state, now));
}

function totals(backend: Backend, span: { readonly from: number; readonly to: number }) {
  const { account, description } = chosen(backend);
  return backend.database((db) => sumRows(db, description, account.name, span));
}
