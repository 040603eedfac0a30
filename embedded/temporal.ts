/**
 * A Temporal dev server for one machine, kept in one SQLite file. Like the embedded Postgres it outlives the
 * process that started it and is adopted by the next start.
 */
import { closeSync, existsSync, openSync, readFileSync, readSync, renameSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import {
  identify,
  isAlive,
  isStopped,
  keepToOwner,
  type ProcessIdentity,
  runsWith,
  type SignalStep,
  sizeOf,
  spawnToLog,
  tailOf,
  terminate,
} from './child';
import { EmbeddedError, errorText, type Log, silent } from './errors';
import { withLock } from './lock';
import { choosePort, freePort, OWN_PORT_PATIENCE_MS } from './ports';
import { ensureWritable } from './state-dir';
import { compareVersions, findTemporalBinary, sameSchema, type TemporalBinary } from './temporal-binary';

/** Numbers of `temporal.api.enums.v1.IndexedValueType`. */
const ATTRIBUTE_TYPES = {
  Text: 1,
  Keyword: 2,
  Int: 3,
  Double: 4,
  Bool: 5,
  Datetime: 6,
  KeywordList: 7,
} as const;

export type SearchAttributeType = keyof typeof ATTRIBUTE_TYPES;

export interface TemporalOptions {
  readonly dbFile: string;
  /** Default: whatever `findTemporalBinary` finds for this database file. */
  readonly binary?: TemporalBinary | undefined;
  /** Wanted ports; others are taken, and said, when they are in use. Default: the last ones, else any. */
  readonly port?: number | undefined;
  readonly uiPort?: number | undefined;
  /** Created when missing. Default `default`. */
  readonly namespace?: string | undefined;
  readonly logFile: string;
  /** Added when missing. */
  readonly searchAttributes?: Readonly<Record<string, SearchAttributeType>> | undefined;
  /** How long closed workflows stay readable. Default 30 days. */
  readonly retentionDays?: number | undefined;
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

interface ServerRecord extends ProcessIdentity {
  readonly port: number;
  readonly uiPort: number;
  readonly version: string;
  /** Of the server that made the file. */
  readonly writtenBy: string;
}

const HOST = '127.0.0.1';
const READY_TIMEOUT_MS = 60_000;
/** A server that runs is busy rather than broken, and replacing it costs its users their connections. */
const ADOPT_TIMEOUT_MS = 30_000;
/** One that is stopped (SIGSTOP, a debugger) answers nobody. */
const STOPPED_TIMEOUT_MS = 2_000;
/** A connection that hangs is given up and made anew. */
const TRY_MS = 10_000;
const TELL_MS = 10_000;
/** A server that does not answer is not waited for long. */
const REPLACE: readonly SignalStep[] = [
  { signal: 'SIGTERM', waitMs: 2_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
];

const recordFile = (dbFile: string): string => `${dbFile}.server.json`;

function readRecord(dbFile: string): ServerRecord | null {
  try {
    const record = JSON.parse(readFileSync(recordFile(dbFile), 'utf8')) as Partial<ServerRecord>;
    const { pid, port, uiPort, version, writtenBy, startTime = null } = record;
    if (!pid || !port || !uiPort || !version || !writtenBy) return null;
    return { pid, port, uiPort, version, writtenBy, startTime };
  } catch {
    return null;
  }
}

function writeRecord(dbFile: string, record: ServerRecord): void {
  const draft = `${recordFile(dbFile)}.new`;
  writeFileSync(draft, JSON.stringify(record), { mode: 0o600 });
  renameSync(draft, recordFile(dbFile));
}

/** The recorded process, when it is alive and really serves this file. */
function findServer(dbFile: string): ServerRecord | null {
  const record = readRecord(dbFile);
  return record !== null && isAlive(record) && runsWith(record.pid, dbFile) ? record : null;
}

function checkFile(dbFile: string): void {
  if (sizeOf(dbFile) === 0) return;
  const head = Buffer.alloc(16);
  const file = openSync(dbFile, 'r');
  try {
    readSync(file, head, 0, head.length, 0);
  } finally {
    closeSync(file);
  }
  if (head.toString('latin1') === 'SQLite format 3\0') return;
  throw new EmbeddedError(
    'DATA_FOREIGN',
    `${dbFile} is not a SQLite database: it is damaged or something else's. Move it away to begin with an ` +
      `empty Temporal, or restore it from a copy. Nothing was changed.`,
  );
}

function checkVersion(dbFile: string, writtenBy: string, binary: TemporalBinary): void {
  if (sameSchema(writtenBy, binary.serverVersion)) return;
  throw new EmbeddedError(
    'DATA_VERSION',
    `${dbFile} was written by Temporal server ${writtenBy}, but ${binary.path} is server ` +
      `${binary.serverVersion}; such files are not migrated. Set SLUICE_TEMPORAL_BIN to a CLI with server ` +
      `${writtenBy}, or move the file away to begin with an empty Temporal. Nothing was changed.`,
  );
}

function accepts(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host: HOST, port });
    const finish = (answer: boolean): void => {
      socket.destroy();
      done(answer);
    };
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
    socket.setTimeout(2_000, () => finish(false));
  });
}

