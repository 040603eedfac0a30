/** Work whose process is killed in the middle, and what it takes to judge it. */
import type { Pool } from 'pg';
import type { Settings } from '../../../../settings';
import type { AccountParts } from '../../../../vendors/define';
import type { RunningSimulator } from '../../../../vendors/kit/server/server';
import type { Vendor } from '../../../../vendors/registry';
import type { Backend } from '../../backend/backend';

/** An account at a simulated vendor, whose servers and processes are the test's own. */
export interface KillBench {
  readonly vendor: Vendor;
  /** In the settings. */
  readonly account: string;
  readonly parts: AccountParts;
  readonly running: RunningSimulator;
  readonly settings: Settings;
  readonly backend: Backend;
  readonly db: Pool;
}

/** A read of a vehicle, as the process that reads receives it. */
export interface ReadPiece {
  readonly account: string;
  readonly vehicleId: string;
  readonly read: string;
}

export interface Work {
  /** In the singular or as a whole: `a backfill of amazon/rt-sales`. */
  readonly name: string;
  /** What is done as a whole, in the plural: `windows`. */
  readonly pieces: string;
  readonly wanted: number;
  /** Calls that it takes; left out: one a piece. */
  readonly calls?: number;
  /** Operations of those calls. */
  readonly operations: readonly string[];
  /** From which call on the vendor keeps its answers to itself, so that there is a middle. */
  readonly hold: { readonly operation: string; readonly skip: number };
  /** A piece whose answer was lost must not be asked for again: the vendor would do it twice. */
  readonly once: boolean;
  /** Begins it, where a worker does it. */
  readonly start?: () => Promise<unknown>;
  /** What the process that reads is to read; else a worker does it. */
  readonly reads?: readonly ReadPiece[];
  /** Pieces that are done for good, as the database has it. */
  done(): Promise<number>;
  /** Calls whose answers are there for good; left out: as many as pieces. */
  answered?(): Promise<number>;
}
