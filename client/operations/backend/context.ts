/**
 * What a command works with: the settings, the state folder, and the servers that both name. The settings' own
 * addresses win; what they leave out is the embedded server of this folder's `instance.json`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { config } from 'zod';
import { withoutPassword } from '../../../embedded/instance';
import { ensureStateDir, type StateDir, stateDir } from '../../../embedded/state-dir';
import { brokenPlugins, loadSettings, type Settings } from '../../../settings';
import { connectionTrouble } from '../../../store/connections/connection-trouble';
import { UnsupportedPooler } from '../../../store/connections/pooler';
import { type ConnectionUse, createPool, databaseAnswers } from '../../../store/db';
import { createKeyFile, type KeyRing } from '../../../store/secrets/keyring';
import type { ConnectedClient } from '../../../temporal/connection';
import { keyRingFor, NO_VAULT_KEY } from '../../../temporal/keys';
import { type ErrorCode, failed, messageOf, OperationError } from '../errors';
import { hint } from '../hints';
import { type Context, databaseUrl, START, temporalAddress } from './context-servers';
import { DATABASE_WATCH_TIMES, ServerSilent, SilenceWatch } from './silence-watch';

export { type Context, databaseUrl, liveInstance, temporalAddress } from './context-servers';

export interface ContextOptions {
  /** From `--settings`. */
  readonly settings?: string | undefined;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly note?: (line: string) => void;
}

/** Settings of the demo, which commands use where there are no others. */
export function demoSettingsFile(dir: StateDir): string {
  return join(dir.root, 'demo.yaml');
}

/** @throws SettingsError that lists everything that is wrong with the settings. */
export function loadContext(options: ContextOptions = {}): Context {
  const env = options.env ?? process.env;
  const cwd = options.cwd ?? process.cwd();
  const dir = stateDir(cwd, env);
  const note = options.note ?? (() => undefined);
  const given = options.settings ?? (env.SLUICE_SETTINGS || undefined);
  const demo = demoSettingsFile(dir);
  const useDemo = given === undefined && !existsSync(join(cwd, 'sluice.yaml')) && existsSync(demo);
  if (useDemo) note(`(no sluice.yaml here: using the demo's settings, ${relative(cwd, demo) || demo})`);
  // Settings are read once: to compile their schemas would take longer than that.
  config({ jitless: true });
  const path = options.settings ?? (useDemo ? demo : undefined);
  const load = () => loadSettings({ env, cwd, path, leaveOut: true });
  const settings = load();
  for (const broken of brokenPlugins(settings)) note(`warning: ${broken}`);
  if (!takesOwnKey(settings) || !existsSync(ownKeyFile(dir))) return contextWith(settings, dir, note);
  // Children and secret references find it the way they find a key that an operator has set.
  env.SLUICE_VAULT_KEY = readFileSync(ownKeyFile(dir), 'utf8').trim();
  // This key lies beside Temporal's own file: encryption would keep nothing secret, and details from the Web UI.
  if (settings.temporal.address === null) env.SLUICE_ENCRYPT_PAYLOADS = 'false';
  return contextWith(load(), dir, note);
}

/** With other settings, e.g. those of a demo. */
export function contextWith(settings: Settings, dir: StateDir, note: Context['note']): Context {
  const context: Context = {
    settings,
    dir,
    note,
    caller: operator(),
    database: (work, use) => withDatabase(context, work, use),
    temporal: (work) => withTemporal(context, work),
  };
  return context;
}

/** Who uses this machine, as far as it knows. */
function operator(): string {
  let user = 'unknown';
  try {
    user = userInfo().username;
  } catch {
    // A container's user may have no name.
  }
  return `${user}@${hostname()}`;
}

const ownKeyFile = (dir: StateDir) => join(dir.root, 'vault.key');

/** One machine's embedded database has a key of its own; a shared database's key is for its operator to give. */
function takesOwnKey(settings: Settings): boolean {
  return settings.vault.key === null && settings.database.url === null;
}

/** Makes the key of an embedded database when there is none. A later `loadContext` finds it. */
export async function ensureVaultKey({ settings, dir }: Context): Promise<void> {
  if (!takesOwnKey(settings)) return;
  ensureStateDir(dir);
  await createKeyFile(ownKeyFile(dir));
}

/**
 * Runs `work` with a connection pool that is closed afterwards. Says what to start when there is no server.
 * @param patient `work` looks after itself when the server falls silent; otherwise it is given up.
 */
export async function withDatabase<T>(
  context: Context,
  work: (db: Pool) => Promise<T>,
  use: ConnectionUse = 'work',
  patient = false,
): Promise<T> {
  const url = databaseUrl(context);
  const db = createPool(url, { max: 4, applicationName: 'sluice-cli', use });
  try {
    const watch = new SilenceWatch(
      DATABASE_WATCH_TIMES,
      (withinMs) => databaseAnswers(url, withinMs),
      () => db.abandon(),
    );
    return await (patient ? work(db) : watch.during(work(db)));
  } catch (error) {
    throw explainDatabaseError(error, url);
  } finally {
    if (!db.ending) await db.end();
  }
}

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ECONNRESET',
  'ECONNABORTED',
  'ENETUNREACH',
  'EAI_AGAIN',
  'EPIPE',
  '57P03',
]);

