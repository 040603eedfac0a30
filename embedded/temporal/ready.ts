/** Waits until a server answers, and gives its namespace what it needs. */
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import { isAlive, tailOf } from '../child';
import { EmbeddedError, errorText, type Log } from '../errors';
import type { ServerRecord } from './record';

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

export interface NamespaceOptions {
  /** Added when missing. */
  readonly searchAttributes?: Readonly<Record<string, SearchAttributeType>> | undefined;
  /** How long closed workflows stay readable. Default 30 days. */
  readonly retentionDays?: number | undefined;
  readonly logFile: string;
}

export const HOST = '127.0.0.1';
export const READY_TIMEOUT_MS = 60_000;
/** A connection that hangs is given up and opened again. */
const TRY_MS = 10_000;
const LOG_EVERY_MS = 10_000;

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
  let loggedAt = started;
  let last = '';
  const left = () => started + timeoutMs - Date.now();
  while (isAlive(server) && left() > 0) {
    // A refused gRPC channel backs off for a second; a bare connection answers at once.
    if (await accepts(server.port)) {
      try {
        return await withConnection(server.port, Math.min(left(), TRY_MS), work);
      } catch (error) {
        last = `: ${errorText(error)}`;
      }
    }
    if (Date.now() - loggedAt > LOG_EVERY_MS && left() > 0) {
      loggedAt = Date.now();
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
export async function becameReady(
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

/** Lines that the CLI prints once its own server has its ports; of all versions since 1.0. */
const ANNOUNCEMENT = /^(Temporal )?Server: /m;
/** A version that prints something else is believed after this. */
const ANNOUNCEMENT_MS = 5_000;

/**
 * Whether the server that answers is this process: another that starts in the same moment may have taken the port, and
 * answers there while this one is still on its way to find that out.
 * @param offset where this process's output begins in its log file, bytes.
 */
export async function isItself(server: ServerRecord, logFile: string, offset: number): Promise<boolean> {
  const deadline = performance.now() + ANNOUNCEMENT_MS;
  while (isAlive(server)) {
    if (ANNOUNCEMENT.test(tailOf(logFile, 20, offset)) || performance.now() > deadline) return true;
    await delay(20);
  }
  return false;
}

/** Retention and search attributes. Both are repeated at every start and change nothing the second time. */
export async function configure(
  server: ServerRecord,
  namespace: string,
  options: NamespaceOptions,
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
