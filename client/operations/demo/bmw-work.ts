/** What people do in BMW's demo: they log in, read cars several at once, and send commands, one of them during a pause. */
import { setTimeout as delay } from 'node:timers/promises';
import { outcomeOf } from '../../../store/commands/commands';
import type { Backend } from '../backend/backend';
import { ClientError, messageOf } from '../errors';
import { sendCommand, showCommand } from '../fleet/device-commands';
import { showLogin, startLogin } from '../logins/logins';
import { listVehicles, readVehicle } from '../vehicles/vehicles';
import { BMW_USER, CARDATA, MYBMW } from './bmw';
import { orderSimulator } from './simulator-process';

/** As the vendor words it: `Quota will be replenished in 00:00:20`. */
const QUOTA_MS = 20_000;
const LOGIN_MS = 60_000;
const READERS = ['anna', 'ben', 'carla'] as const;
/** Rounds of readers a run: more than the day has calls, so that its end is seen, too. */
const ROUNDS = 60;
const COMMANDS = ['lock', 'flash', 'climate'] as const;
/** Into the run, as shares of it. */
const QUOTA_AT = 0.3;

/** By device code, which the simulator approves as a person who follows the link would. @returns how it ended. */
export async function logInToCarData(
  backend: Backend,
  simulatorUrl: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  const { login } = await startLogin(backend, { account: CARDATA.account });
  let followed = false;
  const deadline = Date.now() + LOGIN_MS;
  for (let seen = login; ; seen = await showLogin(backend, { login: login.id })) {
    if (seen.endedAt !== null) return seen.state;
    if (seen.url !== null && !followed) {
      followed = true;
      say(`  CarData shows the code ${seen.userCode ?? '?'}; somebody follows ${seen.url}`);
      await delay(1500, undefined, { signal });
      await orderSimulator(simulatorUrl, { approve: true });
    }
    if (Date.now() > deadline) throw new ClientError('the login to CarData does not end');
    await delay(250, undefined, { signal });
  }
}

export interface BmwTally {
  /** How each login ended, by account. */
  readonly logins: Readonly<Record<string, string>>;
  readonly vehicles: number;
  /** Answers by where they came from: `call`, `stored`, and `stale` when nothing fresher could be had. */
  readonly reads: Readonly<Record<string, number>>;
  /** Why answers were stale, each once. */
  readonly stale: readonly string[];
  /** By code: how it ended. */
  readonly commands: Readonly<Record<string, string>>;
  readonly problems: readonly string[];
}

export class BmwDemoWork {
  private readonly logins: Record<string, string> = {};
  private readonly reads: Record<string, number> = {};
  private readonly commands: Record<string, string> = {};
  private readonly stale = new Set<string>();
  private readonly problems = new Set<string>();
  private vehicles: Record<string, readonly string[]> = {};

  constructor(
    private readonly backend: Backend,
    /** Of the simulators, by vendor. */
    private readonly urls: Readonly<Record<string, string>>,
    private readonly say: (line: string) => void,
  ) {}

  tally(): BmwTally {
    return {
      logins: { ...this.logins },
      vehicles: Object.values(this.vehicles).reduce((sum, ids) => sum + ids.length, 0),
      reads: { ...this.reads },
      stale: [...this.stale],
      commands: { ...this.commands },
      problems: [...this.problems],
    };
  }

  /** By device code at the one, whose link is followed here, and by a form at the other. */
  async logIn(signal: AbortSignal): Promise<void> {
    this.logins[CARDATA.account] = await logInToCarData(
      this.backend,
      this.urls[CARDATA.vendor] ?? '',
      this.say,
      signal,
    );
    const entered = await startLogin(this.backend, { account: MYBMW.account, fields: { ...BMW_USER } });
    this.logins[MYBMW.account] = entered.login.state;
    this.say(
      `  logged in: ${Object.entries(this.logins)
        .map((one) => one.join(' '))
        .join(', ')}`,
    );
  }

