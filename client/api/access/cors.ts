/** CORS: off unless the settings name pages. Callers show a key in a header, so no cookies are let through with it. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AccessTerms } from './access';

/** Before a browser asks again whether a page may, s. */
const MAX_AGE = '600';
const PREFLIGHT_VARY = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers';

/** @returns true when the request was a browser's question beforehand, and is answered. */
export async function allowOrigins(
  request: FastifyRequest,
  reply: FastifyReply,
  { corsOrigins }: Pick<AccessTerms, 'corsOrigins'>,
): Promise<boolean> {
  if (corsOrigins.length === 0) return false;
  // Also of answers to others: a cache must not hand one page what another has got.
  reply.header('vary', 'Origin');
  const { origin } = request.headers;
  if (origin === undefined || !corsOrigins.includes(origin)) return false;
  reply
    .header('access-control-allow-origin', origin)
    .header('access-control-expose-headers', 'Location, Retry-After, X-Request-Id, Idempotency-Replayed')
    .header('cross-origin-resource-policy', 'cross-origin');
  if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined)
    return false;
  await reply
    .code(204)
    .header('vary', PREFLIGHT_VARY)
    .header('access-control-allow-methods', 'GET, POST, PUT, DELETE')
    .header(
      'access-control-allow-headers',
      'Authorization, X-API-Key, Content-Type, Idempotency-Key, Last-Event-ID',
    )
    .header('access-control-max-age', MAX_AGE)
    .send();
  return true;
}
