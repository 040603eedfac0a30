/**
 * One process of the priority benchmark: calls of a fleet's functions through the real gate and gateway. Forked, it is
 * the load: history, trips and positions that ask for the next permit as soon as they have used one.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import pino from 'pino';
import { Agent } from 'undici';
import { CallFailed, PermitWait } from '../activities/gateway/call-errors';
import type { TokenSource } from '../activities/gateway/call-terms';
import { createTokenSource } from '../activities/gateway/credentials/login';
import { sendForText } from '../activities/gateway/http/http';
import { PermitGate } from '../activities/gateway/permits/gate';
import { VendorGateway } from '../activities/gateway/vendor-call';
import { HOUR_MS } from '../quota/durations';
import type { Priority } from '../quota/limits/limit';
import { parseSettings } from '../settings';
import { type FleetAccount, findFleetAccount } from '../settings/accounts/fleet';
import { createPool } from '../store/db';
import { CallCounter } from '../store/permits/call-counts';
import { KeyRing } from '../store/secrets/keyring';
import { TokenStore } from '../store/secrets/tokens';
import type { HttpRequest } from '../vendors/http';

export interface FleetOptions {
  readonly databaseUrl: string;
  readonly settingsYaml: string;
  readonly env: Readonly<Record<string, string>>;
  readonly account: string;
  readonly devices: readonly string[];
  /** Priority of everything the load does; null for that of each function. */
  readonly flat: Priority | null;
}

/** When a call was wanted and when it left, epoch ms with a fraction. */
export interface Departure {
  readonly askedAt: number;
  readonly departedAt: number;
}

const TIMEOUT_MS = 10_000;
const INLINE_WAIT_MS = 120_000;

const nowMs = () => performance.timeOrigin + performance.now();

export class FleetCaller {
  readonly account: FleetAccount;
  private readonly db: Pool;
  private readonly dispatcher = new Agent({ connections: 8 });
  private readonly counter: CallCounter;
  private readonly gateway: VendorGateway;
  private readonly auth: TokenSource;

  constructor(options: FleetOptions) {
    const { env } = options;
    Object.assign(process.env, env);
    const settings = parseSettings(options.settingsYaml, { file: null, baseDir: process.cwd(), env });
    this.account = findFleetAccount(settings, options.account);
    this.db = createPool(options.databaseUrl, { max: 3, applicationName: 'sluice-bench' });
    this.counter = new CallCounter(this.db);
    this.gateway = new VendorGateway({
      db: this.db,
      gate: new PermitGate(this.db, { leadMs: settings.permits.leadMs }),
      counter: this.counter,
      log: pino({ level: 'silent' }),
      notifyPool: async () => undefined,
    });
    const keys = KeyRing.parse(env.SLUICE_VAULT_KEY ?? '');
    const deps = {
      gateway: this.gateway,
      tokens: new TokenStore(this.db, keys),
      keys,
      timeoutMs: TIMEOUT_MS,
    };
    this.auth = createTokenSource(
      { ...deps, dispatcher: this.dispatcher, secrets: { warn: () => undefined } },
      this.account,
      this.account.login,
      this.account.fleet.callers.login,
    );
  }

  /** Makes one call. @throws what the gateway throws. */
  async call(
    operation: string,
    request: HttpRequest,
    device: string,
    priority: Priority,
    caller: string,
    signal: AbortSignal,
  ): Promise<Departure> {
    const { fleet } = this.account;
    const askedAt = nowMs();
    let departedAt = Number.NaN;
    await this.gateway.call({
      account: this.account,
      operation,
      attributes: { [fleet.deviceAttribute]: device },
      priority,
      caller,
      auth: this.auth,
      attempt: 1,
      inlineWaitMs: INLINE_WAIT_MS,
      signal,
      send: (token, _, pass) => {
        departedAt = nowMs();
        const options = { dispatcher: this.dispatcher, timeoutMs: TIMEOUT_MS, pass };
        return sendForText(fleet.authorize(request, token ?? ''), options);
      },
    });
    return { askedAt, departedAt };
  }

  /** Brings connections, rows and a token into being, so that none of that is measured. */
  async warmUp(): Promise<void> {
    const { operations, callers } = this.account.fleet;
    const { signal } = new AbortController();
    const request = this.account.fleet.devices();
    await this.call(operations.devices, request, 'none', 'interactive', callers.positions, signal);
  }

  async close(): Promise<void> {
    await this.counter.flush();
    await this.dispatcher.close();
    await this.db.end();
  }
}

/** How many of each kind ask at the same time. */
const LOAD = { history: 3, trips: 2, positions: 1 } as const;

async function load(options: FleetOptions): Promise<void> {
  const caller = new FleetCaller(options);
  await caller.warmUp();
  const stop = new AbortController();
  process.once('message', () => stop.abort(new Error('the measurement is over')));
  process.send?.('ready');
  const { fleet } = caller.account;
  const to = Math.floor(Date.now() / 1000) * 1000 - HOUR_MS;
  const span = { from: to - HOUR_MS, to };
  const { devices, flat } = options;
  let turn = process.pid;
  const departures: number[] = [];
  const loop = async (make: (device: string) => Promise<Departure>) => {
    while (!stop.signal.aborted) {
      try {
        const { departedAt } = await make(devices[turn++ % devices.length] ?? '');
        departures.push(departedAt);
      } catch (error) {
        if (stop.signal.aborted) return;
        if (!(error instanceof PermitWait || error instanceof CallFailed)) throw error;
        await delay(50);
      }
    }
  };
  const { operations, callers } = fleet;
  const kinds = {
    history: (device: string) =>
      caller.call(
        operations.track,
        fleet.track(device, span),
        device,
        flat ?? 'background',
        callers.history,
        stop.signal,
      ),
    trips: (device: string) =>
      caller.call(
        operations.trips,
        fleet.trips(device, span),
        device,
        flat ?? 'scheduled',
        callers.trips,
        stop.signal,
      ),
    positions: (device: string) =>
      caller.call(
        operations.positions,
        fleet.positions(devices, null),
        device,
        flat ?? 'live',
        callers.positions,
        stop.signal,
      ),
  };
  await Promise.all(
    (['history', 'trips', 'positions'] as const).flatMap((name) =>
      Array.from({ length: LOAD[name] }, () => loop(kinds[name])),
    ),
  );
  process.send?.(departures);
  await caller.close();
  process.disconnect();
}

const [, , role, given] = process.argv;
if (role === 'fleet-load' && given !== undefined && process.send)
  void load(JSON.parse(given) as FleetOptions);
