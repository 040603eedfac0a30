/** What a polling plan is made from, and what it says. Plain data; all times are epoch ms, all lengths ms. */

/** In which of these a vehicle is decides how fresh its values have to be. */
export type VehiclePhase = 'active' | 'plugged' | 'idle';

/** How old an answer may become, by the vehicle's phase. */
export type Freshness = Readonly<Record<VehiclePhase, number>>;

export interface PollingItem {
  readonly vehicleId: string;
  readonly read: string;
  readonly freshMs: Freshness;
  /** Calls that one answer costs: its pages. */
  readonly calls: number;
  /** Of the last whole answer; null when there was none. */
  readonly answeredAt: number | null;
  /** Failures in a row, and when it was last tried in vain. */
  readonly failures: number;
  readonly failedAt: number | null;
  /** Not called before this. */
  readonly notBefore: number | null;
}

/** What is known of a vehicle now. */
export interface VehicleState {
  readonly vehicleId: string;
  /** When it last moved; null when nobody knows. */
  readonly movedAt: number | null;
  readonly plugged: boolean;
}

/** Hours in which answers may be older. */
export interface Night {
  /** Minutes after midnight of `zone`; `to` may be less than `from`. */
  readonly from: number;
  readonly to: number;
  /** IANA name. */
  readonly zone: string;
  /** So much older, at least 1. */
  readonly factor: number;
}

/**
 * The calls that polling may make. `calendar`: `left` of them until `until`, and `count` in each day of UTC from then on.
 * `rolling`: `count` in any `ms`, of which those at `spent` are made.
 */
export type PollingBudget =
  | { readonly kind: 'calendar'; readonly count: number; readonly left: number; readonly until: number }
  | {
      readonly kind: 'rolling';
      readonly count: number;
      readonly ms: number;
      /** When earlier calls were made, in order, whoever made them. */
      readonly spent: readonly number[];
    };

export interface PollingInput {
  readonly now: number;
  readonly items: readonly PollingItem[];
  readonly vehicles: readonly VehicleState[];
  readonly budget: PollingBudget;
  readonly night: Night | null;
  /** A vehicle counts as active for so long after it moved. */
  readonly activeMs: number;
  /** Nothing is called before this; left out: from now on. */
  readonly closedUntil?: number;
  /** Calls that something needs before the first read, e.g. to make a container. */
  readonly setup: readonly string[];
}

export interface PlannedCall {
  readonly at: number;
  /** Empty for a call of the account's as a whole. */
  readonly vehicleId: string;
  readonly read: string;
}

/** A span for which calls are planned together. */
export interface PlannedWindow {
  readonly from: number;
  readonly to: number;
  /** Calls that polling may make in it. */
  readonly budget: number;
  readonly planned: number;
  /** How much older answers become than is wished, so that the budget lasts; 1: not at all. Null: it is too little to make each read once. */
  readonly stretch: number | null;
}

/** How fresh an item becomes. */
export interface ItemOutlook {
  readonly vehicleId: string;
  readonly read: string;
  readonly calls: number;
  /** As old as an answer may become by the settings, at most. */
  readonly wishedMs: number;
  /** As old as an answer becomes, from its first one on; null when none comes. */
  readonly oldestMs: number | null;
  /** On average over the day, from the first answer on; null when none comes. */
  readonly meanMs: number | null;
}

export interface PollingPlan {
  readonly from: number;
  readonly to: number;
  readonly calls: readonly PlannedCall[];
  readonly windows: readonly PlannedWindow[];
  readonly items: readonly ItemOutlook[];
}
