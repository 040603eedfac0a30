/**
 * The stream of one account: one connection over all processes, by a lease in Postgres. It is renewed before its token
 * ends; what may have been missed is read once by a call for each vehicle; a stream without messages is noticed.
 *
 *   waiting ─▶ connected ─▶ silent ─▶ connected …   and back to waiting whenever the connection ends
 *
 * After a crash another process takes over when the lease has run out, and carries on where no change was missed.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { connectAsync, ErrorWithReasonCode, type MqttClient } from 'mqtt';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { renewAfterMs, resume, retryAfterMs } from '../../quota/streams/continuity';
import type { VehicleAccount } from '../../settings/accounts/vehicles';
import { noteStreamed, storeStreamed } from '../../store/reads/answers';
import {
  type ClaimedStream,
  claimStream,
  noteAlive,
  noteConnected,
  noteGap,
  noteStreamTrouble,
  releaseStream,
} from '../../store/streams/streams';
import type { StreamApi, StreamConnection, StreamMessage } from '../../vendors/capabilities/stream';
import type { GrantSource } from '../gateway/credentials/grant';
import { SecretValues } from '../gateway/credentials/secret-values';
import { isOurFault } from '../gateway/spool/held';
import { logEvent } from '../log/emit';
import { warnOnce } from '../log/warn-once';
import type { VehicleReads } from '../reads/vehicle-reads';
import { type LeaseEnd, StreamLease } from './stream-lease';
import { UnlistedVehicles } from './unlisted';

export interface StreamDeps {
  readonly db: Pool;
  readonly log: Logger;
  readonly tokens: GrantSource;
  readonly reads: Pick<VehicleReads, 'read' | 'vehicles'>;
  readonly times?: Partial<StreamTimes>;
}

/** Lengths, ms. */
export interface StreamTimes {
  /** Without a renewal the lease is free after this; the holder gives up before. */
  readonly leaseMs: number;
  /** Between renewals, and between notes that the stream is alive. */
  readonly tickMs: number;
  /** First wait after a failure. */
  readonly retryMs: number;
  /** A connection that lasted this long is reopened at once when it is lost, ms. */
  readonly steadyMs: number;
  readonly connectMs: number;
  /** Between pings; one that is not answered ends the connection. */
  readonly keepAliveMs: number;
  /** Between tries to ask for what was missed. */
  readonly seedMs: number;
}

const TIMES: StreamTimes = {
  leaseMs: 15_000,
  tickMs: 4_000,
  retryMs: 1_000,
  steadyMs: 60_000,
  connectMs: 15_000,
  keepAliveMs: 30_000,
  seedMs: 60_000,
};
/**
 * Longer than any message about one vehicle. To read and store one of many megabytes keeps the process, and with it all its
 * other work, for longer than a lease lasts.
 */
const MESSAGE_BYTES = 1024 * 1024;
/** Not authorized, and wrong user name or password, in both versions of the protocol. */
const REFUSED = new Set([4, 5, 0x86, 0x87]);

type Ending = LeaseEnd | { readonly kind: 'renew' | 'stopped' };

/** What was claimed, and when, monotonic ms. */
type Held = ClaimedStream & { readonly claimedAt: number };

/** The broker does not let us in. */
class StreamRefused extends Error {
  override readonly name = 'StreamRefused';
}

export class AccountStream {
  private readonly owner = randomUUID();
  private readonly times: StreamTimes;
  private readonly unlisted: UnlistedVehicles;
  private failures = 0;
  /** Connections in a row that stood for a moment only. */
  private cutOff = 0;
  private unseeded = new Set<string>();
  private seedAt = 0;
  private since = 0;
  /** The same by this process's monotonic clock, which nobody sets. */
  private missedAt = 0;
  private broken = false;
  /** When the last message came, monotonic ms, over all connections; null before the first one stands. */
  private heardAt: number | null = null;
  /** Its silence has been reported. */
  private silent = false;

