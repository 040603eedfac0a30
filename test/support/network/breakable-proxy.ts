/**
 * A TCP proxy before a server. A test can cut it: open connections break, and new ones are refused until it is restored.
 * Or silence it: connections stay open, and nothing passes in either direction.
 */

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

export interface BreakableProxy {
  /** `host:port` of the proxy. */
  readonly address: string;
  cut(): void;
  /** Drops what is sent from now on over connections that are open; new ones work, unless they are `deaf` as well. */
  silence(deaf?: boolean): void;
  restore(): void;
  close(): Promise<void>;
}

/** @param server `host:port` of the server behind it. */
export async function startBreakableProxy(server: string): Promise<BreakableProxy> {
  const [host = '', port] = server.split(':');
  const sockets = new Set<Socket>();
  let isCut = false;
  let isDeaf = false;
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  };
  const end = createServer((near) => {
    keep(near);
    if (isCut) {
      near.destroy();
      return;
    }
    if (isDeaf) {
      near.resume();
      return;
    }
    const far = connect(Number(port), host);
    keep(far);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((listening) => end.listen(0, '127.0.0.1', listening));
  const cut = () => {
    isCut = true;
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: `127.0.0.1:${(end.address() as AddressInfo).port}`,
    cut,
    silence: (deaf = false) => {
      isDeaf = deaf;
      for (const socket of sockets) {
        socket.unpipe();
        // Still read, as a network that loses what it takes does; and the other end never learns that it has closed.
        socket
          .removeAllListeners('close')
          .removeAllListeners('end')
          .on('close', () => sockets.delete(socket));
        socket.on('data', () => undefined).resume();
      }
    },
    restore: () => {
      isCut = false;
      isDeaf = false;
    },
    close: async () => {
      cut();
      await new Promise((closed) => end.close(closed));
    },
  };
}
