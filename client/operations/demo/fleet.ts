/**
 * The parts of a fleet's demo: servers, a simulated GPS51 and a worker, in a temporary state folder; or those of the
 * settings, when they have a GPS51 account.
 */
import { randomBytes } from 'node:crypto';
import { type FleetAccount, findFleetAccount } from '../../../settings/accounts/fleet';
import { type Context, ensureVaultKey, loadVaultKeys } from '../backend/context';
import type { Say, Servers } from '../processes/servers';
import { startParts } from './parts';
import { startSimulated } from './simulated';

const VENDOR = 'gps51';
const ACCOUNT = 'demo-fleet';
const END_USER = 'driver';

/** A minute of the simulated vendor's, as both sides are configured, ms: the demo's time is ten times as fast. */
const DEMO_MINUTE_MS = 6_000;

export interface EndUser {
  readonly username: string;
  readonly password: string;
}

export interface FleetDemo {
  readonly context: Context;
  readonly servers: Servers;
  readonly account: FleetAccount;
  /** Where the vendor is simulated and can be asked what it saw; null for a vendor that cannot. */
  readonly simulatorUrl: string | null;
  /** Whose credentials are checked; null when there is nobody. */
  readonly endUser: EndUser | null;
  /** Between two polls of the positions, and two rounds of trips, ms; null leaves both to their schedules. */
  readonly everyMs: { readonly positions: number; readonly trips: number } | null;
  /** Stops what was started; a state folder of the demo's own goes away. */
  stop(): Promise<void>;
}

/** The settings' first enabled account of GPS51; null when there is none. */
function accountIn({ settings }: Context): string | null {
  const found = Object.entries(settings.accounts).find(([, a]) => a.vendor === VENDOR && a.enabled);
  return found?.[0] ?? null;
}

export interface NamedAccountTerms {
  /** Who is checked where the settings name the account; a simulation has an end user of its own. */
  readonly endUser: EndUser | null;
  /** Whether somebody says that the account's vendor is a simulator of ours, and may be asked what it has seen. */
  readonly isSimulator: boolean;
}

/** @param load reads the settings, again once the folder has its key. */
export async function startFleetDemo(
  load: () => Context,
  say: Say,
  terms: NamedAccountTerms,
): Promise<FleetDemo> {
  const outer = load();
  const named = accountIn(outer);
  if (named === null) return startOwn(outer, say);
  await ensureVaultKey(outer);
  const context = load();
  await loadVaultKeys(context);
  return startNamed(context, named, say, terms);
}

/**
 * Against the account of the settings: the servers and data of this folder, and no simulator of ours. The vendor is asked
 * nothing but what a permit covers.
 */
async function startNamed(
  context: Context,
  name: string,
  say: Say,
  { endUser, isSimulator }: NamedAccountTerms,
): Promise<FleetDemo> {
  const account = findFleetAccount(context.settings, name);
  const { origin } = new URL(account.fleet.devices().url);
  const simulatorUrl = isSimulator ? origin : null;
  say(`The settings' account ${name}, at ${origin}${simulatorUrl === null ? '' : ' (a simulator)'}`);
  const started = await startParts(context, say, []);
  return { ...started, context, account, simulatorUrl, endUser, everyMs: null };
}

async function startOwn(outer: Context, say: Say): Promise<FleetDemo> {
  const secrets = { account: randomBytes(12).toString('hex'), endUser: randomBytes(12).toString('hex') };
  const started = await startSimulated(outer, say, {
    folder: 'demo-gps51',
    scenarios: { [VENDOR]: scenarioOf(secrets) },
    secrets: { password: secrets.account },
    settings: (urls, file) => settingsOf(`${urls[VENDOR]}/openapi`, file('password')),
  });
  return {
    ...started,
    account: findFleetAccount(started.context.settings, ACCOUNT),
    simulatorUrl: started.urls[VENDOR] ?? null,
    endUser: { username: END_USER, password: secrets.endUser },
    everyMs: { positions: DEMO_MINUTE_MS, trips: 3 * DEMO_MINUTE_MS },
  };
}

/** The demo's limits: the vendor's, where a minute is shorter and a device's day is a minute. */
const LIMITS = {
  'ip-per-minute': { count: 10, ms: DEMO_MINUTE_MS },
  'device-trajectory-per-day': { per: 'minute' },
} as const;

/** A machine that starts servers while it calls holds calls up for longer than 200 ms leave room for by default. */
const OWN_LIMITS = { ...LIMITS, spacing: { slackMs: 60 }, 'per-second': { slackMs: 100 } } as const;

function scenarioOf(secrets: { readonly account: string; readonly endUser: string }): object {
  return {
    accounts: [
      { username: 'fleet', password: secrets.account },
      { username: END_USER, password: secrets.endUser, groups: ['group-1'] },
    ],
    fleet: { devices: 12, cycleMinutes: 4, movingReportSeconds: 5, parkedReportSeconds: 30, lateMinutes: 1 },
    rules: { fast: 'enforced', trajectoryShared: true },
    limits: LIMITS,
    tokens: { lifetimeSeconds: 40 },
    commands: { slowMs: { min: 2000, max: 4000 } },
    latencyMs: { min: 5, max: 40 },
  };
}

function settingsOf(baseUrl: string, password: string): object {
  const dataset = (name: string, more: object = {}) => ({
    dataset: `${VENDOR}/${name}`,
    account: ACCOUNT,
    ...more,
  });
  return {
    temporal: { taskQueue: 'sluice-demo-gps51', encryptPayloads: false },
    log: { level: 'info' },
    accounts: {
      [ACCOUNT]: {
        vendor: VENDOR,
        baseUrl,
        username: 'fleet',
        password,
        limits: OWN_LIMITS,
      },
    },
    datasets: [
      dataset('positions'),
      dataset('trips', { syncIntervalMinutes: 1, overlapHours: 0.1 }),
      dataset('tracks', { overlapHours: 0.1 }),
    ],
  };
}
