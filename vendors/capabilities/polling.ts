/**
 * Reads that are kept fresh by themselves under a limit of calls: what is wished how fresh, and how a vehicle's state is
 * derived from its values. The plan that follows is quota/polling/plan.ts's, and the same for every vendor.
 */
import type { Freshness, Night } from '../../quota/polling/types';
import type { ReadValue } from './vehicles';

export interface PollingWish {
  /** Name of the read. */
  readonly read: string;
  readonly freshMs: Freshness;
  /** In how many calls the answer of one vehicle comes, as long as none has been counted. Default 1. */
  readonly calls?: number;
  /** What the read is given, epoch ms for instants. The same for all times of a day, or each would be a read of its own. */
  params?(nowMs: number): Readonly<Record<string, string | number>>;
}

export interface PollingApi {
  /** Name of the limit that the calls are planned under: a calendar day's, or a rolling one's. */
  readonly limit: string;
  readonly wishes: readonly PollingWish[];
  /** Vehicles that are polled; null: all that the account may read. */
  readonly vehicles: readonly string[] | null;
  readonly night: Night | null;
  /** A vehicle counts as active for so long after it moved, ms. */
  readonly activeMs: number;
  /** The read whose values show the vehicle's state. */
  readonly stateRead: string;
  /** @param values of that read, as last answered. */
  state(values: Readonly<Record<string, ReadValue>>): {
    readonly movedAt: number | null;
    readonly plugged: boolean;
  };
}
