/** Below HTTP: connections that send something else, and those that send too slowly to wait for. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { ApiError, type ProblemAnswer, problemOf } from './problem';

/** Helmet's own come with every answer that a route, or its lack, gives. These go with those that no hook sees. */
export const BARE_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none';frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'SAMEORIGIN',
};

/** Node's words for what it refuses before anybody sees it. */
const REFUSED: Readonly<Record<string, ApiError>> = {
  ERR_HTTP_REQUEST_TIMEOUT: new ApiError('TOO_SLOW', 'the request did not arrive in time'),
  HPE_HEADER_OVERFLOW: new ApiError('HEADERS_TOO_LARGE', 'the headers are longer than 16 kB'),
};
const NO_HTTP = new ApiError('BAD_REQUEST', 'this is no request of HTTP/1.1 that could be read');

/** For Node's `clientError`. */
export function refuseConnection(error: Error & { readonly code?: string }, socket: Socket): void {
  // Clients open connections ahead of need. A 408 there would be taken for the answer to a request on its way.
  const isUnused = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket.bytesRead === 0;
  if (socket.writable && !socket.destroyed && !isUnused && error.code !== 'ECONNRESET') {
    socket.write(bareAnswer(problemOf(REFUSED[error.code ?? ''] ?? NO_HTTP, randomUUID())));
  }
  socket.destroySoon();
}

function bareAnswer({ body, headers }: ProblemAnswer): string {
  const text = JSON.stringify(body);
  const all = {
    ...BARE_HEADERS,
    ...headers,
    'content-type': 'application/problem+json',
    'content-length': String(Buffer.byteLength(text)),
    'x-request-id': body.requestId,
    connection: 'close',
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${body.status} ${body.title}\r\n${lines.join('')}\r\n${text}`;
}

/** Cuts a connection off whose body stops coming. @param idleMs longest silence. */
export function boundBody(request: IncomingMessage, idleMs: number): void {
  if (request.complete) return;
  const { socket } = request;
  socket.setTimeout(idleMs);
  // An answer may take longer than that.
  const done = () => socket.setTimeout(0);
  request.once('end', done);
  request.once('close', done);
}
