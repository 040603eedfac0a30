/** `sluice backfill`, `plan`, `coverage` and `export` of fleets' datasets: device by device, over days. */
import type { Writable } from 'node:stream';
import type { Pool } from 'pg';
import { type FleetContext, historyOperation } from '../../../activities/fleet/context';
import { chosenDevices } from '../../../activities/fleet/windows';
import type { Priority } from '../../../quota/limits/limit';
import { exportFleet } from '../../../store/fleet/export';
import { summarizeFleet } from '../../../store/fleet/fleet';
import type { Span } from '../../../vendors/chunks';
import { HOUR_MS } from '../../../vendors/dataset';
import type { FleetBackfillInput } from '../../../workflows/fleet/fleet-backfill';
import { chooseFleet, parseLength, parsePriority, parseSpan } from '../../operations/arguments';
import { type Context, withDatabase, withTemporal } from '../../operations/context';
import type { DatasetCoverage } from '../../operations/datasets/coverage';
import { workerPolls } from '../../operations/datasets/work';
import { ClientError, UsageError } from '../../operations/errors';
import { type FleetPlan, planFleet } from '../../operations/fleet/plan';
import { readFleetCoverage, readFleetProgress, startFleetBackfill } from '../../operations/fleet/work';
import { followWith } from '../../operations/follow';
import {
  amountText,
  countText,
  isoOrNull,
  lengthText,
  pluralText,
  shortInstant,
  spanText,
  whenText,
} from '../../operations/time-text';
import { createView } from '../datasets/progress-view';
import { untilInterrupted } from '../interrupt';
import { note, print, printJson, table } from '../output';

export interface FleetSpanOptions {
  readonly account?: string;
  readonly from: string;
  readonly to: string;
  readonly chunk?: string;
  readonly priority?: string;
  readonly device?: readonly string[];
  readonly deviceCount?: string;
  readonly wait?: boolean;
  readonly json?: boolean;
}

interface Chosen {
  readonly context: FleetContext;
  readonly span: Span;
  readonly devices: readonly string[] | null;
  readonly chunkHours: number | null;
  readonly priority: Priority;
}

function checked({ settings }: Context, dataset: string, options: FleetSpanOptions, now: number): Chosen {
  const context = chooseFleet(settings, dataset, options.account);
  asUsage('dataset', () => historyOperation(context));
  const span = parseSpan(options.from, options.to);
  const settled = Math.floor((now - context.terms.overlapMs) / HOUR_MS) * HOUR_MS;
  if (span.to > settled) {
    throw new UsageError(
      `--to: ${shortInstant(span.to)} is too late; what is younger than ${lengthText(context.terms.overlapMs)} may still change, so the latest is now ${shortInstant(settled)}`,
    );
  }
  return {
    context,
    span,
    devices:
      options.device === undefined || options.device.length === 0 ? null : [...new Set(options.device)],
    chunkHours: options.chunk === undefined ? null : parseFleetChunk(context, options.chunk),
    priority: options.priority === undefined ? 'background' : parsePriority(options.priority),
  };
}

function parseFleetChunk({ account, dataset }: FleetContext, text: string): number {
  const ms = parseLength('--chunk', text);
  const { maxSpanMs } = account.fleet;
  if (ms % HOUR_MS === 0 && ms <= maxSpanMs) return ms / HOUR_MS;
  throw new UsageError(
    `--chunk: "${text}" must be whole hours and at most ${maxSpanMs / HOUR_MS}h, the longest call of ${dataset}`,
  );
}

/** Shows what is unknown, e.g. a device, as a problem of the argument. */
function asUsage<T>(argument: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw usage(argument, error);
  }
}

function usage(argument: string, error: unknown): unknown {
  return error instanceof RangeError ? new UsageError(`${argument}: ${error.message}`) : error;
}

/** The database, with unknown devices as a problem of `--device`. */
async function withDevices<T>(context: Context, work: (db: Pool) => Promise<T>): Promise<T> {
  try {
    return await withDatabase(context, work);
  } catch (error) {
    throw usage('--device', error);
  }
}

/** Of thousands of devices, progress takes half a second to read, and a plan as long again. */
const FOLLOW_EVERY_MS = 2000;
const PLAN_EVERY_MS = 15_000;

