/** What must be true of the vendor's log and of our database at the end, whatever was killed on the way. */
import { coverage } from '../../../store/datasets/ledger';
import { judgeArrivals } from '../../../vendors/kit/judge/judge';
import type { BackfillInput, backfill } from '../../../workflows/reports/backfill';
import { callsSeen, SALES_QUERY, trueSales, type VendorCallSeen } from '../callers/vendor-view';
import { DATASET, QUICK_LIMITS } from '../stacks/stack';
import type { ChaosRig } from './chaos-rig';

const HOUR_MS = 3_600_000;

export interface TimeSpan {
  readonly from: number;
  readonly to: number;
}

/** Whole hours that ended so long ago that their rows are there. */
export function pastHours(hours: number): TimeSpan {
  const to = Math.floor((Date.now() - 2 * HOUR_MS) / HOUR_MS) * HOUR_MS;
  return { from: to - hours * HOUR_MS, to };
}

export async function startBackfill(rig: ChaosRig, span: TimeSpan, workflowId = 'backfill'): Promise<void> {
  const input: BackfillInput = {
    dataset: DATASET,
    account: rig.account,
    purpose: 'backfill',
    ...span,
    chunkHours: 6,
    priority: null,
  };
  await rig.client.workflow.start<typeof backfill>('backfill', {
    workflowId,
    taskQueue: rig.taskQueue,
    args: [input],
  });
}

/** The backfill's summary. Fails at once when it ended otherwise than well. */
export async function finished(rig: ChaosRig, timeoutMs: number, workflowId = 'backfill') {
  const handle = rig.client.workflow.getHandle<typeof backfill>(workflowId);
  const status = await rig.eventually(
    `${workflowId} ends`,
    async () => {
      const { name } = (await handle.describe()).status;
      return name === 'RUNNING' ? null : name;
    },
    timeoutMs,
    200,
  );
  expect(status).toBe('COMPLETED');
  return handle.result();
}

/** Every call that the vendor has seen, logins and downloads too, oldest first. */
export async function allCalls(rig: ChaosRig): Promise<readonly VendorCallSeen[]> {
  return [...(await callsSeen(rig.simulatorUrl))].sort((a, b) => a.t - b.t);
}

/** Chunks whose rows are in. */
export async function chunksIngested(rig: ChaosRig): Promise<number> {
  const { rows } = await rig.db.query<{ n: number }>(
    `select count(*) as n from jobs where state = 'ingested'`,
  );
  return rows[0]?.n ?? 0;
}

/** No hour missing, every row as the vendor has it, and each window asked for and made exactly once. */
export async function expectWholeAndOnce(rig: ChaosRig, span: TimeSpan, windows: number): Promise<void> {
  const filled = await coverage(rig.db, 1, span, Date.now());
  expect(filled).toMatchObject({ windows, gaps: [], missing: 0, requested: 0, failed: 0 });
  const { rows } = await rig.db.query(SALES_QUERY);
  const truth = await trueSales(rig.simulatorUrl, rig.account, span);
  expect(truth.length).toBeGreaterThan(windows);
  expect(rows).toEqual(truth);

  const made = new Map<string, number>();
  const reports = await fetch(`${rig.simulatorUrl}/_sim/reports?account=${rig.account}`);
  for (const report of (await reports.json()) as { dataStart: number; dataEnd: number }[]) {
    const window = `${new Date(report.dataStart).toISOString()}..${new Date(report.dataEnd).toISOString()}`;
    made.set(window, (made.get(window) ?? 0) + 1);
  }
  expect([...made].filter(([, times]) => times !== 1)).toEqual([]);
  expect(made.size).toBe(windows);
  const accepted = (await allCalls(rig)).filter((c) => c.operation === 'createReport' && c.status === 202);
  expect(accepted).toHaveLength(windows);
}

/** Every operation's arrivals kept its bucket, by the bucket's definition. */
export async function expectLimitsKept(rig: ChaosRig): Promise<void> {
  const calls = await allCalls(rig);
  for (const [operation, limit] of Object.entries(QUICK_LIMITS)) {
    const arrivals = calls.filter((c) => c.operation === operation).map((c) => c.t);
    const judged = judgeArrivals({ kind: 'token-bucket', ...limit }, arrivals);
    expect({ operation, ...judged }).toMatchObject({ kept: true });
  }
}
