/** What a kill needs: simulated vendors, an account at each in one settings file, and processes that know it. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { boughtOf, grantSecrets, storeKept } from '../../../../activities/gateway/credentials/grant';
import { stateDir } from '../../../../embedded/state-dir';
import { parseSettings, type Settings } from '../../../../settings';
import { findAccount } from '../../../../settings/accounts/accounts';
import { pluginFile } from '../../../../settings/plugins';
import { createPool } from '../../../../store/db';
import { GrantStore } from '../../../../store/secrets/grants';
import { createKeyFile } from '../../../../store/secrets/keyring';
import { Vault } from '../../../../store/secrets/vault';
import { startSimulator } from '../../../../vendors/conformance/start';
import { Wire } from '../../../../vendors/conformance/wire';
import type { RunningSimulator } from '../../../../vendors/kit/server/server';
import { contextWith, loadVaultKeys } from '../../backend/context';
import { type OpenBackend, openBackend } from '../../backend/open-backend';
import { messageOf } from '../../errors';
import { hint } from '../../hints';
import { quickLimits, withoutLimits } from '../quick-limits';
import type { TestServers, TestTemporal } from '../servers';
import type { Subject } from '../subject';
import { commandWork } from './commands';
import { fleetWork, reportWork } from './covered';
import { Victim } from './processes';
import { readWorks } from './reads';
import { textWork } from './texts';
import type { KillBench, ReadPiece, Work } from './work';

export interface Tried {
  readonly bench: KillBench;
  readonly work: Work;
}

export interface Setup {
  readonly settings: Settings;
  readonly backend: OpenBackend;
  readonly db: Pool;
  readonly tried: readonly Tried[];
  /** Vendors whose work cannot even be begun, with why. */
  readonly failed: readonly (readonly [vendor: string, problem: string])[];
  /** Work that is offered and cannot be tried here, with why. */
  readonly untried: readonly (readonly [vendor: string, what: string, why: string])[];
  /** Null where nothing is for them to do. */
  readonly worker: Victim | null;
  readonly reader: Victim | null;
  close(): Promise<void>;
}

interface Simulated extends Subject {
  readonly account: string;
  readonly running: RunningSimulator;
  /** Of the account, in the settings. */
  readonly keys: object;
  readonly env: Readonly<Record<string, string>>;
}

/** @param temporal null: work that takes a worker is left out. */
export async function begin(
  servers: TestServers,
  temporal: TestTemporal | null,
  subjects: readonly Subject[],
  baseDir: string,
): Promise<Setup> {
  const folder = join(servers.folder, 'kill');
  mkdirSync(folder);
  const run = randomBytes(6).toString('hex');
  const failed: [string, string][] = [];
  const simulated: Simulated[] = [];
  for (const subject of subjects) {
    try {
      simulated.push(await simulate(subject, run));
    } catch (error) {
      failed.push([subject.vendor.id, messageOf(error)]);
    }
  }
  servers.endsWith(() => Promise.all(simulated.map(({ running }) => running.close())));
  const secrets = Object.fromEntries(simulated.flatMap((one) => Object.entries(one.env)));
  // This process calls, too, before the others begin.
  Object.assign(process.env, secrets);
  const keyFile = join(folder, 'vault.key');
  await createKeyFile(keyFile);
  const url = await servers.database();
  const env = {
    ...secrets,
    DATABASE_URL: url,
    ...(temporal === null
      ? {}
      : { TEMPORAL_ADDRESS: temporal.address, TEMPORAL_NAMESPACE: temporal.namespace }),
  };
  const file = join(folder, 'sluice.yaml');
  const text = JSON.stringify({
    plugins: [...new Set(simulated.flatMap(({ module }) => module ?? []))].map((module) =>
      pluginFile(module, baseDir),
    ),
    temporal: { taskQueue: `vendor-test-${run}`, encryptPayloads: false },
    vault: { keyFile },
    // A call whose process has died may arrive until its time is over.
    http: { connectTimeoutMs: 2000, timeoutMs: 8000 },
    reports: { settleSeconds: 1 },
    log: { level: 'warn' },
    accounts: Object.fromEntries(simulated.map(({ account, keys }) => [account, keys])),
    datasets: simulated.flatMap(({ vendor, account }) => datasetsOf(vendor.id, vendor, account)),
  });
  writeFileSync(file, text, { mode: 0o600 });
  const settings = parseSettings(text, { file, baseDir: folder, env });
  const dir = stateDir(folder, {});
  const backend = openBackend(
    contextWith(settings, dir, () => undefined),
    {
      applicationName: 'sluice-vendor-test',
      connections: 4,
    },
  );
  const db = createPool(url, { max: 4, applicationName: 'sluice-vendor-test', use: 'work' });
  servers.endsWith(async () => {
    await backend.close();
    await db.end();
  });
  const tried: Tried[] = [];
  const untried: (readonly [string, string, string])[] = [];
  for (const one of simulated) {
    try {
      const { parts } = findAccount(settings, one.account);
      const bench = { ...one, parts, settings, backend, db };
      const example = one.vendor.example && { ...one.vendor.example, secrets: one.env };
      const wire = new Wire({ ...one.vendor, example }, parts);
      // What the work is made of is asked for before it is counted.
      withoutLimits(one.running);
      const works = await worksOf(bench, wire, folder, temporal !== null);
      quickLimits(one.vendor, one.running);
      untried.push(...untriedWork(bench, works, temporal !== null));
      tried.push(...works.map((work) => ({ bench, work })));
    } catch (error) {
      failed.push([one.vendor.id, messageOf(error)]);
    }
  }
  const childEnv = { PATH: process.env.PATH, ...env };
  const reads = tried.flatMap(({ work }): readonly ReadPiece[] => work.reads ?? []);
  const worker = tried.some(({ work }) => work.start) ? Victim.worker(file, childEnv, folder) : null;
  const reader = reads.length > 0 ? Victim.reader({ settings: file, reads }, childEnv, folder) : null;
  const close = async () => {
    await Promise.all([worker?.kill(), reader?.kill()]);
  };
  servers.endsWith(close);
  return { settings, backend, db, tried, failed, untried, worker, reader, close };
}

