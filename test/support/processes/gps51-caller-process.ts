/**
 * Run as a child process: GPS51's six functions as loops of calls through the gateway, as a worker makes them. Says
 * `ready` when its connections stand; a message of JSON, a FunctionLoad, sets who calls from now on; ends on `stop`,
 * sending a FunctionReport.
 */
import { setTimeout as delay } from 'node:timers/promises';
import pino from 'pino';
import { Agent } from 'undici';
import { authenticateUser } from '../../../activities/commands/user-auth';
import { PermitWait } from '../../../activities/gateway/call-errors';
import type { CallTerms } from '../../../activities/gateway/call-terms';
import { createTokenSource } from '../../../activities/gateway/credentials/login';
import { sendForText } from '../../../activities/gateway/http/http';
import { PermitGate } from '../../../activities/gateway/permits/gate';
import { VendorGateway } from '../../../activities/gateway/vendor-call';
import type { Priority } from '../../../quota/limits/limit';
import { parseSettings } from '../../../settings';
import {
  type CommandAccount,
  type EndUserAccount,
  findCommandAccount,
  findEndUserAccount,
} from '../../../settings/accounts/commands';
import { type FleetAccount, findFleetAccount } from '../../../settings/accounts/fleet';
import { createPool } from '../../../store/db';
import { CallCounter } from '../../../store/permits/call-counts';
import { KeyRing } from '../../../store/secrets/keyring';
import { TokenStore } from '../../../store/secrets/tokens';
import type { HttpRequest } from '../../../vendors/http';
import { freePass } from '../pass';

export interface CallerProcessOptions {
  readonly databaseUrl: string;
  readonly settingsYaml: string;
  readonly env: Readonly<Record<string, string>>;
  readonly account: string;
  readonly devices: readonly string[];
  /** Which of the devices this process begins with. */
  readonly offset: number;
}

/** The functions that make calls of their own; logins are made by those that need a token. */
export const FUNCTIONS = ['history', 'trips', 'positions', 'userAuth', 'command'] as const;
export type FunctionName = (typeof FUNCTIONS)[number];

/** Pause between two calls of a function, ms; a function that is not named makes none. */
export type FunctionLoad = Partial<Record<FunctionName, number>>;

export interface FunctionReport {
  readonly calls: number;
  /** What calls waited from being wanted to being sent, ms, by function. */
  readonly waitedMs: Partial<Record<FunctionName, number[]>>;
  /** Calls that were answered later than PROMPT_MS. */
  readonly slow: number;
  /** What failed otherwise than for want of a permit. */
  readonly problems: readonly string[];
}

/**
 * Until it knows how long answers usually take, a gate takes one that takes longer for a call that has arrived late, and
 * has the next one wait for it: four fifths of the slack of GPS51's spacing, ms.
 */
const PROMPT_MS = 4;

const PRIORITIES: Record<Exclude<FunctionName, 'userAuth'>, Priority> = {
  history: 'background',
  trips: 'scheduled',
  positions: 'live',
  command: 'interactive',
};
/** A device whose day is used up is passed over after so long. */
const DEVICE_WAIT_MS = 1500;
const LONG_WAIT_MS = 60_000;

class Functions {
  private load: FunctionLoad = {};
  private stopping = false;
  private readonly abort = new AbortController();
  private readonly waited: Partial<Record<FunctionName, number[]>> = {};
  private readonly problems: string[] = [];
  private calls = 0;
  private slow = 0;
  private device: number;
  private cursor: string | null = null;

  constructor(
    private readonly options: CallerProcessOptions,
    private readonly account: FleetAccount & CommandAccount & EndUserAccount,
    readonly gateway: VendorGateway,
    readonly dispatcher: Agent,
    private readonly tokens: ReturnType<typeof createTokenSource>,
  ) {
    this.device = options.offset;
  }

  set(load: FunctionLoad): void {
    this.load = load;
  }

  async run(): Promise<FunctionReport> {
    await Promise.all(FUNCTIONS.map((name) => this.loop(name)));
    return { calls: this.calls, waitedMs: this.waited, slow: this.slow, problems: this.problems };
  }

  stop(): void {
    this.stopping = true;
    this.abort.abort(new Error('stopped'));
  }

  private async loop(name: FunctionName): Promise<void> {
    let resting = true;
    while (!this.stopping) {
      const pauseMs = this.load[name];
      if (pauseMs === undefined) {
        resting = true;
        await delay(5);
        continue;
      }
      // Four processes do not begin at once.
      if (resting) await delay(pauseMs * Math.random());
      resting = false;
      try {
        await this.once(name);
      } catch (error) {
        if (!(error instanceof PermitWait) && !this.stopping) this.problems.push(String(error));
        await delay(10);
      }
      // Callers of four processes do not go in step.
      if (pauseMs > 0) await delay(pauseMs * (0.75 + Math.random() / 2));
    }
  }

