/**
 * One worker, one simulated Amazon and many accounts. Each test has an account of its own, so that what the vendor
 * does to it concerns nobody else, and the servers are started once for a file.
 */
import type { Client } from '@temporalio/client';
import { bundleWorkflowCode, Runtime } from '@temporalio/worker';
import type { Pool } from 'pg';
import pino, { type Logger } from 'pino';
import { HOUR_MS } from '../../../quota/durations';
import type { PoolState } from '../../../quota/pools/state';
import type { Span } from '../../../quota/windows/chunks';
import type { Settings } from '../../../settings';
import { listSeries } from '../../../store/datasets/datasets';
import { type CoverageSummary, coverage } from '../../../store/datasets/ledger';
import { createPool } from '../../../store/db';
import { readPool } from '../../../store/pools/pools';
import { dataConverterFor, FAILURE_CONVERTER_PATH } from '../../../temporal/codec';
import { connectClient } from '../../../temporal/connection';
import { type AmazonSimulator, startAmazonSimulator } from '../../../vendors/amazon/simulator';
import type { Arrival } from '../../../vendors/kit/judge/arrivals';
import {
  installTemporalRuntime,
  type RunningWorker,
  startWorker,
  type WorkerOptions,
} from '../../../workers/worker';
import {
  backfillWorkflowId,
  poolWorkflowId,
  resumeSignal,
  syncWorkflowId,
  type WorkStatus,
  workStatusQuery,
} from '../../../workflows/messages';
import type { BackfillInput, backfill } from '../../../workflows/reports/backfill';
import type { datasetSync } from '../../../workflows/reports/dataset-sync';
import { eventually } from '../eventually';
import { workflowBundle } from '../processes/program';
import {
  environment,
  type LabOptions,
  MARKETPLACE,
  SALES,
  SECRETS,
  settingsOf,
  WIDE_LIMITS,
} from './amazon-lab-settings';
import { testDatabase, testTemporal, uniqueName } from './embedded';

/** What the simulator calls a dataset, and the columns of its view. */
const DATASETS: Record<string, { simulated: string; view: string; values: Record<string, string> }> = {
  'amazon/rt-sales': {
    simulated: 'sales',
    view: 'amazon_rt_sales',
    values: { ordered_units: 'orderedUnits', ordered_revenue: 'orderedRevenue' },
  },
  'amazon/rt-traffic': {
    simulated: 'traffic',
    view: 'amazon_rt_traffic',
    values: { glance_views: 'glanceViews' },
  },
  'amazon/rt-inventory': {
    simulated: 'inventory',
    view: 'amazon_rt_inventory',
    values: { highly_available_inventory: 'highlyAvailableInventory' },
  },
};

type SyncHandle = Awaited<ReturnType<Lab<string>['sync']>>;

export class Lab<L extends string> {
  /** Every line of our log and of the SDK's, at the most talkative level. */
  readonly logLines: string[] = [];
  private worker: RunningWorker | null = null;
  private datasetPatch: Record<string, unknown> = {};
  private accountPatch: Readonly<Record<string, Record<string, unknown>>> = {};

  private constructor(
    private readonly options: LabOptions<L>,
    private readonly names: Readonly<Record<L, string>>,
    readonly simulator: AmazonSimulator,
    readonly client: Client,
    readonly db: Pool,
    private readonly databaseUrl: string,
    private readonly temporalAddress: string,
    private readonly taskQueue: string,
    private readonly vendorClock: { skewMs: number },
    private readonly ends: (() => Promise<unknown>)[],
  ) {}

  /** Starts everything, the worker included. */
  static async start<L extends string>(options: LabOptions<L>): Promise<Lab<L>> {
    const labels = Object.keys(options.accounts) as L[];
    const names = Object.fromEntries(labels.map((l) => [l, uniqueName(l)])) as Record<L, string>;
    Object.assign(process.env, environment(names));
    const vendorClock = { skewMs: 0 };
    const taskQueue = uniqueName('queue');
    const [database, temporal, simulator] = await Promise.all([
      testDatabase(),
      testTemporal(),
      startAmazonSimulator(
        {
          ...options.scenario,
          limits: { ...WIDE_LIMITS, ...options.scenario?.limits },
          reports: {
            queueMs: { min: 10, max: 30 },
            processingMs: { min: 20, max: 60 },
            ...options.scenario?.reports,
          },
        },
        { clock: () => performance.timeOrigin + performance.now() + vendorClock.skewMs },
      ),
    ]);
    const settings = settingsOf(options, names, simulator, taskQueue, {});
    const converter = options.encryptPayloads ? await dataConverterFor(settings) : undefined;
    const connected = await connectClient(settings, temporal.address, converter);
    const db = createPool(database.url, { max: 4, applicationName: 'test' });
    const lab = new Lab(
      options,
      names,
      simulator,
      connected.client,
      db,
      database.url,
      temporal.address,
      taskQueue,
      vendorClock,
      [() => connected.close(), () => db.end(), () => simulator.close(), () => database.drop()],
    );
    installTemporalRuntime(lab.log());
    await lab.startWorker();
    return lab;
  }

