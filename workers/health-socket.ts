/**
 * Where a worker says how it is: a Unix socket in a folder that is its owner's alone. Whoever connects gets one line of
 * JSON and the end; a worker that is frozen, or whose event loop hangs, says nothing, and that is an answer too.
 */
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Settings } from '../settings';

export interface WorkerHealth {
  readonly pid: number;
  /** What is wrong, in words; empty when all is well. */
  readonly problems: readonly string[];
}

/** Longest time that a healthy worker takes to answer, ms. */
export const ANSWER_MS = 5_000;

type Temporal = Pick<Settings['temporal'], 'namespace' | 'taskQueue'>;

/** Sockets of all workers of this user on one task queue. */
function folder(): string {
  return join(tmpdir(), `sluice-${userInfo().uid}`);
}

function prefix({ namespace, taskQueue }: Temporal): string {
  return `worker-${createHash('sha256')
    .update(JSON.stringify([namespace, taskQueue]))
    .digest('hex')
    .slice(0, 12)}-`;
}

/** @param problems is asked each time. @returns what takes the socket away. */
export async function serveHealth(
  temporal: Temporal,
  problems: () => Promise<readonly string[]>,
): Promise<() => Promise<void>> {
  mkdirSync(folder(), { recursive: true, mode: 0o700 });
  const path = join(folder(), `${prefix(temporal)}${process.pid}.sock`);
  rmSync(path, { force: true });
  const server = createServer(async (socket) => {
    socket.on('error', () => undefined);
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
  return () => new Promise((closed) => server.close(() => closed()));
}

/** Asks every worker of this task queue that runs here. Sockets of those that are gone are taken away. */
export async function askWorkers(temporal: Temporal): Promise<WorkerHealth[]> {
  let names: string[] = [];
  try {
    names = readdirSync(folder());
  } catch {
    // No worker of this user has ever run here.
  }
  const ours = names.filter((name) => name.startsWith(prefix(temporal)) && name.endsWith('.sock'));
  const answers = await Promise.all(ours.map((name) => ask(join(folder(), name), pidIn(name))));
  return answers.filter((answer) => answer !== null);
}

function pidIn(name: string): number {
  return Number(/-(\d+)\.sock$/.exec(name)?.[1] ?? Number.NaN);
}

function ask(path: string, pid: number): Promise<WorkerHealth | null> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(path);
    const done = (health: WorkerHealth | null) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(health);
    };
    const silent = `it does not answer within ${ANSWER_MS / 1000} s: frozen, or too busy to answer`;
    const timer = setTimeout(() => done({ pid, problems: [silent] }), ANSWER_MS);
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => {
      text += part;
    });
    socket.on('end', () => done(parse(text, pid)));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const gone = error.code === 'ECONNREFUSED' || error.code === 'ENOENT';
      if (gone) rmSync(path, { force: true });
      done(gone ? null : { pid, problems: [`it cannot be asked: ${error.message}`] });
    });
  });
}

function parse(text: string, pid: number): WorkerHealth {
  try {
    return JSON.parse(text) as WorkerHealth;
  } catch {
    return { pid, problems: ['it broke off while it answered'] };
  }
}
