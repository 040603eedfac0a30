/**
 * Who may ask. A server on a loopback address lets everybody of this machine do everything, without a key; any other asks
 * for one. A page of another site may not make a browser ask for it: its Origin and the name by which the browser found us
 * (DNS rebinding) are checked.
 */
import type { FastifyRequest } from 'fastify';
import { isLoopback } from '../../operations/processes/codec-server';
import { ApiError } from '../problem';
import { SCOPES, type Scope } from '../route';

export interface Caller {
  /** For events and rows: a key's name, or whoever sits at this machine. */
  readonly name: string;
  /** The key's id; null without one. */
  readonly key: string | null;
  readonly scope: Scope;
  /** Requests a minute, of the key's own; null: the settings' number. */
  readonly requestsPerMinute: number | null;
}

export interface AccessTerms {
  /** Listens on a loopback address alone. */
  readonly loopback: boolean;
  /** Names by which it may be called besides; empty: any with a key. */
  readonly allowedHosts: readonly string[];
  /** Pages of these may ask. */
  readonly corsOrigins: readonly string[];
}

/** In lower case, without the port, a final dot, and the brackets of an IPv6 address. */
export function hostName(host: string): string {
  const name = /^\[(.*)\](?::\d*)?$/.exec(host)?.[1] ?? host.replace(/:\d*$/, '');
  return name.toLowerCase().replace(/\.$/, '');
}

/** @throws ApiError for a name that leads here and is not ours. */
export function checkHost({ headers }: FastifyRequest, terms: AccessTerms, keyed: boolean): void {
  const name = hostName(headers.host ?? '');
  const known = isLoopback(name) || terms.allowedHosts.includes(name);
  // A page that has found us under a name of its own knows no key.
  const checked = terms.allowedHosts.length > 0 || (terms.loopback && !keyed);
  if (known || !checked) return;
  throw new ApiError(
    'FORBIDDEN',
    `"${name.slice(0, 200)}" is no name of this server; api.allowedHosts lists them`,
    {
      field: 'Host',
    },
  );
}

/** What a browser says of a page that asks and is not of this server. */
const ELSEWHERE: ReadonlySet<string> = new Set(['cross-site', 'same-site']);

/**
 * @param works whether something is done for it: what is only shown, such as the reference page, may be linked to.
 * @throws ApiError for a page of another site.
 */
export function checkOrigin({ headers }: FastifyRequest, terms: AccessTerms, works: boolean): void {
  const { host = '', origin } = headers;
  const site = headers['sec-fetch-site'];
  if (origin !== undefined) {
    const own = [`http://${host}`, `https://${host}`].includes(origin.toLowerCase());
    if (own || terms.corsOrigins.includes(origin)) return;
    throw new ApiError(
      'FORBIDDEN',
      `pages of ${origin.slice(0, 200)} may not ask; api.corsOrigins lists those that may`,
      { field: 'Origin' },
    );
  }
  // A picture or a link of a page: without an Origin, and whatever it costs is spent all the same.
  if (works && typeof site === 'string' && ELSEWHERE.has(site.toLowerCase())) {
    throw new ApiError('FORBIDDEN', 'pages of other sites may not ask', { field: 'Sec-Fetch-Site' });
  }
}

/** The key that a request shows; null when it shows none. @throws ApiError for another scheme. */
export function shownKey(request: FastifyRequest): string | null {
  const { authorization } = request.headers;
  const given = request.headers['x-api-key'];
  if (authorization === undefined) return typeof given === 'string' ? given : null;
  const key = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  if (key !== undefined) return key;
  throw unauthenticated('must be "Bearer slc_…"', 'Authorization');
}

export function unauthenticated(message: string, field = 'Authorization'): ApiError {
  return new ApiError('UNAUTHENTICATED', message, {
    field,
    headers: { 'www-authenticate': 'Bearer realm="sluice"' },
  });
}

/** What proxies add to a request that they pass on; one that adds none of them must not stand before a loopback address. */
const PASSED_ON = [
  ...['forwarded', 'via', 'x-real-ip'],
  ...['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'],
];

/** Whether somebody on this machine asks, and no proxy for others. */
export function isLocal(request: FastifyRequest, terms: AccessTerms): boolean {
  const { headers, socket } = request;
  const passedOn = PASSED_ON.some((name) => headers[name] !== undefined);
  const from = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  return terms.loopback && !passedOn && isLoopback(from);
}

export function includesScope(has: Scope, needs: Scope): boolean {
  return SCOPES.indexOf(has) >= SCOPES.indexOf(needs);
}
