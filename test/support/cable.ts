/**
 * A cable to a server that a test may pull out: what is under way breaks, and nobody gets through until it is mended. Or
 * silence: connections stay open, and nothing passes any more in either direction.
 */

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

export interface Cable {
  /** `host:port` of this end. */
  readonly address: string;
  pull(): void;
  /** What is sent from now on over connections that there are gets lost; new ones are fine. */
  silence(): void;
  mend(): void;
  close(): Promise<void>;
}

/** @param server `host:port` of the other end. */
export async function startCable(server: string): Promise<Cable> {
  const [host = '', port] = server.split(':');
  const sockets = new Set<Socket>();
  let pulled = false;
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  };
  const end = createServer((near) => {
    keep(near);
    if (pulled) {
      near.destroy();
      return;
    }
    const far = connect(Number(port), host);
    keep(far);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((listening) => end.listen(0, '127.0.0.1', listening));
  const pull = () => {
    pulled = true;
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: `127.0.0.1:${(end.address() as AddressInfo).port}`,
    pull,
    silence: () => {
      for (const socket of sockets) {
        socket.unpipe();
        // Still read, as a network that loses what it takes does; and never told the other end that it has closed.
        socket
          .removeAllListeners('close')
          .removeAllListeners('end')
          .on('close', () => sockets.delete(socket));
        socket.on('data', () => undefined).resume();
      }
    },
    mend: () => {
      pulled = false;
    },
    close: async () => {
      pull();
      await new Promise((closed) => end.close(closed));
    },
  };
}