/** `sluice backfill` of a fleet's dataset. */
export async function backfillFleet(
  context: Context,
  dataset: string,
  options: FleetSpanOptions,
): Promise<void> {
  const since = Date.now();
  const { context: fleet, span, devices, chunkHours, priority } = checked(context, dataset, options, since);
  const account = fleet.account.name;
  const input: FleetBackfillInput = { dataset, account, ...span, devices, chunkHours, priority };
  // The workflow would fail where nobody looks.
  if (devices !== null) await withDevices(context, (db) => chosenDevices(db, account, devices));
  await withTemporal(context, async (client) => {
    const { handle, alreadyRan } = await startFleetBackfill(client, context.settings, input);
    const workerRuns = await workerPolls(client, context.settings.temporal.taskQueue);
    const workflow = { workflowId: handle.workflowId, alreadyRan, workerRuns };
    if (!options.wait) {
      if (options.json) printJson(workflow);
      else
        print(`Backfill ${spanText(span)} ${alreadyRan ? 'runs already' : 'started'}: ${handle.workflowId}`);
    }
    if (!workerRuns) note('No worker runs now; it begins when one does (npx sluice up).');
    if (!options.wait) return;
    const view = createView({
      json: options.json === true,
      title: `Backfill of ${dataset} for ${account}, ${spanText(span)}`,
    });
    const interrupt = untilInterrupted();
    const plan = { ...span, devices, deviceCount: null, chunkHours, priority };
    let plannedAt = 0;
    let finish: number | null = null;
    const summary = await withDatabase(context, (db) =>
      followWith(handle, {
        everyMs: FOLLOW_EVERY_MS,
        signal: interrupt.signal,
        onProgress: (progress, etaMs) => view.show(progress, etaMs),
        read: async (now) => {
          const watched = { context: fleet, span, devices, chunkHours, since };
          const progress = await readFleetProgress(db, watched, now);
          if (now - plannedAt >= PLAN_EVERY_MS) {
            plannedAt = now;
            // Before the vendor's first list there is nothing to plan with.
            const ahead = await planFleet(db, context.settings, fleet, plan, now).catch(() => null);
            finish = ahead === null || !Number.isFinite(ahead.finish) ? null : ahead.finish;
          }
          const etaMs = finish === null ? null : Math.max(1000, finish - now);
          return { progress, etaMs: progress.windowsTotal === progress.windowsDone ? null : etaMs };
        },
      }),
    ).finally(() => interrupt.done());
    view.end();
    if (summary === null) {
      note(`Backfill goes on without this command: ${handle.workflowId}`);
      process.exitCode = 130;
      return;
    }
    if (options.json)
      process.stdout.write(`${JSON.stringify({ type: 'result', ...workflow, ...summary })}\n`);
    else {
      print(
        `${summary.failed > 0 ? 'ended' : 'done'}: ${summary.done}/${summary.chunks} calls, ${countText(summary.rows)} rows, ${summary.failed} failed`,
      );
    }
    for (const problem of summary.problems) note(`  failed: ${problem}`);
    if (summary.failed > 0) throw new ClientError(`${pluralText(summary.failed, 'window')} failed`);
  });
}

/** `sluice plan` of a fleet's dataset. */
export async function planFleetBackfill(
  context: Context,
  dataset: string,
  options: FleetSpanOptions,
): Promise<void> {
  const now = Date.now();
  const { context: fleet, span, devices, chunkHours, priority } = checked(context, dataset, options, now);
  const deviceCount = options.deviceCount === undefined ? null : parseCount(options.deviceCount);
  if (deviceCount !== null && devices !== null) {
    throw new UsageError('--device-count: is of devices that need not exist; give it or --device, not both');
  }
  const plan = await withDevices(context, (db) =>
    planFleet(db, context.settings, fleet, { ...span, devices, deviceCount, chunkHours, priority }, now),
  );
  if (options.json) printJson(planJson(plan, span, now));
  else printPlan(plan, span, now);
}

function parseCount(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new UsageError(`--device-count: "${text}" must be a whole number from 1 to 999999`);
}

const finiteOrNull = (value: number) => (Number.isFinite(value) ? value : null);

function planJson(plan: FleetPlan, span: Span, now: number) {
  const { days, callsADay, finish, binding, shared, ...rest } = plan;
  return {
    from: isoOrNull(span.from),
    to: isoOrNull(span.to),
    ...rest,
    days: finiteOrNull(days),
    callsADay,
    finish: isoOrNull(finish),
    finishMs: finiteOrNull(finish - now),
    binding: binding && { limit: binding.limit, days: finiteOrNull(binding.days) },
    shared,
    pausedUntil: isoOrNull(plan.pausedUntil),
  };
}