  async listCars(): Promise<void> {
    for (const { account } of [CARDATA, MYBMW]) {
      const [list] = await listVehicles(this.backend, { account });
      this.vehicles = { ...this.vehicles, [account]: list?.vehicles.map((v) => v.vehicleId) ?? [] };
    }
  }

  /**
   * Reading ends with the signal; the run when the commands have ended, too, which are sent even when a slow machine gets
   * to them after that.
   * @param interrupt ends it before the commands.
   */
  async run(signal: AbortSignal, interrupt: AbortSignal, forMs: number): Promise<void> {
    const everyMs = forMs / ROUNDS;
    const cars = this.vehicles[MYBMW.account]?.length ?? 0;
    // During a pause a car has its last answer to show, however slow the machine was until then.
    let allRead = () => {};
    const afterAll = new Promise<void>((resolve) => {
      allRead = resolve;
    });
    const readStates = async (n: number) => {
      if (n >= cars) allRead();
      await this.readTogether(MYBMW.account, 'state', n, everyMs);
    };
    await Promise.all([
      this.every(everyMs, signal, (n) => this.readTogether(CARDATA.account, 'telematics', n, everyMs)),
      this.every(2 * everyMs, signal, readStates).finally(allRead),
      this.quotaAndCommands(Promise.all([pause(QUOTA_AT * forMs, signal), afterAll]), interrupt),
    ]);
  }

  /** Three people ask for the same at the same time: one call, or none. Each round is of another car. */
  private async readTogether(account: string, read: string, round: number, ageMs: number): Promise<void> {
    const cars = this.vehicles[account] ?? [];
    const vehicle = cars[round % cars.length];
    if (vehicle === undefined) return;
    const ask = { vehicle, account, read, maxAge: `${ageMs / 1000}s` };
    await Promise.all(
      READERS.map(async (user) => {
        const served = await readVehicle(this.backend, { ...ask, user });
        if (served.stale !== null) this.stale.add(served.stale.reason);
        const from = served.stale !== null ? 'stale' : served.servedFrom === 'call' ? 'call' : 'stored';
        this.reads[from] = (this.reads[from] ?? 0) + 1;
      }),
    );
  }

  /** @param interrupt ends it before it begins. */
  private async quotaAndCommands(begins: Promise<unknown>, interrupt: AbortSignal): Promise<void> {
    await begins;
    if (interrupt.aborted) return;
    await this.sendDuringQuota().catch((error: unknown) => this.note(error));
  }

  /** The vendor's quota is used up for a while; what is sent meanwhile waits for its end. */
  private async sendDuringQuota(): Promise<void> {
    await orderSimulator(this.urls[MYBMW.vendor] ?? '', { quota: { waitMs: QUOTA_MS, forMs: QUOTA_MS } });
    this.say('  (MyBMW now answers 403: Quota will be replenished in 00:00:20.)');
    const device = this.vehicles[MYBMW.account]?.[0];
    if (device === undefined) return;
    await Promise.all(COMMANDS.map((code) => this.command(device, code)));
  }

  private async command(device: string, code: string): Promise<void> {
    const { vendor, account } = MYBMW;
    this.commands[code] = 'waits';
    const ask = { vendor, account, device, code, waitForPool: true };
    const { command } = await sendCommand(this.backend, ask);
    for (;;) {
      const seen = await showCommand(this.backend, { command: String(command.id) });
      const outcome = outcomeOf(seen);
      this.commands[code] = outcome?.name ?? seen.state;
      if (outcome !== null) return;
      await delay(500);
    }
  }

  private async every(
    everyMs: number,
    signal: AbortSignal,
    work: (n: number) => Promise<void>,
  ): Promise<void> {
    for (let n = 0; !signal.aborted; n++) {
      const next = Date.now() + everyMs;
      await work(n).catch((error: unknown) => this.note(error));
      await pause(Math.max(50, next - Date.now()), signal);
    }
  }

  private note(error: unknown): void {
    this.problems.add(messageOf(error));
  }
}

/** Ends early, and without an error, with the signal. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return delay(ms, undefined, { signal }).catch(() => undefined);
}
