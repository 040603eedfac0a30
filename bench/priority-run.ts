/**
 * One measurement of how long commands wait while every background job saturates the limits: two processes of load,
 * commands at random instants from a third, a simulated GPS51, and what each call waited from wish to departure.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { extname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import type { Priority, Reserve } from '../quota/limits/limit';
import { startGps51Simulator } from '../vendors/gps51/simulator';
import { type Departure, FleetCaller, type FleetOptions } from './priority-fleet';

export interface Profile {
  readonly name: string;
  /** Calls in any `windowMs`. */
  readonly count: number;
  readonly windowMs: number;
  readonly spacingMs: number;
  /** How much shorter its windows are than the vendor's: a wait here is that much longer there. */
  readonly factor: number;
}

export interface Variant {
  readonly name: string;
  readonly commands: Priority;
  /** Priority of all the rest; null for that of each function. */
  readonly rest: Priority | null;
  readonly reserve: Required<Reserve>;
}

export const NO_RESERVE = { background: 0, scheduled: 0, live: 0 } as const;

/** 5 a second, 200 ms apart. */
export const FIVE_A_SECOND: Profile = { name: '5/s', count: 5, windowMs: 1000, spacingMs: 200, factor: 1 };

/**
 * The vendor's 10 a minute, its minute shortened by `factor`. The spacing is shortened less: what a permit takes to be
 * had stays as long as it is, and must stay short beside it.
 */
export function tenAMinute(factor: number): Profile {
  return { name: '10/min', count: 10, windowMs: 60_000 / factor, spacingMs: 50, factor };
}

export const PRIORITIES_ONLY: Variant = {
  name: 'priorities',
  commands: 'interactive',
  rest: null,
  reserve: NO_RESERVE,
};
export const ONE_QUEUE: Variant = {
  name: 'one queue',
  commands: 'background',
  rest: 'background',
  reserve: NO_RESERVE,
};

export interface Measured {
  readonly calls: number;
  /** Share of what the limit allows that was used. */
  readonly utilisation: number;
  /** What each command waited, ms, in ascending order. */
  readonly waits: readonly number[];
  /** Calls of the load that left while a command waited, the most that one command met with. */
  readonly overtakenBy: number;
}

export interface RunOptions {
  readonly databaseUrl: string;
  readonly profile: Profile;
  readonly variant: Variant;
  readonly seconds: number;
  /** Mean time between commands, ms. */
  readonly everyMs: number;
  /** Calls that leave so soon after a command was wanted had their permit before it, ms. */
  readonly graceMs: number;
  readonly processes?: number;
  /** Of child processes. */
  readonly execArgv?: readonly string[];
}

const MANY = 1_000_000_000;
const ENV = {
  SLUICE_VAULT_KEY: randomBytes(32).toString('base64'),
  BENCH_FLEET_PASSWORD: 'fleet-secret',
};

export async function runPriority(options: RunOptions): Promise<Measured> {
  const { profile, variant } = options;
  const simulator = await startGps51Simulator({
    fleet: { devices: 24, offlineShare: 0, expiredShare: 0 },
    rules: { accountBase: MANY, trajectoryPerDay: MANY },
    limits: {
      spacing: { ms: profile.spacingMs },
      'ip-per-minute': { count: profile.count, ms: profile.windowMs },
    },
    commands: { confirmMs: { min: 5, max: 20 }, slowShare: 0 },
  });
  const children: ChildProcess[] = [];
  try {
    const page = await fetch(`${simulator.url}/_sim/devices`);
    const devices = ((await page.json()) as { id: string }[]).map(({ id }) => id);
    const account = `bench-${randomBytes(4).toString('hex')}`;
    const fleet: FleetOptions = {
      databaseUrl: options.databaseUrl,
      settingsYaml: settingsFor(account, simulator.baseUrl, profile, variant),
      env: ENV,
      account,
      devices,
      flat: variant.rest,
    };
    const file = join(__dirname, `priority-fleet${extname(__filename)}`);
    const caller = new FleetCaller(fleet);
    await caller.warmUp();
    for (let i = 0; i < (options.processes ?? 2); i++) {
      const child = fork(file, ['fleet-load', JSON.stringify(fleet)], {
        execArgv: [...(options.execArgv ?? process.execArgv)],
      });
      children.push(child);
    }
    await Promise.all(children.map((child) => once(child, 'message')));
    // The first window is filled while the load comes up.
    await delay(Math.min(profile.windowMs, 3000));
    const began = performance.timeOrigin + performance.now();
    const commands = await sendCommands(caller, devices, options);
    const endedAt = performance.timeOrigin + performance.now();
    const messages = children.map((child) => once(child, 'message') as Promise<[number[]]>);
    for (const child of children) child.send('stop');
    const load = (await Promise.all(messages)).flatMap(([departures]) => departures);
    await caller.close();
    const all = [...load, ...commands.map((c) => c.departedAt)].filter((t) => t >= began && t < endedAt);
    return {
      calls: all.length,
      utilisation: all.length / allowed(profile, endedAt - began),
      waits: commands.map((c) => c.departedAt - c.askedAt).sort((a, b) => a - b),
      overtakenBy: Math.max(
        0,
        ...commands.map(
          ({ askedAt, departedAt }) =>
            load.filter((t) => t > askedAt + options.graceMs && t < departedAt).length,
        ),
      ),
    };
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await simulator.close();
  }
}

/** Calls that the profile's limits allow in `ms`. */
function allowed({ count, windowMs, spacingMs }: Profile, ms: number): number {
  return Math.min((ms / windowMs) * count, ms / spacingMs);
}

async function sendCommands(
  caller: FleetCaller,
  devices: readonly string[],
  { seconds, everyMs, variant }: RunOptions,
): Promise<Departure[]> {
  const { commands } = caller.account.parts;
  const [form] = commands?.forms ?? [];
  if (!commands || !form) throw new Error('the account takes no commands');
  const { signal } = new AbortController();
  const until = performance.now() + seconds * 1000;
  const sent: Promise<Departure>[] = [];
  for (let n = 0; ; n++) {
    const pause = -Math.log(1 - Math.random()) * everyMs;
    if (performance.now() + pause >= until) break;
    await delay(pause);
    const deviceId = devices[n % devices.length] ?? '';
    const command = { deviceId, code: 'LOCATE', params: [String(n)] };
    const request = form.request(command, null);
    sent.push(
      caller.call(form.operation(command), request, deviceId, variant.commands, commands.caller, signal),
    );
  }
  return Promise.all(sent);
}

function settingsFor(account: string, baseUrl: string, profile: Profile, variant: Variant): string {
  const { reserve } = variant;
  return stringify({
    accounts: {
      [account]: {
        vendor: 'gps51',
        baseUrl,
        username: 'fleet',
        password: 'env:BENCH_FLEET_PASSWORD',
        egressIp: account,
        limits: {
          spacing: { ms: profile.spacingMs },
          'per-second': { mode: 'shadow' },
          'ip-per-minute': { count: profile.count, ms: profile.windowMs, reserve },
          'account-per-day': { count: MANY, reserve: NO_RESERVE },
          'device-trajectory-per-day': { count: MANY, reserve: NO_RESERVE },
        },
      },
    },
  });
}