/** Secrets have names of their own: those of two vendors may be called alike. */
async function simulate(subject: Subject, run: string): Promise<Simulated> {
  const { vendor } = subject;
  const { example } = vendor;
  if (example === null) throw new Error('it takes an example');
  const { simulator, running } = await startSimulator(vendor);
  const prefix = `${vendor.id.replaceAll('-', '_').toUpperCase()}__`;
  const keys = {
    vendor: vendor.id,
    ...(renamed(example.settings, prefix) as object),
    ...simulator.settings(running),
    limits: quickLimits(vendor, running),
  };
  const env = Object.fromEntries(
    Object.entries(example.secrets).map(([name, value]) => [`${prefix}${name}`, value]),
  );
  return { ...subject, account: `${vendor.id}-${run}`, running, keys, env };
}

function renamed(value: unknown, prefix: string): unknown {
  if (typeof value === 'string') return value.replace(/^env:/, `env:${prefix}`);
  if (Array.isArray(value)) return value.map((one) => renamed(one, prefix));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, renamed(one, prefix)]));
}

function datasetsOf(id: string, { datasets, descriptions }: Subject['vendor'], account: string): object[] {
  const [description] = descriptions;
  if (description !== undefined) {
    const poll = { initialSeconds: 0.3, factor: 1.5, maxSeconds: 2 };
    return [{ dataset: description.id, account, enabled: false, poll }];
  }
  return datasets.includes('tracks') ? [{ dataset: `${id}/tracks`, account }] : [];
}

/** All that the account offers and that can be begun here. */
async function worksOf(bench: KillBench, wire: Wire, folder: string, hasTemporal: boolean): Promise<Work[]> {
  const token = await logIn(bench, wire);
  const reads = await readWorks(bench, wire, token);
  if (!hasTemporal) return reads;
  const { fleet } = bench.parts;
  // Not before the fleet's work: it stores them, and a command goes to a device that is known.
  const histories = [reportWork(bench), await fleetWork(bench, wire, token)];
  const devices = fleet === undefined ? [] : await wire.devices(fleet, token);
  const ids = [
    ...reads.flatMap((work) => (work.reads ?? []).map(({ vehicleId }) => vehicleId)),
    ...devices.map((one) => one.deviceId),
  ];
  const byWorker = [...histories, textWork(bench, folder), commandWork(bench, [...new Set(ids)])];
  return [...reads, ...byWorker].filter((work) => work !== null);
}

/** What the account offers and nothing is shown of, so that nobody takes it for shown. */
function untriedWork(
  { vendor, parts }: KillBench,
  works: readonly Work[],
  hasTemporal: boolean,
): (readonly [string, string, string])[] {
  const has = (name: string) => works.some((work) => work.name.startsWith(name));
  const offered: (readonly [part: unknown, name: string, what: string, why: string])[] = [
    [parts.reports ?? parts.fleet, 'a backfill', 'a backfill', 'there is no dataset or device to fill'],
    [parts.texts, 'a batch', 'a batch of texts', 'example.model names none'],
    [
      parts.commands,
      'the command',
      'commands',
      'nobody says which one: example.command, or one that is never repeated',
    ],
    [
      parts.vehicles,
      'reads',
      'reads of vehicles',
      'the simulator answers fewer than three, of one vehicle a call',
    ],
  ];
  const noTemporal = `no Temporal is on this machine; ${hint('start servers')} fetches one`;
  return offered
    .filter(([part, name]) => part !== undefined && !has(name))
    .map(([, name, what, why]) => [vendor.id, what, hasTemporal || name === 'reads' ? why : noTemporal]);
}

/** A token for the wire; what a person's login brings is stored for the account, too. */
async function logIn({ parts, settings, db, account: name }: KillBench, wire: Wire): Promise<string> {
  const { grant } = parts;
  if (grant === undefined) return wire.token();
  const keys = await loadVaultKeys({ settings });
  const { digest } = await grantSecrets({ secrets: { vault: new Vault(db, keys) } }, grant);
  const tokens = await wire.logIn(grant);
  const { poolKey } = findAccount(settings, name);
  const bought = boughtOf(grant, tokens, digest);
  await storeKept(new GrantStore(db, keys), { account: poolKey, generation: null, bought }, 0);
  return tokens.accessToken;
}
