/**
 * A Temporal dev server for one machine, kept in one SQLite file. Like the embedded Postgres it outlives the
 * process that started it and is adopted by the next start.
 */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import {
  identify,
  isStopped,
  keepToOwner,
  type ProcessIdentity,
  type SignalStep,
  sizeOf,
  spawnToLog,
  tailOf,
  terminate,
} from '../child';
import { EmbeddedError, errorText, type Log, silent } from '../errors';
import { withLock } from '../lock';
import { choosePort, freePort, OWN_PORT_PATIENCE_MS } from '../ports';
import { ensureWritable } from '../state-dir';
import { compareVersions, findTemporalBinary, type TemporalBinary } from './binary';
import { becameReady, configure, HOST, isItself, type NamespaceOptions, READY_TIMEOUT_MS } from './ready';
import {
  checkFile,
  checkVersion,
  findServer,
  readRecord,
  recordFile,
  type ServerRecord,
  writeRecord,
} from './record';

export interface TemporalOptions extends NamespaceOptions {
  readonly dbFile: string;
  /** Default: whatever `findTemporalBinary` finds for this database file. */
  readonly binary?: TemporalBinary | undefined;
  /** Wanted ports; others are taken, with a message, when they are in use. Default: the last ones, else any. */
  readonly port?: number | undefined;
  readonly uiPort?: number | undefined;
  /** Created when missing. Default `default`. */
  readonly namespace?: string | undefined;
  /** Where the Web UI finds a codec server. A server that runs already keeps the one that it was started with. */
  readonly uiCodecEndpoint?: string | undefined;
  readonly log?: Log | undefined;
}

export interface RunningTemporal extends ProcessIdentity {
  /** `host:port` of the gRPC frontend. */
  readonly address: string;
  readonly uiUrl: string;
  readonly port: number;
  readonly uiPort: number;
  readonly adopted: boolean;
  /** Version of the CLI. */
  readonly version: string;
  /** SIGTERM, then SIGKILL; the file survives either. Resolves when the process is gone. */
  stop(): Promise<void>;
}