  constructor(
    private readonly deps: StreamDeps,
    private readonly account: VehicleAccount,
    private readonly api: StreamApi,
    private readonly stopping: AbortSignal,
  ) {
    this.times = { ...TIMES, ...deps.times };
    this.unlisted = new UnlistedVehicles(deps, account, this.times.seedMs);
  }

  /** Ends when `stopping` is aborted. Throws nothing. */
  async run(): Promise<void> {
    const { account, deps, times } = this;
    while (!this.stopping.aborted) {
      let lease: StreamLease | null = null;
      try {
        const askedAt = performance.now();
        const held = await claimStream(deps.db, account.name, this.owner, times.leaseMs);
        if (held === null) {
          await this.pause(times.tickMs);
          continue;
        }
        const began = performance.now();
        const terms = { account: account.name, owner: this.owner, ...times };
        lease = new StreamLease(deps.db, terms, askedAt);
        const ending = await this.connect({ ...held, claimedAt: began }, lease);
        this.failures = 0;
        if (ending.kind !== 'lost') continue;
        // A broker that ends each connection at once is not tried again without a pause.
        this.cutOff = performance.now() - began < times.steadyMs ? this.cutOff + 1 : 0;
        const waitMs = this.cutOff > 0 ? retryAfterMs(this.cutOff, times.retryMs) : 0;
        await this.troubled('lost', ending.reason, waitMs);
        if (waitMs > 0) await this.pause(waitMs);
      } catch (error) {
        this.failures++;
        const kind = error instanceof StreamRefused ? 'refused' : 'lost';
        const reason = error instanceof Error ? error.message : String(error);
        const waitMs = retryAfterMs(this.failures, times.retryMs);
        await this.troubled(kind, reason, waitMs).catch(() =>
          warnOnce(deps.log, { account: account.name }, error, 'a stream failed'),
        );
        // With the lease: no other process would have more luck.
        await this.pause(waitMs);
      } finally {
        lease?.stop();
      }
    }
    await releaseStream(deps.db, account.name, this.owner).catch(() => undefined);
  }

  private async connect(held: Held, lease: StreamLease): Promise<Ending> {
    const { deps, api, account, times } = this;
    const { grant, accessToken, version, expiresInMs } = await deps.tokens.session(this.stopping);
    const session = { accessToken, idToken: grant.idToken ?? null, subject: grant.subject };
    const described = api.connection(session);
    if (!described.ok) throw new Error(described.problem);
    const { topics, password } = described.value;
    const secrets = SecretValues.of([password, accessToken, grant.idToken ?? '']);
    if (lease.ending !== null) return lease.ending;
    let client: MqttClient;
    try {
      client = await open(described.value, times);
    } catch (error) {
      const reason = secrets.hideInMessage(error instanceof Error ? error.message : String(error));
      if (!isRefusal(error)) throw new Error(`no connection: ${reason}`);
      // The token may have been revoked: one caller buys another one, and then it is the login's fault.
      if (this.failures === 0) await deps.tokens.token(version, this.stopping);
      throw new StreamRefused(`the stream refuses the login: ${reason}`);
    }
    try {
      // It may have been lost while the connection was made.
      return (
        lease.ending ?? (await this.listen(client, topics, { ...held, lease }, renewAfterMs(expiresInMs)))
      );
    } finally {
      await client.endAsync(true).catch(() => undefined);
      logEvent(
        deps.log,
        'stream.ended',
        { account: account.name, pool: account.poolKey },
        'a stream has ended',
      );
    }
  }

