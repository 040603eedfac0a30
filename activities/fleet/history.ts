/**
 * The history of a fleet, device by device and window by window: asks for what the ledger lacks, the youngest window
 * first, within each device's calls of the day.
 */

import { cancellationSignal } from '@temporalio/activity';
import type { Pool } from 'pg';
import { MINUTE_MS } from '../../quota/durations';
import { deviceLimits, fleetLimitKey } from '../../quota/fleet/device-limits';
import { askAround } from '../../quota/fleet/history-windows';
import type { Span } from '../../quota/windows/chunks';
import { type FleetContext, fleetContext, historyOperation } from '../../settings/datasets/fleet-context';
import { readStorableTime } from '../../store/clock';
import { recordFailure } from '../../store/datasets/failed-windows';
import { widenToTrips } from '../../store/fleet/history';
import { ensureDeviceSeries, failedTries } from '../../store/fleet/ledger';
import { chosenDevices, type HistoryWindow, missingWindows } from '../../store/fleet/missing-windows';
import { deviceAllowances } from '../../store/permits/device-allowances';
import { askedBy, type FleetCalls, isPassing } from './calls';
import { keepAnswer } from './kept';
import { FleetPage, type Refusal } from './page';
import type { HistoryPageInput, HistoryPageOutcome, PageWait } from './types';

/** What failed in passing is tried again after this, ms, and so often in all. */
const RETRY_MS = 10 * MINUTE_MS;
const TRIES = 3;

/** @throws PoolClosed; PermitWait when not even the list of devices could be had; RangeError for unknown devices. */
export async function fetchHistory(calls: FleetCalls, input: HistoryPageInput): Promise<HistoryPageOutcome> {
  const { db, settings } = calls.deps;
  const context = fleetContext(settings, input);
  const { account } = context;
  const endAt = performance.now() + input.maxMs;
  await calls.whenOpen(context);
  try {
    await calls.refreshDevices(context, account.fleet.callers.history, input.priority);
  } catch (error) {
    // Days of work are not to end because the vendor fails as they begin.
    if (isPassing(error)) return withoutDevices(error);
    throw error;
  }

  const devices = await chosenDevices(db, account.name, input.devices);
  const series = await ensureDeviceSeries(db, context.dataset, account.name, devices);
  const seriesOf = (deviceId: string) => {
    const id = series.get(deviceId);
    if (id === undefined) throw new Error(`device ${deviceId} has no series`);
    return id;
  };
  const operation = historyOperation(context);
  const own = deviceLimits(account, operation);
  const page = new FleetPage<HistoryWindow>({
    endAt,
    signal: AbortSignal.any([cancellationSignal(), calls.deps.stopping]),
    call: (window) => askForWindow(calls, context, input, window, seriesOf(window.deviceId)),
    isOwnLimit: ({ deviceId }, key) => own.some((limit) => fleetLimitKey(account, limit, deviceId) === key),
    onRefused: (window, refusal) => noteRefusal(db, seriesOf(window.deviceId), window, refusal),
  });
  const outcome = async (
    end: HistoryPageOutcome['end'],
    wait: PageWait | null,
  ): Promise<HistoryPageOutcome> => {
    const { windows, failed } = await missingWindows(
      db,
      context,
      input,
      devices,
      await readStorableTime(db),
      false,
    );
    return {
      end,
      wait,
      done: page.done,
      rows: page.rows,
      left: windows.length,
      failed,
      problems: page.problems,
    };
  };

  for (let first = true; ; first = false) {
    const work = await plan(db, context, input, devices, operation, first && input.retryFailed);
    if (work.now.length === 0) {
      if (!work.more) return outcome('done', null);
      return outcome('wait', { until: work.nextAt, reason: work.reason });
    }
    const uncalled = await page.run(work.now);
    if (page.stopped) return outcome('stopped', null);
    if (page.wait !== null) return outcome('wait', page.wait);
    if (page.timeIsOver) return outcome('time is over', null);
    if (uncalled === work.now.length) {
      // The limits know better than their levels did.
      return outcome('wait', { until: page.spentUntil, reason: usedUp(page.spentDevices) });
    }
  }
}

