/** Activities of fleets: live positions, trips on schedule, and the past. */
import { ApplicationFailure, heartbeat } from '@temporalio/activity';
import { FAILURE } from '../quota/failures';
import { toApplicationFailure } from './call-errors';
import { FleetCalls, type FleetDeps, UnusableAnswer } from './fleet-calls';
import { fetchHistory } from './fleet-history';
import { syncPositions } from './fleet-live';
import { syncTrips } from './fleet-trips';
import type {
  FleetRef,
  HistoryPageInput,
  HistoryPageOutcome,
  PositionsOutcome,
  TripsPageInput,
  TripsPageOutcome,
} from './fleet-types';

const HEARTBEAT_MS = 2000;

export type FleetActivities = ReturnType<typeof createFleetActivities>;

export function createFleetActivities(deps: FleetDeps) {
  const calls = new FleetCalls(deps);
  const guarded =
    <I, O>(work: (calls: FleetCalls, input: I) => Promise<O>) =>
    async (input: I): Promise<O> => {
      const beat = setInterval(() => heartbeat(), HEARTBEAT_MS);
      try {
        return await work(calls, input);
      } catch (error) {
        throw toApplicationFailure(asFinal(error));
      } finally {
        clearInterval(beat);
      }
    };
  return {
    syncFleetPositions: guarded<FleetRef, PositionsOutcome>(syncPositions),
    syncFleetTrips: guarded<TripsPageInput, TripsPageOutcome>(syncTrips),
    fetchFleetHistory: guarded<HistoryPageInput, HistoryPageOutcome>(fetchHistory),
  };
}

/** Neither an unknown device nor an answer against its contract comes right by asking again at once. */
function asFinal(error: unknown): unknown {
  return error instanceof RangeError || error instanceof UnusableAnswer
    ? ApplicationFailure.nonRetryable(error.message, FAILURE.invalid)
    : error;
}