  private async listen(
    client: MqttClient,
    topics: readonly string[],
    before: Held & { readonly lease: StreamLease },
    renewMs: number,
  ): Promise<Ending> {
    const { deps, account, api, times } = this;
    const { lease } = before;
    let end: (ending: Ending) => void = () => undefined;
    const ended = new Promise<Ending>((resolve) => {
      end = resolve;
    });
    // At once, whatever is being waited for: there is one connection an account.
    void lease.lost.then((ending) => {
      end(ending);
      void client.endAsync(true).catch(() => undefined);
    });
    client.once('close', () => end({ kind: 'lost', reason: 'the connection has ended' }));
    client.on('error', (error) => end({ kind: 'lost', reason: error.message }));
    const stop = () => end({ kind: 'stopped' });
    this.stopping.addEventListener('abort', stop, { once: true });
    const renewal = setTimeout(() => end({ kind: 'renew' }), Math.min(renewMs, 2 ** 31 - 1));

    let messages = 0;
    let storing: Promise<void> = Promise.resolve();
    client.on('message', (topic, payload, { retain }) => {
      // What the broker had from before says nothing of whether anything comes.
      if (!retain) this.heardAt = performance.now();
      messages += retain ? 0 : 1;
      storing = storing.then(() => this.store(topic, payload, retain));
    });
    try {
      const granted = await client.subscribeAsync([...topics], { qos: 1 });
      const denied = granted.find(({ qos }) => qos > 2);
      if (denied !== undefined) throw new StreamRefused(`the stream refuses the topic ${denied.topic}`);
      const now = before.now + performance.now() - before.claimedAt;
      const carried = resume(before, now, api.gapMs);
      this.since = await noteConnected(deps.db, account.name, carried.seed ? null : carried.since);
      logEvent(
        deps.log,
        'stream.connected',
        { account: account.name, pool: account.poolKey },
        'a stream stands',
      );
      this.carryOn(before, carried.seed);
      if (carried.seed) await this.missed();
      await this.report();
      for (;;) {
        const ending = await Promise.race([ended, delay(times.tickMs, null, { ref: false })]);
        if (ending !== null) {
          await storing;
          return ending;
        }
        if (!lease.renewed) continue;
        const isQuiet = this.quietMs >= api.silentAfterMs;
        if (this.silent && !isQuiet) {
          this.silent = false;
          await this.report();
        } else if (!this.silent && isQuiet) {
          this.silent = true;
          await this.report();
          // Once for each silence: what stands there may not be true any more.
          await this.missed();
        }
        await noteAlive(deps.db, account.name, messages);
        messages = 0;
        if (this.broken) await this.missed();
        for (const vehicleId of await this.unlisted.look()) this.toSeed(vehicleId);
        await this.seed();
        if (!this.silent && !this.broken) {
          const of = { account: account.name, read: api.read, vehicleIds: null };
          await noteStreamed(deps.db, of, this.since);
        }
      }
    } finally {
      clearTimeout(renewal);
      this.stopping.removeEventListener('abort', stop);
    }
  }

  /** A silence lasts over connections, which are made anew each hour: only where all is asked for again it is none. */
  private carryOn({ quietMs, silent }: ClaimedStream, seeded: boolean): void {
    const now = performance.now();
    if (seeded) [this.heardAt, this.silent] = [now, false];
    else if (this.heardAt === null) [this.heardAt, this.silent] = [now - (quietMs ?? 0), silent];
  }

  private get quietMs(): number {
    return this.heardAt === null ? 0 : performance.now() - this.heardAt;
  }

  private async store(topic: string, payload: Buffer, retained: boolean): Promise<void> {
    const { deps, account, api } = this;
    const parsed = readMessage(api, topic, payload);
    if (!parsed.ok) {
      warnOnce(deps.log, { account: account.name }, parsed.problem, 'a message of a stream cannot be read');
      return;
    }
    const { vehicleId, values } = parsed.value;
    try {
      const about = { account: account.name, vehicleId, read: api.read };
      const { listed } = await storeStreamed(deps.db, { ...about, values, retained });
      if (!listed) await this.unlisted.note(vehicleId);
    } catch (error) {
      // The message does not come again, so its values are read by a call; unless no column can hold them: a call brings the same.
      if (!isOurFault(error)) this.broken = true;
      warnOnce(deps.log, { account: account.name }, error, 'a message of a stream was not stored');
    }
  }