  async startWorker(datasetPatch: Record<string, unknown> = {}): Promise<void> {
    this.datasetPatch = datasetPatch;
    this.worker = await startWorker({
      settings: this.settings(),
      databaseUrl: this.databaseUrl,
      temporalAddress: this.temporalAddress,
      log: this.log(),
      workflowBundle: await bundleFor(this.options.encryptPayloads ?? false),
    });
  }

  /** The same worker with other settings of its datasets, or accounts, as after an operator's edit. */
  async restartWorker(
    datasetPatch: Record<string, unknown>,
    accountPatch: Readonly<Record<string, Record<string, unknown>>> = {},
  ): Promise<void> {
    await this.worker?.stop();
    this.accountPatch = accountPatch;
    await this.startWorker(datasetPatch);
  }

  async stopWorker(): Promise<void> {
    await this.worker?.stop();
    this.worker = null;
  }

  async close(): Promise<void> {
    await this.stopWorker();
    for (const end of this.ends) await end();
    await Runtime.instance().shutdown();
  }

  settings(): Settings {
    return settingsOf(
      this.options,
      this.names,
      this.simulator,
      this.taskQueue,
      this.datasetPatch,
      this.accountPatch,
    );
  }

  account(label: L): string {
    return this.names[label];
  }

  poolKey(label: L): string {
    return `amazon/${this.names[label]}`;
  }

  refreshToken(label: L): string {
    return `Atzr|${this.names[label]}`;
  }

  /** The vendor's clock, epoch ms. */
  vendorNow(): number {
    return Date.now() + this.vendorClock.skewMs;
  }

  /** Time passes at the vendor only. */
  passTimeAtVendor(ms: number): void {
    this.vendorClock.skewMs += ms;
  }

  /** Arrivals at the vendor, oldest first. */
  calls(label: L, operation?: string): Arrival[] {
    const account = this.names[label];
    return this.simulator.log.list(operation === undefined ? { account } : { account, operation });
  }

  /** Spans of the reports that the vendor has made, oldest request first. */
  reportsMade(label: L): Span[] {
    return this.calls(label, 'createReport')
      .filter((call) => call.status === 202)
      .map(({ requestDetail: asked }) => ({
        from: Date.parse(String(asked.dataStartTime)),
        to: Date.parse(String(asked.dataEndTime)),
      }));
  }

  fault(label: L, fault: Record<string, unknown>): void {
    this.simulator.control({ addFaults: [{ account: this.names[label], ...fault } as never] });
  }

  outcome(label: L, outcome: Record<string, unknown>): void {
    this.simulator.control({ outcomes: [{ account: this.names[label], ...outcome } as never] });
  }

  async pool(label: L): Promise<PoolState> {
    const record = await readPool(this.db, this.poolKey(label));
    if (record === null) throw new Error(`there is no pool ${this.poolKey(label)}`);
    return record.state;
  }

  async poolBecomes(label: L, ...states: PoolState['state'][]): Promise<PoolState> {
    return eventually(`pool of ${label} becomes ${states.join(' or ')}`, async () => {
      const state = await this.pool(label);
      return states.includes(state.state) && state;
    });
  }

  /** What was recorded about the account's pool, oldest first. */
  async poolEvents(label: L): Promise<{ at: number; kind: string; data: Record<string, unknown> }[]> {
    const { rows } = await this.db.query('select at, kind, data from events where pool = $1 order by id', [
      this.poolKey(label),
    ]);
    return rows;
  }

  poolWorkflow(label: L) {
    return this.client.workflow.getHandle(poolWorkflowId(this.poolKey(label)));
  }

  /** Fetches a span again, as `sluice backfill --audit` does. */
  audit(label: L, span: Span, chunkHours = 1, dataset = SALES) {
    return this.backfill(label, span, chunkHours, dataset, 'daily_audit');
  }

