/**
 * Refreshes a dataset of reports and says what is known of it, in the form that clients of the earlier services
 * expect.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, WorkflowFailedError } from '@temporalio/client';
import type { Pool } from 'pg';
import { z } from 'zod';
import { HOUR_MS } from '../../../quota/durations';
import { isBlocked } from '../../../quota/pools/pool';
import type { HoldCause, PoolState } from '../../../quota/pools/state';
import { fleetKindOf } from '../../../settings';
import type { Account } from '../../../settings/accounts/accounts';
import { chunkPolicy } from '../../../settings/datasets/report-context';
import { sumRows } from '../../../store/datasets/totals';
import type { backfill } from '../../../workflows/reports/backfill';
import type { Backend } from '../backend/backend';
import { startBackfill } from '../datasets/backfills';
import { readWork, workerPolls } from '../datasets/work';
import { readAccountStanding } from '../datasets/work-wait';
import { invalid, messageOf } from '../errors';
import { operation } from '../operation';
import { chooseDataset } from '../settings/choose';
import { isoOrNull } from '../time-text';

const HOURS = { last_3h: 3, last_24h: 24 } as const;
type Window = keyof typeof HOURS;

/** Longest that a refresh is waited for, ms; it goes on by itself. */
const WAIT_MS = 45_000;

export const REFRESH_ERRORS = [
  ...(['QuotaExceeded', 'PausedByOperator', 'VendorUnavailable', 'CredentialsRefused'] as const),
  ...(['LoginNeeded', 'AccountStopped', 'AccessRefused', 'NoWorker', 'RefreshFailed'] as const),
] as const;

/** Why nothing is fetched: clients decide by `error`, people read the message. */
interface Refusal {
  readonly error: (typeof REFRESH_ERRORS)[number];
  readonly message: string;
}

export interface Refreshed {
  readonly window: Window;
  /** What stopped it; null when it was begun. */
  readonly refused: Refusal | null;
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
      ? { status: 'error' as const, ...refused, window }
      : {
          status: 'success' as const,
          window,
          ingest_summary: summary && { ...summary, from: isoOrNull(summary.from), to: isoOrNull(summary.to) },
        },
  run: async (backend, { window }): Promise<Refreshed> => {
    const { dataset, account, description, chunks } = chosen(backend);
    const title = `${nameOf(account.vendor.id)} ${description.title}`;
    const because = (error: Refusal['error'], words: string): Refreshed => ({
      ...{ window, summary: null },
      refused: { error, message: `${title} ${words}. Showing last known data.` },
    });
    const stopped = async () => {
      const why = await backend.database((db) => whyStopped(db, account, description.reportType));
      return why && because(why.error, why.words);
    };
    // The cooldown goes on: nothing is begun that would only wait for its end.
    const before = await stopped();
    if (before !== null) return before;
    const { taskQueue } = backend.settings.temporal;
    if (!(await backend.temporal((client) => workerPolls(client, taskQueue)))) {
      return because('NoWorker', 'cannot be refreshed now: no worker runs');
    }
    const to = Math.floor((Date.now() - chunks.safeLagMs) / HOUR_MS) * HOUR_MS;
    const from = to - HOURS[window] * HOUR_MS;
    const span = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
    const { workflowId } = await startBackfill(backend, { dataset, account: account.name, ...span });
    const over = performance.now() + WAIT_MS;
    for (;;) {
      const complete = await backend.temporal(
        async (client) => !(await readWork(client, workflowId)).running,
      );
      const failure = complete ? await backend.temporal((client) => failureOf(client, workflowId)) : null;
      const meanwhile = complete && failure === null ? null : await stopped();
      if (meanwhile !== null) return meanwhile;
      if (failure !== null) return because('RefreshFailed', `could not be refreshed: ${failure}`);
      if (complete || performance.now() > over) {
        const { rows } = await totals(backend, { from, to });
        return { window, refused: null, summary: { from, to, complete, rows } };
      }
      await delay(500);
    }
  },
});

/** Why a run that has ended has not fetched all that it was to fetch; null when it has. */
async function failureOf(client: Client, workflowId: string): Promise<string | null> {
  try {
    const { failed, problems } = await client.workflow.getHandle<typeof backfill>(workflowId).result();
    return failed === 0 ? null : (problems.at(-1) ?? `${failed} windows failed`);
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    return messageOf(error.cause?.cause ?? error.cause ?? error);
  }
}

interface Stop {
  readonly error: Refusal['error'];
  /** After the dataset's name. */
  readonly words: string;
}

const HELD: Readonly<Record<HoldCause, Refusal['error']>> = {
  operator: 'PausedByOperator',
  credentials: 'CredentialsRefused',
  login: 'LoginNeeded',
  configuration: 'AccountStopped',
  billing: 'AccountStopped',
  blocked: 'AccountStopped',
  'absurd-wait': 'AccountStopped',
  'lost-row': 'AccountStopped',
};

const QUOTA: Stop = { error: 'QuotaExceeded', words: 'quota has been exceeded for now' };

/** What lets no call of the dataset through; null when nothing does. */
async function whyStopped(db: Pool, account: Account, reportType: string): Promise<Stop | null> {
  const now = Date.now();
  const { pool, stops } = await readAccountStanding(db, account);
  if (pool !== null && isBlocked(pool, now)) return poolStop(pool);
  // Where access to one marketplace is refused, the others' calls go through.
  const stop = stops.find(({ subject, part, until }) => subject === reportType && part === '' && until > now);
  if (stop === undefined) return null;
  return stop.refusedFor === 'access'
    ? { error: 'AccessRefused', words: `is refused: ${stop.reason}` }
    : QUOTA;
}

function poolStop({ state, cause, until, reason }: PoolState): Stop {
  const end = until === null ? '' : ` until ${new Date(until).toISOString()}`;
  switch (state) {
    case 'held':
      return { error: HELD[cause ?? 'blocked'], words: `is stopped${end}: ${reason}` };
    case 'open':
      return {
        error: 'VendorUnavailable',
        words: `gave no usable answer lately, and is left alone${end}: ${reason}`,
      };
    default:
      return QUOTA;
  }
}

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

function totals(backend: Backend, span: { readonly from: number; readonly to: number }) {
  const { account, description } = chosen(backend);
  return backend.database((db) => sumRows(db, description, account.name, span));
}
