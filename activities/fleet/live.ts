/** Live positions: one call for all devices, from the cursor of the last one. */

import { type FleetContext, fleetContext } from '../../settings/datasets/fleet-context';
import { type LiveAnswer, listDevices, readCursor } from '../../store/fleet/fleet';
import type { FleetPosition } from '../../vendors/capabilities/fleet';
import { CallFailed } from '../gateway/call-errors';
import { type FleetCalls, isUseless } from './calls';
import { keepAnswer } from './kept';
import type { FleetRef, PositionsOutcome } from './types';

const PRIORITY = 'live';

interface Answer {
  readonly cursor: string;
  readonly positions: readonly FleetPosition[];
}

/** @throws what `FleetCalls.ask` throws; earlier answers are stored, with the cursor that goes with them. */
export async function syncPositions(calls: FleetCalls, ref: FleetRef): Promise<PositionsOutcome> {
  const { db, settings } = calls.deps;
  const context = fleetContext(settings, ref);
  const { name: account, fleet } = context.account;
  await calls.whenOpen(context);
  const fresh = await calls.refreshDevices(context, fleet.callers.positions, PRIORITY);
  let made = fresh === null ? 0 : 1;
  let stored = 0;
  let snapshot: PositionsOutcome['snapshot'] = 'none';
  const store = (answer: LiveAnswer) => keepAnswer(calls.deps, { kind: 'positions', answer });
  const poll = async (deviceIds: readonly string[], cursor: string | null) => {
    made++;
    return pollDevices(calls, context, deviceIds, cursor);
  };

  const devices = await listDevices(db, account);
  const everybody = devices.map(({ deviceId }) => deviceId);
  const outcome = () => ({
    devices: devices.length,
    newDevices: fresh ?? 0,
    positions: stored,
    snapshot,
    calls: made,
  });
  // Without a device in the request, the vendor would answer for all devices.
  if (devices.length === 0) return outcome();
  const before = await readCursor(db, account);
  const pollAll = async () => {
    snapshot = 'all';
    const { cursor, positions } = await poll(everybody, null);
    const now = Date.now();
    stored += await store({
      account,
      positions,
      cursor: { before, after: cursor },
      snapshotOf: everybody,
      now,
    });
  };

  if (before === null) {
    await pollAll();
    return outcome();
  }
  const unseen = devices.filter(({ snapshotAt }) => snapshotAt === null).map(({ deviceId }) => deviceId);
  if (calls.newcomers.mayAsk(context, unseen)) {
    // The cursor is of before they were there. Theirs is not kept: it would pass over what the others did since.
    const answer = await poll(unseen, null).catch((error: unknown) => {
      // A failure for new devices must not affect the others.
      if (!isUseless(error)) throw error;
      calls.newcomers.failed(context, unseen, error);
      return null;
    });
    if (answer !== null) {
      const { positions } = answer;
      const now = Date.now();
      stored += await store({ account, positions, cursor: null, snapshotOf: unseen, now });
      snapshot = 'new devices';
    }
  }
  let answer: Answer;
  try {
    answer = await poll(everybody, before);
  } catch (error) {
    // The request differs from a good one in its cursor alone.
    if (!(error instanceof CallFailed) || error.verdict.kind !== 'invalid') throw error;
    await pollAll();
    return outcome();
  }
  stored += await store({
    account,
    positions: answer.positions,
    cursor: { before, after: answer.cursor },
    snapshotOf: [],
    now: Date.now(),
  });
  return outcome();
}

function pollDevices(
  calls: FleetCalls,
  context: FleetContext,
  deviceIds: readonly string[],
  cursor: string | null,
): Promise<Answer> {
  const { fleet } = context.account;
  return calls.ask(context, {
    operation: fleet.operations.positions,
    caller: fleet.callers.positions,
    priority: PRIORITY,
    request: fleet.positions(deviceIds, cursor),
    parse: fleet.parsePositions,
  });
}
