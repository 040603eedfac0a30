/** Activities of fleets: live positions, trips on schedule, and the past. */
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
import { guarded, isConfiguration } from './guarded';

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
