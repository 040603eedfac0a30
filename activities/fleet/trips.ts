/** Trips on schedule: asks the devices that are due, the most overdue first, for as long as the page may last. */

import { cancellationSignal } from '@temporalio/activity';
import { deviceLimits, fleetLimitKey } from '../../quota/fleet/device-limits';
import { dueForTrips, reachMs, settledUntil, type TripsPolicy, tripsSpan } from '../../quota/fleet/trips-due';
import type { Span } from '../../quota/windows/chunks';
import { type FleetContext, fleetContext } from '../../settings/datasets/fleet-context';
import { readStorableTime } from '../../store/clock';
import { recordFailure } from '../../store/datasets/failed-windows';
import { listDevices, type StoredDevice } from '../../store/fleet/fleet';
import { noteTripsRefused, widenToTrips } from '../../store/fleet/history';
import { ensureDeviceSeries } from '../../store/fleet/ledger';
import { deviceAllowances } from '../../store/permits/device-allowances';
import { askedBy, type FleetCalls } from './calls';
import { keepAnswer } from './kept';
import { FleetPage } from './page';
import type { TripsPageInput, TripsPageOutcome } from './types';

const PRIORITY = 'scheduled';
/** Vendors take whole seconds. */
const GRID_MS = 1000;

/** @throws PoolClosed; PermitWait when not even the list of devices could be had. */
export async function syncTrips(calls: FleetCalls, input: TripsPageInput): Promise<TripsPageOutcome> {
  const { db, settings } = calls.deps;
  const context = fleetContext(settings, input);
  const { account, terms } = context;
  const { fleet } = account;
  const endAt = performance.now() + input.maxMs;
  await calls.whenOpen(context);
  await calls.refreshDevices(context, fleet.callers.trips, PRIORITY);

  const policy: TripsPolicy = {
    overlapMs: terms.overlapMs,
    maxSpanMs: fleet.maxSpanMs,
    firstSpanMs: terms.firstSpanMs,
  };
  const devices = await dueDevices(calls, context, policy);
  const series = await ensureDeviceSeries(
    db,
    context.dataset,
    account.name,
    devices.map(({ deviceId }) => deviceId),
  );
  const own = deviceLimits(account, fleet.operations.trips);
  const page = new FleetPage<StoredDevice>({
    endAt,
    signal: AbortSignal.any([cancellationSignal(), calls.deps.stopping]),
    call: (device) => askForTrips(calls, context, policy, device, series.get(device.deviceId)),
    isOwnLimit: (device, key) => own.some((limit) => fleetLimitKey(account, limit, device.deviceId) === key),
    onRefused: async ({ deviceId, tripsUntil }, { reason, evidence }) => {
      const now = await readStorableTime(db);
      await noteTripsRefused(db, account.name, deviceId, now);
      const seriesId = series.get(deviceId);
      const span = tripsSpan(tripsUntil, policy, now);
      if (seriesId === undefined) return;
      // The next ask on schedule covers the span again; until then it is seen as failed.
      await recordFailure(db, { seriesId, span, reason, evidence: { ...evidence }, retryAt: null, now });
    },
  });
  const left = await page.run(devices);
  return {
    asked: page.done,
    trips: page.rows,
    failed: page.failed,
    left,
    problems: page.problems,
    wait: page.wait,
  };
}

async function dueDevices(
  { deps }: FleetCalls,
  { account }: FleetContext,
  policy: TripsPolicy,
): Promise<StoredDevice[]> {
  const now = await readStorableTime(deps.db);
  const devices = await listDevices(deps.db, account.name);
  const allowances = await deviceAllowances(
    deps.db,
    account,
    account.fleet.operations.trips,
    PRIORITY,
    devices.map(({ deviceId }) => deviceId),
    now,
  );
  const due = dueForTrips(
    devices.map((device, i) => ({
      deviceId: device.deviceId,
      movedAt: device.movedAt,
      askedAt: device.tripsAskedAt,
      coveredUntil: device.tripsUntil,
      callsADay: allowances[i]?.callsADay ?? 0,
      callsLeft: allowances[i]?.callsLeft ?? 0,
      resetsAt: allowances[i]?.resetsAt ?? now,
    })),
    policy,
    now,
  );
  const byId = new Map(devices.map((device) => [device.deviceId, device]));
  return due.flatMap((deviceId) => byId.get(deviceId) ?? []);
}

async function askForTrips(
  calls: FleetCalls,
  context: FleetContext,
  policy: TripsPolicy,
  { deviceId, tripsUntil }: StoredDevice,
  seriesId: number | undefined,
): Promise<number> {
  if (seriesId === undefined) throw new Error(`device ${deviceId} has no series`);
  const { account, terms } = context;
  const { fleet } = account;
  const { db } = calls.deps;
  const now = await readStorableTime(db);
  const wanted = tripsSpan(tripsUntil, policy, now);
  const { from } = await widenToTrips(db, account.name, deviceId, wanted);
  // Never so far back that the end comes nearer: a trip of many days would be requested again and again.
  const span: Span = {
    from: onGrid(Math.max(from, wanted.to - fleet.maxSpanMs)),
    to: onGrid(wanted.to),
  };
  const reported = await calls.ask(context, {
    operation: fleet.operations.trips,
    caller: fleet.callers.trips,
    priority: PRIORITY,
    deviceId,
    request: fleet.trips(deviceId, span),
    parse: (body) => fleet.parseTrips(body, deviceId),
  });
  const until = Math.min(span.to, now - terms.overlapMs);
  const settled = onGrid(settledUntil(until, reported?.openSince ?? null, policy, now));
  const answer = {
    account: account.name,
    deviceId,
    seriesId,
    span,
    covered: settled > span.from ? { from: span.from, to: settled } : null,
    evidence: askedBy(),
    now,
    reported,
    scheduled: true,
    restatement: terms.restatement,
    awaitMs: reachMs(policy),
    poolKey: account.poolKey,
  };
  return keepAnswer(calls.deps, { kind: 'trips', answer });
}

function onGrid(ms: number): number {
  return Math.floor(ms / GRID_MS) * GRID_MS;
}
