/** What every use case works with, whoever calls it: the settings, and access to Postgres and Temporal. */
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { StateDir } from '../../../embedded/state-dir';
import type { Settings } from '../../../settings';
import type { ConnectionUse } from '../../../store/db';

export interface Backend {
  readonly settings: Settings;
  /** Where this machine keeps what it runs for these settings: embedded servers, the spool. */
  readonly dir: StateDir;
  /** Who asks, for the events and rows that say so: `user@host` at a terminal, or whom an API has let in. */
  readonly caller: string;
  /**
   * Of a request that may come again because its answer was lost: what it starts is found by this id the next time, and
   * not started twice.
   */
  readonly request?: string;
  /**
   * Runs `work` with the database. @param use `bulk` for what may take minutes.
   * @throws OperationError when it cannot be reached.
   */
  database<T>(work: (db: Pool) => Promise<T>, use?: ConnectionUse): Promise<T>;
  /** Runs `work` with a Temporal client. @throws OperationError when no server answers. */
  temporal<T>(work: (client: Client) => Promise<T>): Promise<T>;
}
