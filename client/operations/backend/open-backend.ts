/**
 * A backend for a process that goes on running: connections to Postgres and Temporal are made at their first use and kept.
 * Where the settings name no server, the embedded one of the folder is looked up again, for it may move to another port.
 */
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { GuardedPool } from '../../../store/connections/guarded-pool';
import { type ConnectionUse, createPool, databaseAnswers } from '../../../store/db';
import { OperationError, problem } from '../errors';
import type { Backend } from './backend';
import {
  type Context,
  databaseUrl,
  explainDatabaseError,
  temporalAddress,
  temporalConnection,
} from './context';
import { DATABASE_WATCH_TIMES, ServerSilent, SilenceWatch, type WatchTimes } from './silence-watch';

export interface OpenBackend extends Backend {
  /** The same connections for somebody else. @param request see Backend. */
  as(caller: string, request?: string): Backend;
  close(): Promise<void>;
}

export interface OpenBackendOptions {
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  /** Most connections to Postgres for ordinary work; what may take minutes has a few of its own. */
  readonly connections: number;
  readonly watch?: WatchTimes;
}

const BULK_CONNECTIONS = 4;
/** A server's address is looked up in the folder no more often than this, ms. */
const LOOKUP_MS = 500;
/** Longest wait for Temporal's answers to one piece of work, ms. */
const TEMPORAL_MS = 15_000;

export function openBackend(context: Context, options: OpenBackendOptions): OpenBackend {
  const databases = new Databases(context, options);
  const temporal = new Temporal(context, options.watch);
  const backend: Backend = {
    settings: context.settings,
    dir: context.dir,
    caller: context.caller,
    database: (work, use) => databases.use(work, use),
    temporal: (work) => temporal.use(work),
  };
  return {
    ...backend,
    as: (caller, request) => ({ ...backend, caller, ...(request === undefined ? {} : { request }) }),
    close: async () => {
      await Promise.all([databases.close(), temporal.close()]);
    },
  };
}

/** The value, looked up again after a while. */
function remembered<T>(read: () => T): () => T {
  let found: { readonly value: T; readonly at: number } | null = null;
  return () => {
    if (found === null || performance.now() - found.at > LOOKUP_MS) {
      found = { value: read(), at: performance.now() };
    }
    return found.value;
  };
}

class Databases {
  private readonly pools = new Map<ConnectionUse, { readonly url: string; readonly pool: GuardedPool }>();
  private readonly url: () => string;
  private readonly watch: SilenceWatch;

  constructor(
    context: Context,
    private readonly options: OpenBackendOptions,
  ) {
    this.url = remembered(() => databaseUrl(context));
    this.watch = new SilenceWatch(
      options.watch ?? DATABASE_WATCH_TIMES,
      (withinMs) => databaseAnswers(this.url(), withinMs),
      () => this.forget(),
    );
  }

  async use<T>(work: (db: Pool) => Promise<T>, use: ConnectionUse = 'work'): Promise<T> {
    const url = this.url();
    try {
      return await this.watch.during(work(this.pool(url, use)));
    } catch (error) {
      throw explainDatabaseError(error, url);
    }
  }

  private pool(url: string, use: ConnectionUse): GuardedPool {
    const kept = this.pools.get(use);
    if (kept?.url === url) return kept.pool;
    // Whoever works with the old one goes on until it is done.
    kept?.pool.end().catch(() => undefined);
    const { applicationName, connections } = this.options;
    const pool = createPool(url, {
      max: use === 'bulk' ? BULK_CONNECTIONS : connections,
      applicationName,
      use,
    });
    this.pools.set(use, { url, pool });
    return pool;
  }

  /** Connections that nothing comes back on: the next work gets new ones. */
  private forget(): void {
    for (const { pool } of this.pools.values()) pool.abandon();
    this.pools.clear();
  }

  async close(): Promise<void> {
    await Promise.all([...this.pools.values()].map(({ pool }) => pool.end()));
    this.pools.clear();
  }
}

interface Connected {
  readonly client: Client;
  readonly watch: SilenceWatch;
  /** Work that has not asked yet finds it so when the server has moved, was silent for others, or we stop. */
  isClosed(): boolean;
  close(): Promise<void>;
}

class Temporal {
  private connected: { readonly address: string; readonly connection: Promise<Connected> } | null = null;
  private readonly address: () => string | null;

  constructor(
    private readonly context: Context,
    private readonly times: WatchTimes | undefined,
  ) {
    this.address = remembered(() => temporalAddress(context));
  }

  async use<T>(work: (client: Client) => Promise<T>): Promise<T> {
    const { client, watch, isClosed } = await this.connect();
    try {
      return await watch.during(client.withDeadline(Date.now() + TEMPORAL_MS, () => work(client)));
    } catch (error) {
      throw await this.explain(error, isClosed());
    }
  }

  private async connect(): Promise<Connected> {
    const address = this.address();
    if (this.connected !== null && this.connected.address === address) {
      // A connection that is kept waits for a server that has gone; a port at which nothing listens says so at once.
      const { accepts } = await import('../../../temporal/connection-trouble.js');
      const { temporalUnreachable } = await import('./temporal-silence.js');
      if (await accepts(address)) return this.connected?.connection ?? this.connect();
      throw temporalUnreachable(address, 'nothing listens there');
    }
    this.forget();
    const kept = { address: address ?? '', connection: this.open(address ?? '') };
    this.connected = kept;
    return kept.connection.catch((error: unknown) => {
      if (this.connected === kept) this.connected = null;
      throw error;
    });
  }

  private async open(address: string): Promise<Connected> {
    const { client, close } = await temporalConnection(this.context);
    const { temporalWatch } = await import('./temporal-silence.js');
    const onSilent = () => this.forget();
    const watch = temporalWatch(client, address, this.context.settings, onSilent, this.times);
    let closed = false;
    return {
      client,
      watch,
      isClosed: () => closed,
      close: () => {
        closed = true;
        return close();
      },
    };
  }

  /** The next work gets another connection. */
  private forget(): void {
    this.connected?.connection.then((old) => old.close()).catch(() => undefined);
    this.connected = null;
  }

  /** @param isClosed whether its connection was closed under the work: gRPC has no code for that. */
  private async explain(error: unknown, isClosed: boolean): Promise<unknown> {
    if (error instanceof OperationError) return error;
    const { WorkflowNotFoundError } = await import('@temporalio/client');
    if (error instanceof WorkflowNotFoundError) {
      return problem('NOT_RUNNING', null, 'it does not run any more');
    }
    const { isTemporalAway, temporalSilent, temporalUnreachable } = await import('./temporal-silence.js');
    if (error instanceof ServerSilent) return temporalSilent(this.context, this.address() ?? '');
    return isClosed || isTemporalAway(error) ? temporalUnreachable(this.address(), error) : error;
  }

  async close(): Promise<void> {
    const kept = this.connected;
    this.connected = null;
    await kept?.connection.then((connected) => connected.close()).catch(() => undefined);
  }
}