  private async once(name: FunctionName): Promise<void> {
    const { fleet, commands } = this.account;
    const device = this.options.devices[this.device++ % this.options.devices.length] ?? '';
    const hour = 3_600_000;
    const to = Math.floor(Date.now() / 1000) * 1000 - hour;
    const span = { from: to - hour, to };
    switch (name) {
      case 'history':
        await this.call(name, fleet.operations.track, fleet.track(device, span), device);
        return;
      case 'trips':
        await this.call(name, fleet.operations.trips, fleet.trips(device, span), device);
        return;
      case 'positions': {
        const request = fleet.positions(this.options.devices, this.cursor);
        const parsed = fleet.parsePositions(await this.call(name, fleet.operations.positions, request));
        if (parsed.ok) this.cursor = parsed.value.cursor;
        return;
      }
      case 'command': {
        const command = { deviceId: device, code: 'LOCATE', params: [] };
        const [form] = commands.forms;
        if (!form) throw new Error('no form of commands');
        await this.call(name, form.operation(command), form.request(command, null), device);
        return;
      }
      case 'userAuth': {
        const credentials = { username: 'driver', password: this.options.env.TEST_USER_PASSWORD ?? '' };
        const result = await authenticateUser(this, this.account, credentials, LONG_WAIT_MS);
        if (result.kind !== 'ok') throw new Error(`user-auth: ${JSON.stringify(result)}`);
        this.calls += 2;
      }
    }
  }

  private async call(
    name: keyof typeof PRIORITIES,
    operation: string,
    request: HttpRequest,
    device?: string,
  ): Promise<string> {
    const { fleet, commands } = this.account;
    const asked = performance.now();
    const attributes = device === undefined ? {} : { [fleet.deviceAttribute]: device };
    const terms: CallTerms = {
      account: this.account,
      operation,
      attributes,
      priority: PRIORITIES[name],
      caller: name === 'command' ? commands.caller : fleet.callers[name],
      auth: this.tokens,
      attempt: 1,
      inlineWaitMs: name === 'history' || name === 'trips' ? DEVICE_WAIT_MS : LONG_WAIT_MS,
      signal: this.abort.signal,
    };
    const result = await this.gateway.call({
      ...terms,
      send: async (token, _, pass) => {
        const waited = this.waited[name] ?? [];
        waited.push(performance.now() - asked);
        this.waited[name] = waited;
        this.calls++;
        const sentAt = performance.now();
        const response = await sendForText(fleet.authorize(request, token ?? ''), {
          dispatcher: this.dispatcher,
          timeoutMs: 10_000,
          pass,
        });
        if (performance.now() - sentAt > PROMPT_MS) this.slow++;
        return response;
      },
    });
    return result.kind === 'response' ? result.response.body : '';
  }
}

async function main(options: CallerProcessOptions): Promise<void> {
  const { env } = options;
  Object.assign(process.env, env);
  const settings = parseSettings(options.settingsYaml, { file: null, baseDir: process.cwd(), env });
  const account = {
    ...findFleetAccount(settings, options.account),
    ...findCommandAccount(settings, options.account),
    ...findEndUserAccount(settings, options.account),
  };
  const db = createPool(options.databaseUrl, { max: 4 });
  const dispatcher = new Agent({ connections: 8 });
  const gateway = new VendorGateway({
    db,
    gate: new PermitGate(db, { leadMs: settings.permits.leadMs }),
    counter: new CallCounter(db),
    log: pino({ level: 'silent' }),
    notifyPool: async () => undefined,
  });
  const keys = KeyRing.parse(env.SLUICE_VAULT_KEY ?? '');
  const deps = { gateway, tokens: new TokenStore(db, keys), keys, dispatcher, timeoutMs: 10_000 };
  const secrets = { warn: () => undefined };
  const tokens = createTokenSource({ ...deps, secrets }, account, account.login, account.fleet.callers.login);
  const functions = new Functions(options, account, gateway, dispatcher, tokens);
  const origin = new URL(account.fleet.devices().url).origin;
  await Promise.all(
    Array.from({ length: 8 }, () =>
      sendForText(
        { method: 'GET', url: `${origin}/_sim/health`, headers: {} },
        { dispatcher, timeoutMs: 10_000, pass: freePass() },
      ),
    ),
  );
  await Promise.all(Array.from({ length: 4 }, () => db.query('select 1')));
  process.on('message', (message) => {
    if (message === 'stop') functions.stop();
    else functions.set(JSON.parse(String(message)) as FunctionLoad);
  });
  process.send?.('ready');
  process.send?.(await functions.run());
  await Promise.all([dispatcher.close(), db.end()]);
  process.disconnect?.();
}

process.on('disconnect', () => process.exit(0));
main(JSON.parse(process.argv[2] ?? '{}') as CallerProcessOptions).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
