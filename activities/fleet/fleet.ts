/** Activities of fleets: live positions, trips on schedule, and history. */

import { guarded, isConfiguration } from '../gateway/guarded';
import { FleetCalls, type FleetDeps, UnusableAnswer } from './calls';
import { fetchHistory } from './history';
import { syncPositions } from './live';
import { syncTrips } from './trips';
import type {
  FleetRef,
  HistoryPageInput,
  HistoryPageOutcome,
  PositionsOutcome,
  TripsPageInput,
  TripsPageOutcome,
} from './types';

export type FleetActivities = ReturnType<typeof createFleetActivities>;

export function createFleetActivities(deps: FleetDeps) {
  const calls = new FleetCalls(deps);
  const fleetwork = <I, O>(work: (calls: FleetCalls, input: I) => Promise<O>) =>
    guarded((input: I) => work(calls, input), isFinal);
  return {
    syncFleetPositions: fleetwork<FleetRef, PositionsOutcome>(syncPositions),
    syncFleetTrips: fleetwork<TripsPageInput, TripsPageOutcome>(syncTrips),
    fetchFleetHistory: fleetwork<HistoryPageInput, HistoryPageOutcome>(fetchHistory),
  };
}

/** Neither an unknown device nor an answer against its contract comes right by asking again at once. */
function isFinal(error: unknown): boolean {
  return isConfiguration(error) || error instanceof UnusableAnswer;
}