/** A page that could not begin, for there has never been a list of devices. */
function withoutDevices(error: Error): HistoryPageOutcome {
  const reason = `the list of devices cannot be had: ${error.message}`;
  return {
    end: 'wait',
    wait: { until: Date.now() + RETRY_MS, reason },
    done: 0,
    rows: 0,
    left: 0,
    failed: 0,
    problems: [reason],
  };
}

interface HistoryWork {
  /** Windows that may be requested now, in order. */
  readonly now: readonly HistoryWindow[];
  /** True when there will be more to ask for than this. */
  readonly more: boolean;
  /** When that is, epoch ms. */
  readonly nextAt: number;
  /** What the rest waits for. */
  readonly reason: string;
}

async function plan(
  db: Pool,
  context: FleetContext,
  input: HistoryPageInput,
  devices: readonly string[],
  operation: string,
  retryFailed: boolean,
): Promise<HistoryWork> {
  const now = await readStorableTime(db);
  const missing = await missingWindows(db, context, input, devices, now, retryFailed);
  const waiting = [...new Set(missing.windows.map(({ deviceId }) => deviceId))];
  const allowances = await deviceAllowances(db, context.account, operation, input.priority, waiting, now);
  const left = new Map(waiting.map((deviceId, i) => [deviceId, allowances[i]?.callsLeft ?? 0]));
  const can = missing.windows.filter(({ deviceId }) => {
    const calls = left.get(deviceId) ?? 0;
    left.set(deviceId, calls - 1);
    return calls >= 1;
  });
  const spent = allowances.filter(({ callsLeft }) => callsLeft < 1).map(({ resetsAt }) => resetsAt);
  const nextAt = Math.min(...spent, missing.retryAt ?? Number.POSITIVE_INFINITY);
  return {
    now: can,
    more: can.length < missing.windows.length || missing.retryAt !== null,
    nextAt: Number.isFinite(nextAt) ? nextAt : now + RETRY_MS,
    reason: spent.length > 0 ? usedUp(spent.length) : 'what failed is tried again',
  };
}

function usedUp(devices: number): string {
  return `the calls of ${devices} ${devices === 1 ? 'device' : 'devices'} are used up for the day`;
}

async function askForWindow(
  calls: FleetCalls,
  context: FleetContext,
  { priority }: HistoryPageInput,
  window: HistoryWindow,
  seriesId: number,
): Promise<number> {
  const { account, terms } = context;
  const { fleet } = account;
  const { db } = calls.deps;
  const { deviceId } = window;
  const question = {
    operation: historyOperation(context),
    caller: fleet.callers.history,
    priority,
    deviceId,
  };
  const answer = {
    account: account.name,
    deviceId,
    seriesId,
    evidence: askedBy(),
    now: await readStorableTime(db),
  };
  if (terms.kind === 'tracks') {
    const positions = await calls.ask(context, {
      ...question,
      request: fleet.track(deviceId, window),
      parse: (body) => fleet.parseTrack(body, deviceId),
    });
    const track = { ...answer, span: { from: window.from, to: window.to }, positions };
    return keepAnswer(calls.deps, { kind: 'track', answer: { ...track, covered: track.span } });
  }
  const whole = await widenToTrips(db, account.name, deviceId, window);
  const span = askAround(window, whole, fleet.maxSpanMs);
  const reported = await calls.ask(context, {
    ...question,
    request: fleet.trips(deviceId, span),
    parse: (body) => fleet.parseTrips(body, deviceId),
  });
  return keepAnswer(calls.deps, {
    kind: 'trips',
    answer: {
      ...answer,
      span,
      covered: { from: window.from, to: window.to },
      reported,
      scheduled: false,
      restatement: terms.restatement,
      awaitMs: 0,
      poolKey: account.poolKey,
    },
  });
}

/** After a refusal that may pass, a window is retried some times, and then left until an operator asks for it. */
async function noteRefusal(
  db: Pool,
  seriesId: number,
  span: Span,
  { reason, evidence, passing }: Refusal,
): Promise<void> {
  const now = await readStorableTime(db);
  const tries = (await failedTries(db, seriesId, span)) + 1;
  await recordFailure(db, {
    seriesId,
    span: { from: span.from, to: span.to },
    reason,
    evidence: { ...evidence, ...askedBy(), tries },
    retryAt: passing && tries < TRIES ? now + RETRY_MS : null,
    now,
  });
}
