/**
 * A real Postgres for one machine: loopback TCP only, a generated password, no socket file. It outlives the
 * process that started it; the next start adopts it. One data folder, one server, any number of users.
 */
import {
  chownSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import {
  identify,
  isAlive,
  type ProcessIdentity,
  runsWith,
  type SignalStep,
  sizeOf,
  spawnToLog,
  tailOf,
  terminate,
  waitForExit,
} from '../child';
import { EmbeddedError, errorCode, errorText, type Log, silent } from '../errors';
import { withLock } from '../lock';
import { choosePort, OWN_PORT_PATIENCE_MS } from '../ports';
import { ensureWritable } from '../state-dir';
import { findPostgresBinaries, type PostgresBinaries } from './binaries';
import {
  CHILD_ENV,
  type Cluster,
  checkVersion,
  findData,
  initialise,
  locateCluster,
  mendOwnership,
  readPassword,
  resetPassword,
  SUPERUSER,
} from './cluster';
import { isRoot } from './unprivileged-user';

export interface PostgresOptions {
  /** Holds password, last port and, as a rule, the data. Created when missing. */
  readonly dataDir: string;
  /** Wanted port; another one is taken, with a message, when it is in use. Default: the last one, else any. */
  readonly port?: number | undefined;
  /** Created when missing. Default `sluice`. */
  readonly database?: string | undefined;
  /** Default `<dataDir>/postgres.log`. */
  readonly logFile?: string | undefined;
  readonly log?: Log | undefined;
  /** Server settings by name, over the defaults below, e.g. `{ max_connections: '50' }`. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

export interface RunningPostgres extends ProcessIdentity {
  /** Holds the password: never print it. */
  readonly url: string;
  readonly port: number;
  /** True when the server ran already. */
  readonly adopted: boolean;
  /** Postgres's own data folder. */
  readonly data: string;
  /** Fast shutdown. Resolves when the process is gone; nothing to do when it is. */
  stop(): Promise<void>;
}

/** Durable by default: a permit that was granted must survive a power cut. */
const SETTINGS: Readonly<Record<string, string>> = {
  fsync: 'on',
  synchronous_commit: 'on',
  max_connections: '200',
  shared_buffers: '128MB',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

const READY_TIMEOUT_MS = 60_000;
/** A connection that hangs is given up and opened again. */
const TRY_MS = 10_000;
const LOG_EVERY_MS = 10_000;
const ORPHAN_PATIENCE_MS = 3_000;
const FAST_SHUTDOWN: readonly SignalStep[] = [
  { signal: 'SIGINT', waitMs: 30_000 },
  { signal: 'SIGQUIT', waitMs: 5_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
];

function urlOf(password: string, port: number, database: string): string {
  return `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/${database}`;
}

async function query(url: string, text: string, values: readonly string[] = []): Promise<number> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: TRY_MS,
    query_timeout: TRY_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query(text, [...values])).rowCount ?? 0;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function ensureDatabase(url: string, name: string): Promise<void> {
  if ((await query(url, 'select 1 from pg_database where datname = $1', [name])) > 0) return;
  try {
    await query(url, `create database "${name.replaceAll('"', '""')}"`);
  } catch (error) {
    // A try before this one, whose answer did not come, has made it.
    if (errorCode(error) !== '42P04') throw error;
  }
}

type PidFile = { readonly pid: number; readonly port: number };

function readPidFile(data: string): PidFile | null {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
    return { pid: Number(lines[0]), port: Number(lines[3]) };
  } catch {
    return null;
  }
}

/** The server of this data folder, if one runs. The pid file alone proves nothing after a crash. */
function findServer(data: string): (ProcessIdentity & PidFile) | null {
  const file = readPidFile(data);
  if (file === null) return null;
  const identity = identify(file.pid);
  if (identity === null || !(runsWith(file.pid, data) || runsWith(file.pid, realpathSync(data)))) return null;
  return { ...identity, port: file.port };
}

/**
 * Runs `work` until it succeeds: a server that has just started, or that shares its machine with others, may need several
 * tries. Resolves to false when its process ends before that.
 * @throws EmbeddedError when the time is over, and what Postgres says that no second try would change.
 */
async function whenItAnswers(
  server: ProcessIdentity,
  log: Log,
  work: () => Promise<unknown>,
): Promise<boolean> {
  const started = Date.now();
  let loggedAt = started;
  for (;;) {
    try {
      await work();
      return true;
    } catch (error) {
      if (!isAlive(server)) return false;
      const code = errorCode(error) ?? '';
      if (code === '28P01') {
        throw new EmbeddedError(
          'START_FAILED',
          `Postgres (process ${server.pid}) refuses the password in its data folder. ` +
            `Stop that process and delete the file "password" there; the next start sets a new one.`,
        );
      }
      // Five characters are Postgres's own words; 57P03 is "starting up", class 53 "no resources", class 08 the wire's.
      if (/^[0-9A-Z]{5}$/.test(code) && code !== '57P03' && !/^(?:53|08)/.test(code)) throw error;
      const waitedMs = Date.now() - started;
      if (waitedMs > READY_TIMEOUT_MS) {
        throw new EmbeddedError(
          'START_FAILED',
          `Postgres (process ${server.pid}) gave no answer for ${READY_TIMEOUT_MS / 1000} s: ${errorText(error)}`,
        );
      }
      if (Date.now() - loggedAt > LOG_EVERY_MS) {
        loggedAt = Date.now();
        const leftS = Math.ceil((READY_TIMEOUT_MS - waitedMs) / 1000);
        log(`Postgres: process ${server.pid} does not answer yet; waiting up to ${leftS} s more.`);
      }
    }
    await delay(20);
  }
}

const becameReady = (server: ProcessIdentity, url: string, log: Log) =>
  whenItAnswers(server, log, () => query(url, 'select 1'));

/** Server processes that outlived their postmaster: they work in the data folder and hold its memory. */
function orphans(data: string): ProcessIdentity[] {
  const found: ProcessIdentity[] = [];
  let entries: string[] = [];
  try {
    entries = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
  for (const entry of entries) {
    try {
      if (readlinkSync(`/proc/${entry}/cwd`) !== data || !runsWith(Number(entry), 'postgres')) continue;
      const identity = identify(Number(entry));
      if (identity !== null) found.push(identity);
    } catch {
      // Gone meanwhile, or not ours to read.
    }
  }
  return found;
}

function dropForeignPidFile(data: string, log: Log): void {
  const file = readPidFile(data);
  if (file === null) return;
  log('Postgres: it was not shut down in order; it recovers from its log.');
  // A dead pid is Postgres's own business; a pid that now belongs to another program would make it refuse.
  if (identify(file.pid) !== null) rmSync(join(data, 'postmaster.pid'), { force: true });
}

interface Started extends ProcessIdentity {
  readonly port: number;
}

async function launch(
  cluster: Cluster,
  binaries: PostgresBinaries,
  options: PostgresOptions,
  password: string,
  log: Log,
): Promise<Started> {
  const logFile = options.logFile ?? join(cluster.home, 'postgres.log');
  const portFile = join(cluster.home, 'port');
  let wanted = options.port ?? (Number(tailOf(portFile, 1)) || null);
  const orphanDeadline = Date.now() + ORPHAN_PATIENCE_MS;
  for (let attempt = 1; ; attempt += 1) {
    const { port, moved } = await choosePort(wanted, options.port === undefined ? OWN_PORT_PATIENCE_MS : 0);
    if (moved) log(`Postgres: port ${wanted} is in use; using ${port} instead.`);
    const offset = sizeOf(logFile);
    const settings = { ...SETTINGS, ...options.settings };
    const child = spawnToLog({
      command: binaries.postgres,
      args: [
        ...['-D', cluster.data, '-h', '127.0.0.1', '-p', String(port), '-k', ''],
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      logFile,
      env: CHILD_ENV,
      cwd: '/',
      ...(cluster.user === null ? {} : { uid: cluster.user.uid, gid: cluster.user.gid }),
    });
    const failed = new Promise<Error>((done) => child.once('error', done));
    if (child.pid === undefined) {
      throw new EmbeddedError(
        'START_FAILED',
        `${binaries.postgres} does not run: ${errorText(await failed)}`,
      );
    }
    const server = identify(child.pid) ?? { pid: child.pid, startTime: null };
    if (await becameReady(server, urlOf(password, port, 'postgres'), log)) {
      writeFileSync(portFile, String(port));
      return { ...server, port };
    }
    const output = tailOf(logFile, 8, offset);
    const isTaken = /Address already in use/.test(output);
    // Whatever else delays it: clients of the last server expect this one at the same port.
    wanted = isTaken ? null : port;
    if (isTaken && attempt < 5) {
      log(`Postgres: port ${port} was taken in the same moment; trying another.`);
    } else if (
      /lock file "postmaster.pid" already exists/.test(output) &&
      attempt < 50 &&
      isLeftOver(cluster)
    ) {
      // A server that was killed a moment ago holds its pid until its parent has taken note.
      await delay(200);
    } else if (/shared memory block .* is still in use/.test(output) && attempt < 50) {
      if (Date.now() > orphanDeadline) {
        for (const orphan of orphans(realpathSync(cluster.data))) {
          log(`Postgres: ending process ${orphan.pid}, left behind by a server that was killed.`);
          await terminate(orphan, [
            { signal: 'SIGQUIT', waitMs: 2_000 },
            { signal: 'SIGKILL', waitMs: 2_000 },
          ]);
        }
      }
      await delay(200);
    } else {
      throw new EmbeddedError('START_FAILED', `Postgres did not start. It says:\n${output}\n(${logFile})`);
    }
  }
}

/** The pid file is of a server that does not run any more. */
function isLeftOver({ data }: Cluster): boolean {
  return findServer(data) === null;
}

/** What root writes into another user's folder stays usable to that user. */
function leaveToOwner(home: string): void {
  const { uid, gid } = statSync(home);
  if (!isRoot() || uid === 0) return;
  for (const name of ['password', 'port', 'postgres.log']) {
    if (existsSync(join(home, name))) chownSync(join(home, name), uid, gid);
  }
}

async function startLocked(options: PostgresOptions, home: string, log: Log): Promise<RunningPostgres> {
  const cluster = locateCluster(home, log);
  const binaries = await findPostgresBinaries(cluster.user, log);
  const exists = findData(home) !== null;
  if (exists) checkVersion(cluster, binaries);

  let server: Started | null = exists ? findServer(cluster.data) : null;
  let adopted = false;
  let password = readPassword(home);
  if (server !== null && password !== null) {
    adopted = await becameReady(server, urlOf(password, server.port, 'postgres'), log);
    if (!adopted) server = null;
  }
  if (server !== null && password === null) {
    await terminate(server, FAST_SHUTDOWN);
    server = null;
  }
  if (server === null) {
    if (!exists) await initialise(cluster, binaries, log);
    await mendOwnership(cluster, log);
    dropForeignPidFile(cluster.data, log);
    if (exists && password === null) await resetPassword(cluster, binaries, log);
    password = readPassword(home);
    if (password === null) throw new EmbeddedError('START_FAILED', `Cannot read ${join(home, 'password')}.`);
    server = await launch(cluster, binaries, options, password, log);
  }
  const database = options.database ?? 'sluice';
  const secret = password ?? '';
  const maintenance = urlOf(secret, server.port, 'postgres');
  if (!(await whenItAnswers(server, log, () => ensureDatabase(maintenance, database)))) {
    throw new EmbeddedError(
      'START_FAILED',
      `Postgres (process ${server.pid}) ended before it had a database.`,
    );
  }
  leaveToOwner(home);
  const { pid, startTime, port } = server;
  return {
    url: urlOf(secret, port, database),
    port,
    pid,
    startTime,
    adopted,
    data: cluster.data,
    stop: async () => {
      await terminate({ pid, startTime }, FAST_SHUTDOWN);
    },
  };
}

/**
 * Starts Postgres on `dataDir`, or adopts the one that runs there. Safe to call from several processes at
 * once. Throws `EmbeddedError`; a data folder is never deleted or overwritten.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const home = resolve(options.dataDir);
  const log = options.log ?? silent;
  ensureWritable(home);
  return withLock(join(home, 'start.lock'), () => startLocked(options, home, log), {
    onWait: (owner) => log(`Postgres: process ${owner} is starting it; waiting.`),
  });
}

/** Stops the server of `dataDir`. Resolves to false when none was running. */
export async function stopPostgres(dataDir: string): Promise<boolean> {
  const data = findData(resolve(dataDir));
  const server = data === null ? null : findServer(data);
  if (server === null) return false;
  await terminate(server, FAST_SHUTDOWN);
  return waitForExit(server, 0);
}

/** Stops the server and deletes its data, wherever it lies. For tests and for an operator's explicit order. */
export async function removePostgres(dataDir: string): Promise<void> {
  const home = resolve(dataDir);
  await stopPostgres(home);
  const data = findData(home);
  if (data !== null && data !== join(home, 'data')) rmSync(dirname(data), { recursive: true, force: true });
  rmSync(home, { recursive: true, force: true });
}