/**
 * Runs `work` with a connection, again and again until it succeeds: a server that has just started, or that shares its
 * machine with others, may need several tries. Undefined when its process ends, or when the time is over.
 */
async function whenItAnswers<T>(
  server: ServerRecord,
  timeoutMs: number,
  log: Log,
  work: (connection: Connection) => Promise<T>,
): Promise<T | undefined> {
  const started = Date.now();
  let told = started;
  let last = '';
  const left = () => started + timeoutMs - Date.now();
  while (isAlive(server) && left() > 0) {
    // A refused gRPC channel backs off for a second; a bare connection tells at once.
    if (await accepts(server.port)) {
      try {
        return await withConnection(server.port, Math.min(left(), TRY_MS), work);
      } catch (error) {
        last = `: ${errorText(error)}`;
      }
    }
    if (Date.now() - told > TELL_MS && left() > 0) {
      told = Date.now();
      const leftS = Math.ceil(left() / 1000);
      log(`Temporal: process ${server.pid} does not answer yet; waiting up to ${leftS} s more${last}`);
    }
    await delay(30);
  }
  return undefined;
}

async function withConnection<T>(
  port: number,
  timeoutMs: number,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  const connection = await Connection.connect({ address: `${HOST}:${port}`, connectTimeout: timeoutMs });
  try {
    return await connection.withDeadline(deadline, () => work(connection));
  } finally {
    await connection.close();
  }
}

/** Whether the namespace answers in time: the port opens before the namespace exists. */
async function becameReady(
  server: ServerRecord,
  namespace: string,
  timeoutMs: number,
  log: Log,
): Promise<boolean> {
  const answer = await whenItAnswers(server, timeoutMs, log, (connection) =>
    connection.workflowService.describeNamespace({ namespace }),
  );
  return answer !== undefined;
}

/** Retention and search attributes. Both are repeated at every start and change nothing the second time. */
async function configure(
  server: ServerRecord,
  namespace: string,
  options: TemporalOptions,
  log: Log,
): Promise<void> {
  const retention = msToTs(`${options.retentionDays ?? 30} days`);
  const done = await whenItAnswers(server, READY_TIMEOUT_MS, log, async (connection) => {
    const { config } = await connection.workflowService.describeNamespace({ namespace });
    if (String(config?.workflowExecutionRetentionTtl?.seconds) !== String(retention.seconds)) {
      await connection.workflowService.updateNamespace({
        namespace,
        config: { workflowExecutionRetentionTtl: retention },
      });
    }
    const wanted = Object.entries(options.searchAttributes ?? {});
    if (wanted.length === 0) return true;
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const missing = wanted.filter(([name]) => customAttributes?.[name] === undefined);
    if (missing.length === 0) return true;
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map(([name, type]) => [name, ATTRIBUTE_TYPES[type]])),
    });
    return true;
  });
  if (done) return;
  throw new EmbeddedError(
    'START_FAILED',
    `Temporal (process ${server.pid}) answered once and then not for ${READY_TIMEOUT_MS / 1000} s. ` +
      `It says:\n${tailOf(options.logFile, 8)}\n(${options.logFile})`,
  );
}

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
    if (await becameReady(server, namespace, READY_TIMEOUT_MS, log)) return server;
    await terminate(server);
    const said = tailOf(options.logFile, 8, offset);
    if (/address already in use/i.test(said) && attempt < 5) {
      log('Temporal: a port was taken in the same moment; trying others.');
      continue;
    }
    if (/no such (table|column)|not a database|malformed/.test(said)) {
      throw new EmbeddedError(
        'DATA_FOREIGN',
        `Temporal ${binary.version} cannot use ${dbFile}: it is damaged, of another version, or something ` +
          `else's. Move it away to begin with an empty Temporal. The server says:\n${said}`,
      );
    }
    throw new EmbeddedError(
      'START_FAILED',
      `Temporal did not start. It says:\n${said}\n(${options.logFile})`,
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
