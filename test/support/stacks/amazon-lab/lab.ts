/**
 * One worker, one simulated Amazon and many accounts. Each test has an account of its own, so that what the vendor
 * does to it concerns nobody else, and the servers are started once for a file.
 */
import type { Client } from '@temporalio/client';
import { Runtime } from '@temporalio/worker';
import type { Pool } from 'pg';
import pino from 'pino';
import type { PoolState } from '../../../../quota/pools/state';
import type { Span } from '../../../../quota/windows/chunks';
import type { Settings } from '../../../../settings';
import { readPool } from '../../../../store/pools/pools';
import {
  type AmazonScenarioInput,
  type AmazonSimulator,
  startAmazonSimulator,
} from '../../../../vendors/amazon/simulator';
import type { Arrival } from '../../../../vendors/kit/judge/arrivals';
import type { RunningWorker } from '../../../../workers/worker';
import { backfillWorkflowId, poolWorkflowId, syncWorkflowId } from '../../../../workflows/messages';
import type { BackfillInput, backfill } from '../../../../workflows/reports/backfill';
import type { datasetSync } from '../../../../workflows/reports/dataset-sync';
import { eventually } from '../../eventually';
import { type CoreStack, startCore } from '../core-stack';
import { uniqueName } from '../embedded';
import { DATASET, refreshToken, refreshTokens } from '../stack';
import { LabData } from './lab-data';
import { type LabEdit, type LabOptions, labSettings, WIDE_LIMITS } from './lab-settings';

export class Lab<L extends string> {
  readonly client: Client;
  readonly db: Pool;
  readonly simulator: AmazonSimulator;
  readonly data: LabData<L>;
  private worker: RunningWorker | null = null;
  private edit: LabEdit = {};

  private constructor(
    private readonly options: LabOptions<L>,
    private readonly names: Readonly<Record<L, string>>,
    private readonly core: CoreStack & { vendor: AmazonSimulator },
    private readonly vendorClock: { skewMs: number },
    /** Every line of our log and of the SDK's, at the most talkative level. */
    readonly logLines: readonly string[],
  ) {
    this.client = core.client;
    this.db = core.db;
    this.simulator = core.vendor;
    this.data = new LabData(names, core.db, core.vendor.url);
  }

  /** Starts everything, the worker included. */
  static async start<L extends string>(options: LabOptions<L>): Promise<Lab<L>> {
    const labels = Object.keys(options.accounts) as L[];
    const names = Object.fromEntries(labels.map((l) => [l, uniqueName(l)])) as Record<L, string>;
    const vendorClock = { skewMs: 0 };
    const logLines: string[] = [];
    const core = await startCore({
      name: 'amazon-lab',
      env: refreshTokens(Object.values(names)),
      startVendor: () => startVendor(options.scenario, vendorClock),
      settings: (simulator) => labSettings(options, names, simulator),
      encryptPayloads: options.encryptPayloads ?? false,
      log: pino({ level: 'trace' }, { write: (line: string) => logLines.push(line) }),
    });
    const lab = new Lab(options, names, core, vendorClock, logLines);
    await lab.restartWorker({});
    return lab;
  }

  /** The same worker with other settings, as after an operator's edit. */
  async restartWorker(edit: LabEdit): Promise<void> {
    await this.stopWorker();
    this.edit = edit;
    this.worker = await this.core.startWorker({ settings: this.settings() });
  }

  async stopWorker(): Promise<void> {
    await this.worker?.stop();
    this.worker = null;
  }

  async close(): Promise<void> {
    await this.core.close();
    await Runtime.instance().shutdown();
  }

  settings(): Settings {
    return this.core.settingsWith(labSettings(this.options, this.names, this.simulator, this.edit));
  }

  account(label: L): string {
    return this.names[label];
  }

  poolKey(label: L): string {
    return `amazon/${this.names[label]}`;
  }

  refreshToken(label: L): string {
    return refreshToken(this.names[label]);
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

  /** Their kinds, without those of creates that a busy machine has held up for seconds: these are settled, and lose nothing. */
  async poolEventKinds(label: L): Promise<string[]> {
    const events = await this.poolEvents(label);
    return events.map(({ kind }) => kind).filter((kind) => kind !== 'report.unanswered');
  }

  poolWorkflow(label: L) {
    return this.client.workflow.getHandle(poolWorkflowId(this.poolKey(label)));
  }

  /** Fetches a span again, as `sluice backfill --audit` does. */
  audit(label: L, span: Span, chunkHours = 1, dataset = DATASET) {
    return this.backfill(label, span, chunkHours, dataset, 'daily_audit');
  }

  backfill(
    label: L,
    span: Span,
    chunkHours = 1,
    dataset = DATASET,
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
      taskQueue: this.core.settings.temporal.taskQueue,
      args: [input],
    });
  }

  sync(label: L, dataset = DATASET) {
    const account = this.names[label];
    return this.client.workflow.start<typeof datasetSync>('datasetSync', {
      workflowId: syncWorkflowId(dataset, account),
      taskQueue: this.core.settings.temporal.taskQueue,
      args: [{ dataset, account }],
    });
  }

  /** Ids of every workflow of this lab. */
  async workflowIds(): Promise<string[]> {
    const ids: string[] = [];
    for await (const info of this.client.workflow.list({
      query: `TaskQueue = '${this.core.settings.temporal.taskQueue}'`,
    })) {
      ids.push(info.workflowId);
    }
    return ids;
  }
}

/** Reports are ready at once. @param clock how far the vendor's time is ahead of the machine's, at any moment. */
function startVendor(
  scenario: AmazonScenarioInput = {},
  clock: { readonly skewMs: number },
): Promise<AmazonSimulator> {
  return startAmazonSimulator(
    {
      ...scenario,
      limits: { ...WIDE_LIMITS, ...scenario.limits },
      reports: { queueMs: { min: 10, max: 30 }, processingMs: { min: 20, max: 60 }, ...scenario.reports },
    },
    { clock: () => performance.timeOrigin + performance.now() + clock.skewMs },
  );
}