  /** Something may have been missed: every vehicle is to be read once, when calls may be made. */
  private async missed(): Promise<void> {
    const { deps, account } = this;
    this.broken = false;
    this.since = await noteGap(deps.db, account.name);
    this.missedAt = performance.now();
    this.seedAt = 0;
    const known = await deps.reads
      .vehicles(account.name, { priority: 'live', source: 'polling', caller: 'stream', waitMs: 0 })
      .catch(() => null);
    // A list that cannot be fetched now is fetched with the next try.
    this.unseeded = new Set(
      known?.vehicles.filter(({ readable }) => readable).map((v) => v.vehicleId) ?? [''],
    );
  }

  private toSeed(vehicleId: string): void {
    this.unseeded.add(vehicleId);
    this.seedAt = 0;
  }

  private async seed(): Promise<void> {
    const { deps, account, api, times } = this;
    if (this.unseeded.size === 0 || performance.now() < this.seedAt) return;
    if (this.unseeded.has('')) await this.missed();
    this.seedAt = performance.now() + times.seedMs;
    for (const vehicleId of this.unseeded) {
      if (vehicleId === '' || this.stopping.aborted) return;
      const served = await deps.reads
        .read({
          ...{ account: account.name, vehicleId, read: api.read, priority: 'live', source: 'polling' },
          ...{ caller: 'stream', waitMs: 0, maxAgeMs: Math.floor(performance.now() - this.missedAt) },
        })
        .catch(() => null);
      if (served !== null && served.stale === null) this.unseeded.delete(vehicleId);
    }
  }

  private report(): Promise<boolean> {
    const { deps, account, silent } = this;
    const reason = silent ? `no message for ${Math.round(this.quietMs / 1000)} s` : '';
    return noteStreamTrouble(deps.db, account.name, account.poolKey, {
      ...(silent ? { state: 'silent', kind: 'silent' } : { state: 'connected', kind: null }),
      reason,
      retryMs: null,
    });
  }

  private async troubled(kind: 'lost' | 'refused', reason: string, retryMs: number): Promise<void> {
    const { deps, account } = this;
    const news = await noteStreamTrouble(deps.db, account.name, account.poolKey, {
      ...{ state: 'waiting', kind, reason, retryMs },
    });
    if (!news) return;
    const about = { account: account.name, pool: account.poolKey, reason };
    logEvent(
      deps.log,
      `stream.${kind}`,
      about,
      `the stream of ${account.name} brings no messages: ${reason}`,
    );
  }

  private async pause(ms: number): Promise<void> {
    await delay(Math.max(1, ms), undefined, { signal: this.stopping }).catch(() => undefined);
  }
}

function open({ url, username, password }: StreamConnection, times: StreamTimes): Promise<MqttClient> {
  return connectAsync(url, {
    ...{ username, password, clean: true, reconnectPeriod: 0 },
    clientId: `sluice-${randomUUID().slice(0, 16)}`,
    connectTimeout: times.connectMs,
    keepalive: Math.max(1, Math.round(times.keepAliveMs / 1000)),
  });
}

function isRefusal(error: unknown): boolean {
  return error instanceof ErrorWithReasonCode && REFUSED.has(error.code);
}

/** A vendor's parser that throws is a message that cannot be read. */
function readMessage(api: StreamApi, topic: string, payload: Buffer): ReturnType<StreamApi['parse']> {
  if (payload.length > MESSAGE_BYTES)
    return { ok: false, problem: `the message has more than ${MESSAGE_BYTES} bytes` };
  try {
    const parsed = api.parse(topic, payload.toString('utf8'));
    const problem = parsed.ok ? problemOf(parsed.value) : null;
    return problem === null ? parsed : { ok: false, problem };
  } catch (error) {
    return { ok: false, problem: error instanceof Error ? error.message : String(error) };
  }
}

function problemOf({ vehicleId, values }: StreamMessage): string | null {
  if (vehicleId === '') return 'the message names no vehicle';
  return Object.keys(values).length === 0 ? 'the message holds no values' : null;
}
