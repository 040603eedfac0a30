/** Starts and follows backfills of fleets, and reads their coverage. */
import { createHash } from 'node:crypto';
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { HOUR_MS, MINUTE_MS } from '../../../quota/durations';
import { piecesOf } from '../../../quota/fleet/history-windows';
import { charges } from '../../../quota/limits/limit';
import type { Span } from '../../../quota/windows/chunks';
import type { Settings } from '../../../settings';
import type { FleetContext } from '../../../settings/datasets/fleet-context';
import { coverageByDevice } from '../../../store/fleet/ledger';
import { chosenDevices, missingWindows } from '../../../store/fleet/missing-windows';
import { readCallCounts } from '../../../store/permits/call-counts';
import { listLimits } from '../../../store/permits/permits';
import { readPool } from '../../../store/pools/pools';
import { type Begun, startOnce } from '../../../temporal/start-or-attach';
import type { FleetBackfillInput, fleetBackfill } from '../../../workflows/fleet/fleet-backfill';
import { backfillWorkflowId } from '../../../workflows/messages';
import type { DatasetCoverage } from '../datasets/completeness/series-coverage';
import type { Progress } from '../datasets/progress';
import { accountWait, forDataset, readAccountStanding } from '../datasets/work-wait';
import { spanText } from '../time-text';

/** One backfill for each span and choice of devices: starting the same one again finds the one that runs. */
export function fleetBackfillId({ dataset, account, from, to, devices }: FleetBackfillInput): string {
  const id = backfillWorkflowId(dataset, account, from, to);
  if (devices === null) return id;
  const chosen = [...devices].sort().join(',');
  const short = chosen.length <= 60 ? chosen : createHash('sha256').update(chosen).digest('hex').slice(0, 12);
  return `${id}:${short}`;
}

export async function startFleetBackfill(
  client: Client,
  settings: Settings,
  input: FleetBackfillInput,
  request?: string,
): Promise<Begun<typeof fleetBackfill>> {
  const workflowId = fleetBackfillId(input);
  const options = {
    workflowId,
    taskQueue: settings.temporal.taskQueue,
    staticSummary: `Backfill of ${input.dataset} for ${input.account}, ${spanText(input)}`,
    staticDetails:
      'Goes device by device and sleeps when their calls of the day are used up. Signals: pause, resume.',
    args: [input] as Parameters<typeof fleetBackfill>,
  };
  return startOnce<typeof fleetBackfill>(client, 'fleetBackfill', options, request);
}

export interface FleetWatched {
  readonly context: FleetContext;
  readonly span: Span;
  readonly devices: readonly string[] | null;
  readonly chunkHours: number | null;
  /** Calls are counted from here, epoch ms. */
  readonly since: number;
}

/** How far a backfill is, from Postgres alone. */
export async function readFleetProgress(db: Pool, watched: FleetWatched, now: number): Promise<Progress> {
  const { context, span, chunkHours } = watched;
  const { account, dataset, terms } = context;
  const devices = await chosenDevices(db, account.name, watched.devices);
  const known = await coverageByDevice(db, dataset, account.name, devices, span, now);
  const chunkMs = chunkHours === null ? terms.chunkMs : chunkHours * HOUR_MS;
  const each = piecesOf([span], span.from, Math.min(chunkMs, account.fleet.maxSpanMs)).length;
  const { windows } = await missingWindows(db, context, { ...span, chunkHours }, devices, now, true);
  const sum = (pick: (one: (typeof known)[number]) => number) =>
    known.reduce((total, one) => total + pick(one), 0);
  const [pool, standing, limits, counts] = await Promise.all([
    readPool(db, account.poolKey),
    readAccountStanding(db, account),
    listLimits(db, account.poolKey),
    readCallCounts(db, account.poolKey, Math.floor(watched.since / MINUTE_MS) * MINUTE_MS),
  ]);
  return {
    at: now,
    windowsTotal: each * devices.length,
    windowsDone: Math.max(0, each * devices.length - windows.length),
    windowsFailed: sum(({ failed }) => failed),
    rows: sum(({ rows }) => rows),
    gaps: known.flatMap(({ gaps }) => gaps),
    pool: pool?.state ?? null,
    wait: accountWait(dataset, forDataset(standing, dataset), null, now),
    standing,
    operations: [...new Set(counts.map(({ operation }) => operation))].map((operation) => {
      const of = counts.filter((c) => c.operation === operation);
      const calls = (some: typeof of) => some.reduce((total, c) => total + c.calls, 0);
      return {
        operation,
        calls: calls(of),
        refused: calls(of.filter(({ verdict }) => verdict === 'quota' || verdict === 'rate')),
        limit: limits.find(({ name }) => isOfDay(context, name, operation)) ?? null,
      };
    }),
  };
}

/** The limit by which people know how much is left of an account's day. */
function isOfDay({ account }: FleetContext, limit: string, operation: string): boolean {
  const template = account.limits.find(({ name }) => name === limit);
  return (
    template?.window.kind === 'calendar' &&
    !template.scope.includes(`{${account.fleet.deviceAttribute}}`) &&
    charges(template, operation)
  );
}

/** How complete a span is, over all devices or some. */
export async function readFleetCoverage(
  db: Pool,
  { account, dataset }: FleetContext,
  given: readonly string[] | null,
  span: Span,
  now: number,
): Promise<DatasetCoverage> {
  const devices = await chosenDevices(db, account.name, given);
  const known = await coverageByDevice(db, dataset, account.name, devices, span, now);
  const series = known.map((one) => ({
    series: {
      id: 0,
      dataset,
      account: account.name,
      partition: { deviceId: one.deviceId },
      lastAudit: { daily: null, weekly: null },
    },
    windows: one.done + one.failed + one.missing.length,
    done: one.done,
    emptyProvisional: 0,
    failed: one.failed,
    requested: 0,
    missing: one.missing.length,
    rows: one.rows,
    gaps: one.gaps,
    lastAudit: { daily: null, weekly: null },
  }));
  const sum = (pick: (one: (typeof series)[number]) => number) =>
    series.reduce((total, one) => total + pick(one), 0);
  return {
    span,
    windows: sum((one) => one.windows),
    done: sum((one) => one.done),
    states: {
      done: sum((one) => one.done),
      emptyProvisional: 0,
      failed: sum((one) => one.failed),
      requested: 0,
      missing: sum((one) => one.missing),
    },
    rows: sum((one) => one.rows),
    gaps: series.flatMap((one) => one.gaps.map((gap) => ({ ...gap, series: one.series }))),
    lastAudit: { daily: null, weekly: null },
    series,
  };
}
