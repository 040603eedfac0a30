/**
 * A worker reports its health on a Unix socket, in a folder that only its owner can read. A client gets one line of
 * JSON and the end of the connection. A worker that is frozen, or whose event loop hangs, sends nothing, which is an
 * answer too. A blank is sent at once, before the worker checks its servers, so that slow servers do not make it look
 * frozen. The mtime of the socket file is the worker's last sign of life.
 */
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { HOUR_MS } from '../quota/durations';
import type { Settings } from '../settings';

export interface WorkerHealth {
  readonly pid: number;
  /** What is wrong, in words; empty when all is well. */
  readonly problems: readonly string[];
  /** It says nothing: frozen, or its event loop hangs. Epoch ms of its last sign of life; absent when it answers. */
  readonly silentSince?: number;
}

/** Longest time that a healthy worker takes to answer, ms. */
export const ANSWER_MS = 5_000;
/** Between two signs of life, ms. */
const SIGN_MS = 1_000;
/** Sockets without a sign of life for so long are asked by whichever worker starts, ms. */
const ABANDONED_MS = HOUR_MS;
/** How long a worker is queried that has given no sign of life for longer than it may take, ms. */
const SILENT_ANSWER_MS = 500;

type Temporal = Pick<Settings['temporal'], 'namespace' | 'taskQueue'>;

/** Sockets of all workers of this user on one task queue. */
function folder(): string {
  return join(tmpdir(), `sluice-${userInfo().uid}`);
}

const NAME = /^worker-.*-(\d+)\.sock$/;

function prefix({ namespace, taskQueue }: Temporal): string {
  return `worker-${createHash('sha256')
    .update(JSON.stringify([namespace, taskQueue]))
    .digest('hex')
    .slice(0, 12)}-`;
}

/** @param problems is called for each query. @returns a function that removes the socket. */
export async function serveHealth(
  temporal: Temporal,
  problems: () => Promise<readonly string[]>,
): Promise<() => Promise<void>> {
  mkdirSync(folder(), { recursive: true, mode: 0o700 });
  await removeAbandoned();
  const path = join(folder(), `${prefix(temporal)}${process.pid}.sock`);
  rmSync(path, { force: true });
  const server = createServer(async (socket) => {
    socket.on('error', () => undefined);
    socket.write(' ');
    const found = await problems().catch((error: unknown) => [String(error)]);
    const health: WorkerHealth = { pid: process.pid, problems: found };
    socket.end(`${JSON.stringify(health)}\n`);
  });
  await new Promise<void>((listening, reject) => {
    server.once('error', reject);
    server.listen(path, listening);
  });
  chmodSync(path, 0o600);
  server.unref();
  const signs = setInterval(() => giveSign(path), SIGN_MS).unref();
  return () => {
    clearInterval(signs);
    return new Promise((closed) => server.close(() => closed()));
  };
}

function giveSign(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // Somebody has cleared the folder: nobody asks there any more.
  }
}

/** Workers that were killed leave their sockets, and of a task queue that is used no more nobody asks for them. */
async function removeAbandoned(): Promise<void> {
  const abandoned = socketNames().filter((name) => {
    const sign = signOf(join(folder(), name));
    return sign !== null && Date.now() - sign > ABANDONED_MS;
  });
  await Promise.all(abandoned.map((name) => ask(join(folder(), name), pidIn(name))));
}

function socketNames(): string[] {
  try {
    return readdirSync(folder()).filter((name) => NAME.test(name));
  } catch {
    // No worker of this user has ever run here.
    return [];
  }
}

/** Null for a worker without a socket: it is about to start, or gone. */
export function askWorker(temporal: Temporal, pid: number): Promise<WorkerHealth | null> {
  return ask(join(folder(), `${prefix(temporal)}${pid}.sock`), pid);
}

/** Asks every worker of this task queue that runs here. Sockets of those that are gone are taken away. */
export async function askWorkers(temporal: Temporal): Promise<WorkerHealth[]> {
  const ours = socketNames().filter((name) => name.startsWith(prefix(temporal)));
  const answers = await Promise.all(ours.map((name) => ask(join(folder(), name), pidIn(name))));
  return answers.filter((answer) => answer !== null);
}

function pidIn(name: string): number {
  return Number(NAME.exec(name)?.[1] ?? Number.NaN);
}

/** Of a worker that is gone null, and its socket is taken away. */
function ask(path: string, pid: number): Promise<WorkerHealth | null> {
  const lastSign = signOf(path);
  if (lastSign === null) return Promise.resolve(null);
  // A file system may keep whole seconds.
  const isLate = Date.now() - lastSign > ANSWER_MS + SIGN_MS;
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(path);
    const done = (health: WorkerHealth | null) => {
      over = true;
      clearTimeout(timer);
      socket.destroy();
      resolve(health);
    };
    let over = false;
    const silent = () => {
      if (over) return;
      if (text !== '') return done({ pid, problems: ['it does not say in time how it is'] });
      const since = signOf(path) ?? lastSign;
      done({ pid, problems: [SILENT], silentSince: since });
    };
    // It may be this process that was held up: what has come meanwhile is heard first.
    const timer = setTimeout(() => setImmediate(silent), isLate ? SILENT_ANSWER_MS : ANSWER_MS);
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => {
      text += part;
    });
    socket.on('end', () => done(parse(text, pid)));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const gone = error.code === 'ECONNREFUSED' || error.code === 'ENOENT';
      if (gone) rmSync(path, { force: true });
      done(gone ? null : { pid, problems: [`it cannot be queried: ${error.message}`] });
    });
  });
}

const SILENT = `it does not answer within ${ANSWER_MS / 1000} s: frozen, or too busy to answer`;

/** Epoch ms; null when there is no socket. */
function signOf(path: string): number | null {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return null;
  }
}

function parse(text: string, pid: number): WorkerHealth {
  try {
    return JSON.parse(text) as WorkerHealth;
  } catch {
    return { pid, problems: ['it broke off while it answered'] };
  }
}
