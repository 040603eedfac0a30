/** Free TCP ports on the loopback interface. */
import { createServer } from 'node:net';

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

/** A port that was free a moment ago. Whoever binds it must still be ready to lose the race. */
export async function freePort(): Promise<number> {
  const port = await listenOnce(0);
  if (port === null) throw new Error('No free TCP port on 127.0.0.1: the machine has run out of ports.');
  return port;
}

/** `preferred` when it is free, else any free port; `moved` tells which, so that the caller can say so. */
export async function choosePort(preferred: number | null): Promise<{ port: number; moved: boolean }> {
  if (preferred !== null && (await isPortFree(preferred))) return { port: preferred, moved: false };
  return { port: await freePort(), moved: preferred !== null };
}