function printPlan(plan: FleetPlan, span: Span, now: number): void {
  const { calls, devices, days, binding, callsADevice, shared } = plan;
  if (calls === 0) {
    print('Nothing is missing: 0 calls.');
    return;
  }
  print(
    `${pluralText(calls, 'call')} of ${plan.operation} for ${pluralText(devices, 'device')}, ${spanText(span)}, at priority ${plan.priority}:`,
  );
  print(
    table(
      ['limit', 'a day', 'left today'],
      [
        ...(callsADevice === null ? [] : [['each device', amountText(callsADevice), '-']]),
        ...shared.map(({ name, perDay, leftToday }) => [
          name,
          countText(perDay),
          leftToday === null ? '-' : countText(leftToday),
        ]),
      ],
    ),
  );
  print(`Live positions make ${countText(plan.liveADay)} calls a day besides.`);
  if (binding)
    print(
      `Binding: ${binding.limit}${Number.isFinite(binding.days) ? `, which alone takes ${amountText(binding.days)} ${binding.days === 1 ? 'day' : 'days'}` : ''}.`,
    );
  if (plan.held) print('The pool is held: nothing goes until an operator resumes it. Counted as if now:');
  if (plan.pausedUntil !== null) print(`The pool is paused until ${whenText(plan.pausedUntil, now)}.`);
  print(
    Number.isFinite(days)
      ? `${pluralText(days, 'day')}, at ${countText(plan.callsADay)} calls a day: done ${whenText(plan.finish, now)}.`
      : 'It is never done: a limit leaves nothing for it.',
  );
}

export interface FleetCoverageOptions {
  readonly account?: string;
  readonly from?: string;
  readonly to?: string;
  readonly device?: readonly string[];
  readonly json?: boolean;
}

/** Of live positions: how fresh they are. Of trips and tracks: which windows are in. */
export async function fleetCoverage(
  context: Context,
  dataset: string,
  options: FleetCoverageOptions,
): Promise<{ readonly account: string; readonly found: DatasetCoverage } | null> {
  const now = Date.now();
  const fleet = chooseFleet(context.settings, dataset, options.account);
  const account = fleet.account.name;
  if (fleet.terms.kind === 'positions') {
    await showFreshness(context, dataset, account, options.json === true, now);
    return null;
  }
  const settled = now - fleet.terms.overlapMs;
  const span =
    options.from !== undefined && options.to !== undefined
      ? parseSpan(options.from, options.to)
      : { from: settled - DEFAULT_DAYS * 24 * HOUR_MS, to: settled };
  const devices = options.device === undefined || options.device.length === 0 ? null : options.device;
  const found = await withDevices(context, (db) => readFleetCoverage(db, fleet, devices, span, now));
  return { account, found };
}

/** Coverage is shown of so many days when no span is given. */
const DEFAULT_DAYS = 7;

async function showFreshness(
  context: Context,
  dataset: string,
  account: string,
  json: boolean,
  now: number,
): Promise<void> {
  const { devices, located, oldest, newest, listedAt, readAt } = await withDatabase(context, (db) =>
    summarizeFleet(db, account),
  );
  if (json) {
    const times = { oldest, newest, listedAt, readAt };
    const iso = Object.fromEntries(Object.entries(times).map(([key, at]) => [key, isoOrNull(at)]));
    printJson({ devices, located, ...iso });
    return;
  }
  const when = (at: number | null) => (at === null ? 'never' : whenText(at, now));
  print(
    `${dataset} of ${account}: ${pluralText(devices, 'device')}, of ${countText(located)} a position is known`,
  );
  print(`Last read: ${when(readAt)}; devices listed: ${when(listedAt)}`);
  print(`Latest positions: newest ${when(newest)}, oldest ${when(oldest)}`);
}

/** Writes rows of a fleet's dataset. @returns how many. */
export async function exportFleetRows(
  context: Context,
  dataset: string,
  options: { readonly account?: string; readonly span: Span; readonly format: 'csv' | 'jsonl' },
  into: (work: (writable: Writable) => Promise<number>) => Promise<number>,
): Promise<number> {
  const { account, terms } = chooseFleet(context.settings, dataset, options.account);
  const { span, format } = options;
  return withDatabase(
    context,
    (db) =>
      into((writable) =>
        exportFleet(db, { kind: terms.kind, account: account.name, span, format }, writable),
      ),
    'bulk',
  );
}
