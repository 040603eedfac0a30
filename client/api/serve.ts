/** One API server: starts to listen, and shuts down in order. */

import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import pino from 'pino';
import { MINUTE_MS } from '../../quota/durations';
import { someKey } from '../operations/access/keys';
import { forgetOldRequests } from '../operations/access/requests';
import type { Context } from '../operations/backend/context';
import { openBackend } from '../operations/backend/open-backend';
import { failed, messageOf } from '../operations/errors';
import { replaySpool } from '../operations/gateway/replay-spool';
import { sweepPermits } from '../operations/permits/desk';
import { isLoopback } from '../operations/processes/codec-server';
import { createApp } from './app';
import { ROUTES } from './routes/index';

export interface ServeOptions {
  readonly host: string;
  /** 0: any. */
  readonly port: number;
  readonly logLevel?: string;
}

export interface ApiServer {
  readonly url: string;
  /** Answers what it has begun, and ends. */
  close(): Promise<void>;
}

/** For how long requests that were sent before the end are still read, ms. */
const UNREAD_MS = 3_000;
/** Connections that come at once: Node's own 511 are fewer than may listen, and the kernel lets those beyond wait for seconds. */
const BACKLOG = 4096;
const CONNECTIONS = 16;
const BODY_BYTES = 1024 * 1024;
/** How often answers that nobody asks for again are deleted. */
const FORGET_MS = 10 * MINUTE_MS;

/** How often permits without an outcome are searched for, ms. */
const SWEEP_MS = 5_000;

/** @throws OperationError when it may not or cannot listen there. */
export async function serveApi(
  context: Context,
  { host, port, logLevel = 'warn' }: ServeOptions,
): Promise<ApiServer> {
  const backend = openBackend(context, { applicationName: 'sluice-api', connections: CONNECTIONS });
  const loopback = isLoopback(host);
  const { api } = context.settings;
  if (!loopback) {
    const some = await someKey(backend).catch(async (error: unknown) => {
      await backend.close();
      throw error;
    });
    if (!some) {
      await backend.close();
      throw failed(
        `${host} lets others in, and there is no key that they could show: make one first (sluice keys create NAME --scope operate), or listen on 127.0.0.1`,
      );
    }
  }
  const app = await createApp({
    ...api,
    backend,
    routes: ROUTES,
    version: version(),
    loopback,
    bodyLimit: BODY_BYTES,
    maxUploadBytes: api.maxUploadMb * 1024 * 1024,
    logLevel,
  });
  const forgetting = setInterval(() => {
    forgetOldRequests(backend).catch(() => undefined);
  }, FORGET_MS).unref();
  const sweeping = setInterval(() => {
    // With the database away the next one finds them.
    sweepPermits(backend).catch(() => undefined);
  }, SWEEP_MS);
  const spool = replaySpool(backend, pino({ name: 'api', level: logLevel }));
  const unused = unusedConnections(app.server);
  const close = async () => {
    clearInterval(sweeping);
    clearInterval(forgetting);
    const closed = app.close();
    // A request may be on its way on each of them: one that comes now is told that the server ends.
    const hangUp = setTimeout(() => unused.close(), UNREAD_MS);
    await closed.finally(() => clearTimeout(hangUp));
    await spool.stop();
    await backend.close();
  };
  try {
    await app.listen({ host, port, backlog: BACKLOG });
  } catch (error) {
    await close();
    const { code } = error as NodeJS.ErrnoException;
    throw failed(
      code === 'EADDRINUSE'
        ? `port ${port} of ${host} is in use; choose another one, or 0 for any`
        : `cannot listen on ${host}:${port}: ${messageOf(error)}`,
    );
  }
  const { address, family, port: bound } = app.server.address() as AddressInfo;
  return { url: `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`, close };
}

/** Connections that have never asked anything: Node takes them for busy, and would wait for them. */
function unusedConnections(server: Server): { close(): void } {
  const unused = new Set<Socket>();
  let closing = false;
  server.on('connection', (socket: Socket) => {
    if (closing) socket.destroy();
    else unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  server.on('request', ({ socket }) => unused.delete(socket));
  return {
    close: () => {
      closing = true;
      for (const socket of unused) socket.destroy();
    },
  };
}

function version(): string {
  for (const up of ['..', '../..', '../../..']) {
    try {
      const { name, version: found } = JSON.parse(readFileSync(join(__dirname, up, 'package.json'), 'utf8'));
      if (name === 'sluice') return found;
    } catch {
      // Not there: in dist it lies one folder higher.
    }
  }
  return '0.0.0';
}