  backfill(
    label: L,
    span: Span,
    chunkHours = 1,
    dataset = SALES,
    purpose: BackfillInput['purpose'] = 'backfill',
  ) {
    const account = this.names[label];
    const input: BackfillInput = {
      dataset,
      account,
      purpose,
      ...span,
      chunkHours,
      priority: null,
    };
    return this.client.workflow.start<typeof backfill>('backfill', {
      workflowId: backfillWorkflowId(dataset, account, span.from, span.to),
      taskQueue: this.taskQueue,
      args: [input],
    });
  }

  sync(label: L, dataset = SALES) {
    const account = this.names[label];
    return this.client.workflow.start<typeof datasetSync>('datasetSync', {
      workflowId: syncWorkflowId(dataset, account),
      taskQueue: this.taskQueue,
      args: [{ dataset, account }],
    });
  }

  async seriesId(label: L, dataset = SALES): Promise<number> {
    const [series] = await listSeries(this.db, { dataset, account: this.names[label] });
    if (series === undefined) throw new Error(`${label} has no series of ${dataset}`);
    return series.id;
  }

  async coverage(label: L, span: Span, dataset = SALES): Promise<CoverageSummary> {
    return coverage(this.db, await this.seriesId(label, dataset), span, Date.now());
  }

  /** Windows of the ledger, oldest first. */
  async windows(label: L): Promise<LedgerWindow[]> {
    const { rows } = await this.db.query(
      `select lower(span) as "from", upper(span) as "to", state, reason, retry_at, row_count::int as rows,
              evidence
       from coverage where series_id = $1 order by lower(span)`,
      [await this.seriesId(label)],
    );
    return rows;
  }

  async jobs(label: L): Promise<{ state: string; reason: string | null; from: number; to: number }[]> {
    const { rows } = await this.db.query(
      `select state, reason, lower(span) as "from", upper(span) as "to" from jobs
       where series_id = $1 order by id`,
      [await this.seriesId(label)],
    );
    return rows;
  }

  /** Our rows of a span, to be equal to `truth`. */
  async rows(label: L, span: Span, dataset = SALES): Promise<unknown[]> {
    const { view, values } = described(dataset);
    const { rows } = await this.db.query(
      `select start_time, asin, ${Object.keys(values).join(', ')} from ${view}
       where account = $1 and start_time >= $2 and end_time <= $3 order by start_time, asin`,
      [this.names[label], new Date(span.from), new Date(span.to)],
    );
    return rows;
  }

  /** The vendor's rows of a span as they are at this moment. */
  async truth(label: L, span: Span, dataset = SALES): Promise<unknown[]> {
    const { simulated, values } = described(dataset);
    const query = new URLSearchParams({
      account: this.names[label],
      dataset: simulated,
      marketplace: MARKETPLACE,
      from: new Date(span.from).toISOString(),
      to: new Date(span.to).toISOString(),
    });
    const answer = await fetch(`${this.simulator.url}/_sim/truth?${query}`);
    const { rows } = (await answer.json()) as { rows: Record<string, unknown>[] };
    return rows
      .map((row) => ({
        start_time: Date.parse(String(row.startTime)),
        asin: String(row.asin),
        ...Object.fromEntries(Object.entries(values).map(([column, field]) => [column, row[field]])),
      }))
      .sort((a, b) => a.start_time - b.start_time || (a.asin < b.asin ? -1 : 1));
  }

  /** A day has passed since the last audits. */
  async makeAuditsDue(label: L): Promise<void> {
    await this.db.query(
      `update series set daily_audit_at = now() - interval '8 days', weekly_audit_at = now() - interval '8 days'
       where account = $1`,
      [this.names[label]],
    );
  }

  /** As if the ledger's windows, and the requests for them, were of another time; the rows stay where they are. */
  async shiftWindows(label: L, ms: number): Promise<void> {
    const seriesId = await this.seriesId(label);
    // Far away first, for no two windows may overlap at any moment.
    for (const days of [-1000, 1000 + ms / 86_400_000]) {
      await this.db.query(
        `update coverage set fetched_at = fetched_at + $2::interval,
           span = tstzrange(lower(span) + $2::interval, upper(span) + $2::interval) where series_id = $1`,
        [seriesId, `${days} days`],
      );
    }
    await this.db.query(`update jobs set requested_at = requested_at + $2::interval where series_id = $1`, [
      seriesId,
      `${ms} milliseconds`,
    ]);
  }

  /** Ids of every workflow of this lab. */
  async workflowIds(): Promise<string[]> {
    const ids: string[] = [];
    for await (const info of this.client.workflow.list({ query: `TaskQueue = '${this.taskQueue}'` })) {
      ids.push(info.workflowId);
    }
    return ids;
  }

