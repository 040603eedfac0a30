/**
 * A pool whose connections are known to be alive. A connection can fall silent while both ends take it for open: a
 * proxy or a firewall has forgotten it, or the server is frozen. TCP's own keepalive does not notice where something in
 * between acknowledges for the server.
 *
 * - One that has been idle is tried before it is used.
 * - One that brings no answer for a while is looked for at the server, over a connection of its own: where Postgres has
 *   ended the statement, or knows nothing of the session, or does not answer at all, the connection is given up, and the
 *   query fails at once. One that Postgres still works for may take as long as its statement may.
 */
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, type ClientBase, Pool, type PoolClient, type PoolConfig } from 'pg';
import { SilentConnection } from './connection-trouble';

/** What Postgres says of sessions: by pid, `pg_stat_activity.state`. Null: it says nothing at all. */
export type Sessions = ReadonlyMap<number, string | null> | null;

export interface GuardTimes {
  /** Nothing has come for so long: the server is looked at, ms. Later again, at doubling intervals. */
  readonly lateMs: number;
  /** What was sent has to be here within this, ms. */
  readonly transitMs: number;
  /** One that has been idle for longer is tried before it is used, ms. */
  readonly idleMs: number;
  /** The longest wait for the answer to a trial, ms. */
  readonly trialMs: number;
}

export const GUARD_TIMES: GuardTimes = { lateMs: 3_000, transitMs: 1_000, idleMs: 3_000, trialMs: 2_000 };

const LONGEST_LATE_MS = 30_000;

/** What `pg` keeps of a connection. */
interface Wire {
  readonly connection: { readonly stream: Socket };
  readonly readyForQuery: boolean;
}

interface Wait {
  /** Of the connection: bytes that have come, and gone. */
  readonly seen: string;
  readonly since: number;
  lookAfterMs: number;
}

/** States in which Postgres works for us, or does not say. In all others it waits for our next word. */
const WORKING: ReadonlySet<string | null> = new Set(['active', 'fastpath function call', 'disabled', null]);

/** Whether an answer can no longer come: pure. @param pid null: not known, e.g. behind a pooler. */
export function isLost(sessions: Sessions, pid: number | null): boolean {
  if (sessions === null) return true;
  if (pid === null) return false;
  return !sessions.has(pid) || !WORKING.has(sessions.get(pid) ?? null);
}

export class GuardedPool extends Pool {
  /** Of every connection there is, being made ones included. */
  private readonly all = new Set<Client>();
  private readonly inUse = new Map<Client, Wait>();
  private readonly idleSince = new WeakMap<Client, number>();
  private readonly pids = new WeakMap<ClientBase, number>();
  /** Connections that were last used before this are not believed in. */
  private distrustedUntil = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | null = null;
  private looking = false;
  private abandoned = false;

  /** @param look asks Postgres, over a connection of its own, for these sessions. */
  constructor(
    config: PoolConfig,
    private readonly look: (pids: readonly number[]) => Promise<Sessions>,
    private readonly times: GuardTimes = GUARD_TIMES,
  ) {
    super(config);
    this.on('acquire', (client) => this.watch(client));
    this.on('release', (_error, client) => {
      this.inUse.delete(client);
      this.idleSince.set(client, performance.now());
    });
  }

  /** Of a connection that is about to be made. */
  adopt(client: Client): void {
    this.all.add(client);
    client.once('end', () => this.all.delete(client));
  }

  /** @param pid of the server's process; NaN where nobody knows it. */
  identify(client: ClientBase, pid: number): void {
    if (!Number.isNaN(pid)) this.pids.set(client, pid);
  }

  override connect(): Promise<PoolClient>;
  override connect(
    callback: (
      error: Error | undefined,
      client: PoolClient | undefined,
      done: (release?: unknown) => void,
    ) => void,
  ): void;
  override connect(
    callback?: (
      error: Error | undefined,
      client: PoolClient | undefined,
      done: (release?: unknown) => void,
    ) => void,
  ): Promise<PoolClient> | undefined {
    const tried = this.tried();
    if (callback === undefined) return tried;
    tried.then(
      (client) => callback(undefined, client, (release) => client.release(release as Error | undefined)),
      (error: Error) => callback(error, undefined, () => undefined),
    );
    return undefined;
  }

