/** Free TCP ports on the loopback interface. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const LOOPBACK = '127.0.0.1';

function listenOnce(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen({ host: LOOPBACK, port, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      server.close(() => resolve(bound));
    });
  });
}

/** True when nothing listens on 127.0.0.1:`port` and this process may bind it. */
export async function isPortFree(port: number): Promise<boolean> {
  return (await listenOnce(port)) !== null;
}

/** Below the ports that systems give to outgoing connections: one of those would keep a server from its port. */
const FIRST_PORT = 20_000;
const LAST_PORT = 31_999;
const MOST_TRIES = 50;

/**
 * A port that was free a moment ago, and that stays free while its server is down. Whoever binds it must still be ready
 * to lose the race.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    if (await isPortFree(port)) return port;
  }
  const port = await listenOnce(0);
  if (port === null) throw new Error('No free TCP port on 127.0.0.1: the machine has run out of ports.');
  return port;
}

/** A port that a server of ours had may still be held for a moment by what that server has left behind, ms. */
export const OWN_PORT_PATIENCE_MS = 1_000;
const RETRY_MS = 50;

/**
 * `preferred` when it is free, else any free port; `moved` says which, so that the caller can report it.
 * @param patienceMs how long the preferred one is waited for.
 */
export async function choosePort(
  preferred: number | null,
  patienceMs = 0,
): Promise<{ port: number; moved: boolean }> {
  if (preferred === null) return { port: await freePort(), moved: false };
  const deadline = performance.now() + patienceMs;
  for (;;) {
    if (await isPortFree(preferred)) return { port: preferred, moved: false };
    if (performance.now() >= deadline) return { port: await freePort(), moved: true };
    await delay(RETRY_MS);
  }
}
