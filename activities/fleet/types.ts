/** Inputs and results of the fleet activities. */
import type { Priority } from '../../quota/limits/limit';

/** A dataset of a fleet, of one account. */
export interface FleetRef {
  /** E.g. `vendor/positions`. */
  readonly dataset: string;
  readonly account: string;
}

/** What one poll of the whole fleet brought. */
export interface PositionsOutcome {
  readonly devices: number;
  /** Devices that the vendor lists for the first time. */
  readonly newDevices: number;
  /** Positions that were new or brought something new. */
  readonly positions: number;
  /** Devices whose whole state was requested, because no cursor covered them. */
  readonly snapshot: 'none' | 'new devices' | 'all';
  /** Calls made, the list of devices included. */
  readonly calls: number;
}

export interface TripsPageInput extends FleetRef {
  /** No call is begun later than this after the start, ms. */
  readonly maxMs: number;
}

/** A limit that ended a page before its work was done. */
export interface PageWait {
  /** Epoch ms. */
  readonly until: number;
  readonly reason: string;
  /** Key of the limit whose room is waited for; left out where it is something else. */
  readonly limit?: string;
}

export interface TripsPageOutcome {
  /** Devices requested. */
  readonly asked: number;
  readonly trips: number;
  readonly failed: number;
  /** Devices that were due and have not been requested. */
  readonly left: number;
  /** Last failures, at most 20. */
  readonly problems: readonly string[];
  readonly wait: PageWait | null;
}

export interface HistoryPageInput extends FleetRef {
  /** Epoch ms. */
  readonly from: number;
  readonly to: number;
  /** Null: all that the vendor lists. */
  readonly devices: readonly string[] | null;
  /** Hours of one call; null for the settings'. */
  readonly chunkHours: number | null;
  readonly priority: Priority;
  /** True: windows that have failed for good are tried once more, because an operator asked for it. */
  readonly retryFailed: boolean;
  readonly maxMs: number;
}

export interface HistoryPageOutcome {
  /** `wait`: nothing can go before `wait.until`. `stopped`: the activity was cancelled. */
  readonly end: 'done' | 'time is over' | 'stopped' | 'wait';
  readonly wait: PageWait | null;
  /** Windows and rows that this page has brought in. */
  readonly done: number;
  readonly rows: number;
  /** Windows of the whole span that are still missing, and that have failed. */
  readonly left: number;
  readonly failed: number;
  /** Last failures of this page, at most 20. */
  readonly problems: readonly string[];
}
