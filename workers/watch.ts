/**
 * Restores workflows that Postgres says should run: a batch whose workflow was terminated, has failed or was never
 * started gets a new one, and so does a pool that holds calls. Every worker does this; starting is idempotent, because
 * a workflow's id is made of what it does.
 */
import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { emit } from '../activities/log/emit';
import { warnOnce } from '../activities/log/warn-once';
import { HOUR_MS } from '../quota/durations';
import type { Settings } from '../settings';
import { findAccount } from '../settings/accounts/accounts';
import { type Batch, unfinishedBatches } from '../store/batches/batches';
import { noteWorker } from '../store/explain/worker-presence';
import { sweepOutsidePermits } from '../store/permits/outside-permits';
import { readPools } from '../store/pools/pools';
import { mendRows } from '../store/rows-mended';
import { signalPool } from '../temporal/pool-signals';
import { workflowEnd } from '../temporal/workflow-end';
import type { batch } from '../workflows/batches/batch';
import { batchWorkflowId, poolWorkflowId } from '../workflows/messages';

export interface WatchOptions {
  readonly db: Pool;
  readonly client: Client;
  readonly settings: Settings;
  readonly log: Logger;
  /** Interval between two checks, ms. */
  readonly everyMs?: number;
  /** Whoever has just made a batch starts it himself, ms. */
  readonly minAgeMs?: number;
}

const EVERY_MS = 30_000;
const MIN_AGE_MS = 60_000;
/** A workflow that ends again and again is started at growing intervals, ms. */
const FIRST_AGAIN_MS = 60_000;
const LONGEST_AGAIN_MS = HOUR_MS;

export class WorkflowWatch {
  private timer: NodeJS.Timeout | null = null;
  private working: Promise<void> = Promise.resolve();
  private readonly restarts = new Map<number, { readonly count: number; readonly at: number }>();

  constructor(private readonly options: WatchOptions) {}

  start(): void {
    const { db, log } = this.options;
    // Whoever asks in the first half minute is to know that there is one.
    this.working = noteWorker(db).catch((error: unknown) =>
      warnOnce(log, {}, error, 'that a worker runs could not be noted'),
    );
    this.timer = setInterval(() => void this.check(), this.options.everyMs ?? EVERY_MS).unref();
  }

  async stop(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    await this.working;
  }

  /** One check; throws nothing. */
  check(): Promise<void> {
    this.working = this.working
      .then(() => this.pollOnce())
      .catch((error: unknown) =>
        warnOnce(this.options.log, {}, error, 'the workflows that should run could not be checked'),
      );
    return this.working;
  }

  private async pollOnce(): Promise<void> {
    const { db, client, settings } = this.options;
    await noteWorker(db);
    await mendRows(db);
    // Of a server of the API that has ended.
    await sweepOutsidePermits(db);
    for (const unfinished of await unfinishedBatches(db, this.options.minAgeMs ?? MIN_AGE_MS)) {
      const ended = await workflowEnd(client, idOf(unfinished));
      if (ended !== null && this.isDue(unfinished.id)) await this.restart(unfinished, ended.how);
    }
    const keys = Object.keys(settings.accounts).flatMap((name) => {
      const { poolKey, organization } = findAccount(settings, name);
      return organization ? [poolKey, organization.key] : [poolKey];
    });
    for (const { key, state, policy } of await readPools(db, [...new Set(keys)])) {
      if (state.state === 'closed' || (await workflowEnd(client, poolWorkflowId(key))) === null) continue;
      await signalPool(client, settings.temporal.taskQueue, key, policy, { name: 'reconcile' });
    }
  }

  private isDue(id: number): boolean {
    const last = this.restarts.get(id);
    if (last === undefined) return true;
    const waitMs = Math.min(LONGEST_AGAIN_MS, FIRST_AGAIN_MS * 2 ** (last.count - 1));
    return performance.now() - last.at >= waitMs;
  }

  private async restart(unfinished: Batch, ended: string): Promise<void> {
    const { db, client, settings, log } = this.options;
    const { id, kind, account, inputName } = unfinished;
    // An account that the settings have lost cannot be worked for: its workflow would fail again.
    if (!(account in settings.accounts)) return;
    this.restarts.set(id, { count: (this.restarts.get(id)?.count ?? 0) + 1, at: performance.now() });
    try {
      await client.workflow.start<typeof batch>('batch', {
        workflowId: idOf(unfinished),
        taskQueue: settings.temporal.taskQueue,
        workflowIdConflictPolicy: 'FAIL',
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        staticSummary: `Batch ${id}: ${kind} for ${account}, ${inputName}`,
        args: [{ batchId: id }],
      });
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) return;
      throw error;
    }
    const { poolKey } = findAccount(settings, account);
    const reason = `its workflow ${ended}; another one goes on with what is left`;
    await emit({ db, log }, 'batch.restarted', poolKey, { batch: id, reason }, `batch ${id}: ${reason}`);
  }
}

function idOf({ kind, account, id }: Batch): string {
  return batchWorkflowId(kind, account, id);
}