export function explainDatabaseError(error: unknown, url: string): unknown {
  const unavailable = (message: string, why: ErrorCode = 'DATABASE_UNAVAILABLE') => failed(message, why);
  if (error instanceof UnsupportedPooler) return unavailable(`${withoutPassword(url)}: ${error.message}`);
  const code =
    typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
      ? error.code
      : '';
  const shown = withoutPassword(url);
  const trouble = error instanceof ServerSilent ? 'late' : connectionTrouble(error);
  if (trouble === 'lost') {
    return unavailable(`the connection to Postgres at ${shown} was cut: is it running? Otherwise ${START}`);
  }
  if (trouble === 'late') {
    return unavailable(`Postgres at ${shown} does not answer in time: it is busy, frozen or cut off`);
  }
  if (UNREACHABLE.has(code)) {
    return unavailable(`Postgres cannot be reached at ${shown} (${code}): is it running? Otherwise ${START}`);
  }
  if (code === '28P01' || code === '28000') {
    return unavailable(`Postgres at ${shown} refuses the user or the password: check DATABASE_URL`);
  }
  if (code === '3D000') return unavailable(`Postgres has no such database: ${shown}`);
  if (code === '42P01' || code === '42883' || code === '3F000') {
    return unavailable(
      `the database ${shown} has no tables of Sluice yet: a worker makes them when it starts (${hint('start worker')})`,
      'NO_SCHEMA',
    );
  }
  return error;
}

/** A server on this machine answers in milliseconds, a cluster within this; one that says nothing is not waited for longer. */
const CONNECT_MS = 3_500;
const REFUSED_MS = 500;
/** One that speaks and does not answer yet shares its machine with others; it gets this besides. */
const SLOW_MS = 8_000;

/**
 * Runs `work` with a Temporal client.
 * @param patient `work` looks after itself when the server falls silent; otherwise it is given up.
 * @throws OperationError when no server answers.
 */
export async function withTemporal<T>(
  context: Context,
  work: (client: Client) => Promise<T>,
  patient = false,
): Promise<T> {
  const connected = await temporalConnection(context);
  const address = temporalAddress(context) ?? '';
  const { isTemporalAway, temporalSilent, temporalUnreachable, temporalWatch } = await import(
    './temporal-silence.js'
  );
  try {
    const watch = temporalWatch(connected.client, address, context.settings);
    return await (patient ? work(connected.client) : watch.during(work(connected.client)));
  } catch (error) {
    if (error instanceof ServerSilent) throw temporalSilent(context, address);
    throw isTemporalAway(error) ? temporalUnreachable(address, error) : error;
  } finally {
    await connected.close();
  }
}

/** A connection for the caller to close. @throws OperationError when no server answers. */
export async function temporalConnection(context: Context): Promise<ConnectedClient> {
  const { settings } = context;
  const address = temporalAddress(context);
  if (address === null) {
    throw failed(`no Temporal runs for ${context.dir.root}: ${START}, or set TEMPORAL_ADDRESS`, 'NO_SERVER');
  }
  // Loaded only when it is needed: it is most of a short command's time.
  const { connectClient } = await import('../../../temporal/connection.js');
  const { dataConverterFor } = await import('../../../temporal/codec.js');
  const { accepts, ConnectionTrouble, speaks } = await import('../../../temporal/connection-trouble.js');
  const { SPEAK_MS, temporalSilent } = await import('./temporal-silence.js');
  const converter = await dataConverterFor(settings);
  try {
    // A port at which nothing listens says so at once, and a server that is being replaced is back in a moment.
    if (!(await accepts(address)) && !(await delay(REFUSED_MS, true).then(() => accepts(address)))) {
      throw new Error('nothing listens there');
    }
    return await connectClient(settings, address, converter, CONNECT_MS).catch(async (error: unknown) => {
      if (error instanceof ConnectionTrouble || !(await accepts(address))) throw error;
      if (!(await speaks(address, settings.temporal.tls, SPEAK_MS))) throw temporalSilent(context, address);
      context.note(`Temporal at ${address} is slow to answer; waiting ${SLOW_MS / 1000} s more`);
      return connectClient(settings, address, converter, SLOW_MS);
    });
  } catch (error) {
    if (error instanceof OperationError) throw error;
    if (error instanceof ConnectionTrouble) {
      throw failed(`Temporal at ${address}: ${error.message}`, 'TEMPORAL_UNAVAILABLE');
    }
    throw failed(
      `Temporal cannot be reached at ${address} (${messageOf(error)}): is it running? Otherwise ${START}`,
      'TEMPORAL_UNAVAILABLE',
    );
  }
}

/** The master keys. @throws OperationError with what to set when there are none. */
export async function loadVaultKeys(context: Pick<Context, 'settings'>): Promise<KeyRing> {
  const keys = await keyRingFor(context.settings);
  if (keys === null) throw failed(NO_VAULT_KEY);
  return keys;
}