/** A server that runs is busy rather than broken, and replacing it costs its users their connections. */
const ADOPT_TIMEOUT_MS = 30_000;
/** One that is stopped (SIGSTOP, a debugger) answers nobody. */
const STOPPED_TIMEOUT_MS = 2_000;
/** A server that does not answer is not waited for long. */
const REPLACE: readonly SignalStep[] = [
  { signal: 'SIGTERM', waitMs: 2_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
];

function serverArguments(
  dbFile: string,
  port: number,
  uiPort: number,
  binary: TemporalBinary,
  options: TemporalOptions,
): string[] {
  const namespace = options.namespace ?? 'default';
  return [
    ...['server', 'start-dev', '--db-filename', dbFile, '--ip', HOST],
    ...['--port', String(port), '--ui-port', String(uiPort), '--log-level', 'error'],
    // Measured: three times the activities a second, and timers that fire together do so in half the time.
    ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'],
    // One partition: a task queue's order and rate mean what they say.
    ...['--dynamic-config-value', 'matching.numTaskqueueReadPartitions=1'],
    ...['--dynamic-config-value', 'matching.numTaskqueueWritePartitions=1'],
    ...(namespace === 'default' ? [] : ['--namespace', namespace]),
    // Ready at once in a new file; an existing one ignores them and gets them through the API.
    ...Object.entries(options.searchAttributes ?? {}).flatMap(([n, type]) => [
      '--search-attribute',
      `${n}=${type}`,
    ]),
    ...(options.uiCodecEndpoint === undefined ? [] : ['--ui-codec-endpoint', options.uiCodecEndpoint]),
    ...(compareVersions(binary.version, '1.8.0') >= 0 ? ['--ui-disable-news-fetch'] : []),
    ...['--disable-config-file', '--disable-config-env'],
  ];
}

async function launch(
  dbFile: string,
  binary: TemporalBinary,
  last: ServerRecord | null,
  options: TemporalOptions,
  log: Log,
): Promise<ServerRecord> {
  const namespace = options.namespace ?? 'default';
  const isNew = sizeOf(dbFile) === 0;
  for (let attempt = 1; ; attempt += 1) {
    const first = attempt === 1;
    const grpc = await choosePort(
      first ? (options.port ?? last?.port ?? null) : null,
      options.port === undefined ? OWN_PORT_PATIENCE_MS : 0,
    );
    const ui = await choosePort(
      first ? (options.uiPort ?? last?.uiPort ?? null) : null,
      options.uiPort === undefined ? OWN_PORT_PATIENCE_MS : 0,
    );
    if (grpc.moved)
      log(`Temporal: port ${options.port ?? last?.port} is in use; using ${grpc.port} instead.`);
    if (ui.moved)
      log(`Temporal: UI port ${options.uiPort ?? last?.uiPort} is in use; using ${ui.port} instead.`);
    const uiPort = ui.port === grpc.port ? await freePort() : ui.port;
    const offset = sizeOf(options.logFile);
    keepToOwner([dbFile, `${dbFile}-wal`, `${dbFile}-shm`]);
    const child = spawnToLog({
      command: binary.path,
      args: serverArguments(dbFile, grpc.port, uiPort, binary, options),
      logFile: options.logFile,
    });
    const failed = new Promise<Error>((done) => child.once('error', done));
    if (child.pid === undefined) {
      throw new EmbeddedError('BINARY_BROKEN', `${binary.path} does not run: ${errorText(await failed)}`);
    }
    const server: ServerRecord = {
      ...(identify(child.pid) ?? { pid: child.pid, startTime: null }),
      port: grpc.port,
      uiPort,
      version: binary.version,
      writtenBy: isNew || last === null ? binary.serverVersion : last.writtenBy,
    };
    writeRecord(dbFile, server);
    const answers = await becameReady(server, namespace, READY_TIMEOUT_MS, log);
    if (answers && (await isItself(server, options.logFile, offset))) return server;
    await terminate(server);
    const output = tailOf(options.logFile, 8, offset);
    // A server that has begun already says so in a stack trace of a hundred lines.
    if (/address already in use/i.test(tailOf(options.logFile, 1000, offset)) && attempt < 5) {
      log('Temporal: a port was taken in the same moment; trying others.');
      continue;
    }
    if (/no such (table|column)|not a database|malformed/.test(output)) {
      throw new EmbeddedError(
        'DATA_FOREIGN',
        `Temporal ${binary.version} cannot use ${dbFile}: it is damaged, of another version, or something ` +
          `else's. Move it away to begin with an empty Temporal. The server says:\n${output}`,
      );
    }
    throw new EmbeddedError(
      'START_FAILED',
      `Temporal did not start. It says:\n${output}\n(${options.logFile})`,
    );
  }
}

async function startLocked(options: TemporalOptions, dbFile: string, log: Log): Promise<RunningTemporal> {
  const namespace = options.namespace ?? 'default';
  let server = findServer(dbFile);
  let adopted = false;
  if (server !== null) {
    const patienceMs = isStopped(server) ? STOPPED_TIMEOUT_MS : ADOPT_TIMEOUT_MS;
    adopted = await becameReady(server, namespace, patienceMs, log);
    if (!adopted) {
      log(`Temporal: process ${server.pid} runs but does not answer; replacing it.`);
      await terminate(server, REPLACE);
      server = null;
    }
  }
  if (server === null) {
    checkFile(dbFile);
    const last = readRecord(dbFile);
    const writtenBy = sizeOf(dbFile) > 0 ? last?.writtenBy : undefined;
    const binary = options.binary ?? (await findTemporalBinary({ log, writtenBy }));
    if (writtenBy !== undefined) checkVersion(dbFile, writtenBy, binary);
    server = await launch(dbFile, binary, last, options, log);
  }
  await configure(server, namespace, options, log);
  const { pid, startTime, port, uiPort, version } = server;
  return {
    pid,
    startTime,
    port,
    uiPort,
    version,
    adopted,
    address: `${HOST}:${port}`,
    uiUrl: `http://${HOST}:${uiPort}`,
    stop: async () => {
      await terminate({ pid, startTime });
    },
  };
}

/** Starts the dev server on `dbFile`, or adopts the one that serves it. Safe from several processes at once. */
export async function startTemporal(options: TemporalOptions): Promise<RunningTemporal> {
  const dbFile = resolve(options.dbFile);
  const log = options.log ?? silent;
  ensureWritable(dirname(dbFile));
  return withLock(`${dbFile}.lock`, () => startLocked(options, dbFile, log), {
    onWait: (owner) => log(`Temporal: process ${owner} is starting it; waiting.`),
    timeoutMs: 30 * 60_000,
  });
}

/** Stops the server of `dbFile`. Resolves to false when none was running. */
export async function stopTemporal(dbFile: string): Promise<boolean> {
  const server = existsSync(recordFile(resolve(dbFile))) ? findServer(resolve(dbFile)) : null;
  if (server === null) return false;
  await terminate(server);
  return true;
}
