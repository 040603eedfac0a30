/**
 * The parts of a fleet's demo: servers, a simulated GPS51 and a worker, in a temporary state folder; or those of the
 * settings, when they have a GPS51 account.
 */
import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { choosePort } from '../../../embedded/ports';
import { removePostgres } from '../../../embedded/postgres';
import { ensureStateDir, type StateDir, stateDir } from '../../../embedded/state-dir';
import { loadSettings } from '../../../settings';
import { type FleetAccount, findFleetAccount } from '../../../settings/accounts/fleet';
import { createKeyFile } from '../../../store/secrets/keyring';
import { type Context, contextWith, ensureVaultKey, loadVaultKeys } from '../context';
import { ClientError } from '../errors';
import { becomeKeeper, otherKeeper, type Say, type Servers } from '../servers';
import { startParts } from './parts';
import { keepSimulator } from './simulator-process';

const VENDOR = 'gps51';
const ACCOUNT = 'demo-fleet';
const END_USER = 'driver';

/** A minute of the simulated vendor's, as both sides are told, ms: the demo's time is ten times as fast. */
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
  /** Between two looks at the positions, and two rounds of trips, ms; null leaves both to their schedules. */
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
  if (named === null) return startSimulated(outer, say);
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

async function startSimulated(outer: Context, say: Say): Promise<FleetDemo> {
  const root = join(outer.dir.root, 'demo-gps51');
  const dir = stateDir(process.cwd(), { SLUICE_STATE_DIR: root });
  const other = otherKeeper(dir);
  if (other !== null) throw new ClientError(`this demo runs already (process ${other.pid})`);
  await removeFolder(dir);
  ensureStateDir(dir);
  const { port } = await choosePort(null);
  const secrets = { account: randomBytes(12).toString('hex'), endUser: randomBytes(12).toString('hex') };
  const scenario = writeScenario(dir, secrets);
  const vaultKey = join(dir.root, 'vault.key');
  await createKeyFile(vaultKey);
  const passwordFile = join(dir.root, 'password');
  writeFileSync(passwordFile, secrets.account, { mode: 0o600 });
  const file = join(dir.root, 'demo.yaml');
  writeFileSync(file, settingsText(`http://127.0.0.1:${port}/openapi`, passwordFile, vaultKey));
  const settings = loadSettings({ path: file });
  const context = contextWith(settings, dir, outer.note);
  const files = { scenario, simulatorState: join(dir.root, 'simulator.jsonl') };
  await becomeKeeper(dir, 'demo');
  const simulator = await keepSimulator(dir, port, files, say, VENDOR);
  const started = await startParts(context, say, [simulator]);
  return {
    ...started,
    stop: async () => {
      await started.stop();
      await removeFolder(dir);
    },
    context,
    account: findFleetAccount(settings, ACCOUNT),
    simulatorUrl: `http://127.0.0.1:${port}`,
    endUser: { username: END_USER, password: secrets.endUser },
    everyMs: { positions: DEMO_MINUTE_MS, trips: 3 * DEMO_MINUTE_MS },
  };
}

async function removeFolder(dir: StateDir): Promise<void> {
  await removePostgres(dir.pg);
  rmSync(dir.root, { recursive: true, force: true, maxRetries: 3 });
}

/** The demo's limits: the vendor's, where a minute is shorter and a device's day is a minute. */
const LIMITS = {
  'ip-per-minute': { count: 10, ms: DEMO_MINUTE_MS },
  'device-trajectory-per-day': { per: 'minute' },
} as const;

/** A machine that starts servers while it calls holds calls up for longer than 200 ms leave room for by default. */
const OWN_LIMITS = { ...LIMITS, spacing: { slackMs: 60 }, 'per-second': { slackMs: 100 } } as const;

function writeScenario(
  dir: StateDir,
  secrets: { readonly account: string; readonly endUser: string },
): string {
  const file = join(dir.root, 'scenario.json');
  const scenario = {
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
  writeFileSync(file, JSON.stringify(scenario, null, 2), { mode: 0o600 });
  return file;
}

function settingsText(baseUrl: string, passwordFile: string, vaultKey: string): string {
  const dataset = (name: string, more: object = {}) => ({
    dataset: `${VENDOR}/${name}`,
    account: ACCOUNT,
    ...more,
  });
  return stringify({
    temporal: { taskQueue: 'sluice-demo-gps51', encryptPayloads: false },
    vault: { keyFile: vaultKey },
    log: { level: 'info' },
    accounts: {
      [ACCOUNT]: {
        vendor: VENDOR,
        baseUrl,
        username: 'fleet',
        password: `file:${passwordFile}`,
        limits: OWN_LIMITS,
      },
    },
    datasets: [
      dataset('positions'),
      dataset('trips', { syncIntervalMinutes: 1, overlapHours: 0.1 }),
      dataset('tracks', { overlapHours: 0.1 }),
    ],
  });
}