  private async tried(): Promise<PoolClient> {
    for (;;) {
      // Work that has not asked yet hears the same as the queries that were under way.
      if (this.abandoned) throw new SilentConnection();
      const client = await super.connect();
      const since = this.idleSince.get(client);
      if (since === undefined || performance.now() - since < this.times.idleMs) return client;
      if (since >= this.distrustedUntil && (await this.answers(client))) return client;
      client.release(new SilentConnection());
      wireOf(client).connection.stream.destroy();
    }
  }

  private async answers(client: PoolClient): Promise<boolean> {
    const trial = { text: 'select 1', query_timeout: this.times.trialMs };
    try {
      await client.query(trial);
      return true;
    } catch {
      this.distrustedUntil = performance.now();
      return false;
    }
  }

  /** Connections that are idle or being made end within a moment, also where the server is silent. */
  override end(): Promise<void>;
  override end(callback: () => void): void;
  override end(callback?: () => void): Promise<void> | undefined {
    setTimeout(() => this.destroy((client) => !this.inUse.has(client)), END_MS).unref();
    if (callback !== undefined) {
      super.end(callback);
      return undefined;
    }
    // It may have been given up already.
    return this.ending ? Promise.resolve() : super.end();
  }

  /** Ends everything at once; queries that are under way fail, and so do all later ones. */
  abandon(): void {
    this.abandoned = true;
    if (!this.ending) super.end().catch(() => undefined);
    this.destroy(() => true);
  }

  private destroy(which: (client: Client) => boolean): void {
    for (const client of [...this.all]) {
      if (which(client)) wireOf(client).connection.stream.destroy(new SilentConnection());
    }
  }

  private watch(client: Client): void {
    this.inUse.set(client, this.waitOf(client));
    this.timer ??= setInterval(() => void this.check(), this.times.lateMs / 3).unref();
  }

  private waitOf(client: Client): Wait {
    const { bytesRead, bytesWritten } = wireOf(client).connection.stream;
    const { lateMs } = this.times;
    return { seen: `${bytesRead} ${bytesWritten}`, since: performance.now(), lookAfterMs: lateMs };
  }

  private async check(): Promise<void> {
    if (this.inUse.size === 0 && this.timer !== null) {
      clearInterval(this.timer);
      this.timer = null;
    }
    const late: Client[] = [];
    for (const [client, wait] of this.inUse) {
      if (wireOf(client).readyForQuery || this.waitOf(client).seen !== wait.seen) {
        this.inUse.set(client, this.waitOf(client));
      } else if (performance.now() - wait.since >= wait.lookAfterMs) late.push(client);
    }
    if (late.length === 0 || this.looking) return;
    this.looking = true;
    try {
      await this.giveUpLost(late);
    } finally {
      this.looking = false;
    }
  }

  private async giveUpLost(late: readonly Client[]): Promise<void> {
    const waits = new Map(late.map((client) => [client, this.inUse.get(client)]));
    const pidOf = (client: Client) => this.pids.get(client) ?? null;
    const sessions = await this.look(late.map(pidOf).filter((pid) => pid !== null));
    for (const wait of waits.values()) {
      if (wait) wait.lookAfterMs = Math.min(2 * wait.lookAfterMs, wait.lookAfterMs + LONGEST_LATE_MS);
    }
    const lost = late.filter((client) => isLost(sessions, pidOf(client)));
    if (lost.length === 0) return;
    // What was on its way when Postgres was asked is here by now, and this process has had the time to read it.
    await delay(this.times.transitMs);
    for (const client of lost) {
      const wait = waits.get(client);
      if (wait === undefined || this.inUse.get(client) !== wait) continue;
      if (wireOf(client).readyForQuery || this.waitOf(client).seen !== wait.seen) continue;
      this.distrustedUntil = performance.now();
      wireOf(client).connection.stream.destroy(new SilentConnection());
    }
  }
}

/** A server that is there closes a connection in milliseconds, ms. */
const END_MS = 1_000;

function wireOf(client: Client | PoolClient): Wire {
  return client as unknown as Wire;
}