  /** Everything that Temporal keeps of a workflow's present run, payloads as text. */
  async historyText(workflowId: string): Promise<string> {
    return textOf(await this.client.workflow.getHandle(workflowId).fetchHistory());
  }

  /** All places where words may have been left behind: histories, log lines and rows. */
  async tracesLeft(): Promise<{ where: string; text: string }[]> {
    const traces = this.logLines.map((text, i) => ({ where: `log line ${i}`, text }));
    for (const id of await this.workflowIds())
      traces.push({ where: `history of ${id}`, text: await this.historyText(id) });
    for (const table of [
      'events',
      'pools',
      'limits',
      'call_counts',
      'coverage',
      'rejected_documents',
      'series',
    ]) {
      const { rows } = await this.db.query(`select to_jsonb(t) as row from ${table} t`);
      for (const { row } of rows) traces.push({ where: table, text: JSON.stringify(row) });
    }
    // The address of a document is kept while it is needed, in a column of its own.
    const { rows } = await this.db.query(`select to_jsonb(j) - 'document_url' as row from jobs j`);
    for (const { row } of rows) traces.push({ where: 'jobs', text: JSON.stringify(row) });
    return traces;
  }

  private log(): Logger {
    return pino({ level: 'trace' }, { write: (line: string) => this.logLines.push(line) });
  }
}

export interface LedgerWindow extends Span {
  readonly state: string;
  readonly reason: string | null;
  readonly retry_at: number | null;
  readonly rows: number;
  readonly evidence: Record<string, unknown>;
}

/** What must be found in no trace, and what a leak of it is called. */
const SECRET_PATTERNS: readonly (readonly [string, RegExp])[] = [
  ['client secret', new RegExp(SECRETS.clientSecret)],
  ['refresh token', /Atzr\|/],
  ['access token', /Atza\|/],
  ['signature of a document link', /X-Amz-Signature/i],
  ['vault key', new RegExp(SECRETS.vaultKey.replace(/[+/=]/g, '\\$&'))],
];

/** Names of the leaks, with where each was found. */
export async function leaksOf(lab: Lab<string>): Promise<string[]> {
  const traces = await lab.tracesLeft();
  const read = traces.filter(({ text }) => /encoding: (json\/plain|binary\/encrypted)/.test(text));
  if (read.length === 0) throw new Error('no history was read, so nothing could have been found in one');
  return SECRET_PATTERNS.flatMap(([what, pattern]) =>
    traces.filter(({ text }) => pattern.test(text)).map(({ where }) => `${what} in ${where}`),
  );
}

/** Whole hours up to two hours ago, all of them ready at the vendor. */
export function lastHours(hours: number): Span {
  const to = Math.floor(Date.now() / HOUR_MS - 2) * HOUR_MS;
  return { from: to - hours * HOUR_MS, to };
}

/** Waits for a sync to be in a phase. */
export function phaseOf(handle: Pick<SyncHandle, 'query'>, phase: WorkStatus['phase']): Promise<WorkStatus> {
  return eventually(`the workflow is ${phase}`, async () => {
    const status = await handle.query(workStatusQuery);
    return status.phase === phase && status;
  });
}

/** Wakes a sleeping sync and waits for the end of the cycle that this makes. */
export async function nextCycle(handle: Pick<SyncHandle, 'query' | 'signal'>): Promise<WorkStatus> {
  const before = await handle.query(workStatusQuery);
  await handle.signal(resumeSignal);
  return eventually('the next cycle ends', async () => {
    const status = await handle.query(workStatusQuery);
    return status.phase === 'sleeping' && status.until !== before.until && status;
  });
}

/** Every string in a message of Temporal's, bytes read as text. Its own JSON would show bytes as base64. */
function textOf(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([key, part]) => `${key}: ${textOf(part)}`)
    .join('\n');
}

function described(dataset: string) {
  const found = DATASETS[dataset];
  if (found === undefined) throw new RangeError(`no dataset ${dataset}`);
  return found;
}

/** An encrypting worker's bundle has the failure converter in it. */
async function bundleFor(encrypted: boolean): Promise<NonNullable<WorkerOptions['workflowBundle']>> {
  if (!encrypted) return workflowBundle();
  const nothing = () => undefined;
  const logger = { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing };
  return bundleWorkflowCode({
    workflowsPath: require.resolve('../../../workflows'),
    logger: { ...logger, error: console.error },
    failureConverterPath: FAILURE_CONVERTER_PATH,
  });
}
