/**
 * Run as a child process: a vendor that answers at once and notes when each call arrived, on this process's monotonic
 * clock. Sends its port; on `report` sends the arrivals of each path.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RecorderReport {
  /** Path to arrivals, ms. */
  readonly arrivals: Readonly<Record<string, readonly number[]>>;
}

const arrivals: Record<string, number[]> = {};

const server = createServer((request, response) => {
  const at = performance.now();
  const path = request.url ?? '/';
  arrivals[path] ??= [];
  arrivals[path].push(at);
  response.end('ok');
});
server.keepAliveTimeout = 120_000;

server.listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});

process.on('message', (message) => {
  if (message === 'report') process.send?.({ arrivals } satisfies RecorderReport);
});
process.on('disconnect', () => process.exit(0));
