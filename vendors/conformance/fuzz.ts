/** Answers as no documentation has them, from a seed: the same seed gives the same ones. */

import type { CallResult } from '../contract';
import { hash32, pickBetween } from '../kit/random';

/** What stands where vendors put secrets; in no evidence may it be found. */
export const CANARY = 'canary-3f9a1c-secret';

const WORDS = [
  ...[
    '',
    '0',
    '429',
    'quota',
    'Quota exceeded',
    'rate_limit',
    'retry in 00:00:20',
    'login',
    'null',
    'é\u0000\ud800',
  ],
  ...[
    'Too Many Requests',
    'insufficient_quota',
    'ok',
    'success',
    'invalid_grant',
    '2026-13-45T99:00:00Z',
    '-1',
    '1e400',
  ],
];
const KEYS = [
  ...[
    'error',
    'errors',
    'code',
    'status',
    'message',
    'type',
    'param',
    'data',
    'cause',
    'records',
    'detail',
    'details',
  ],
  ...[
    'error_description',
    'exveErrorId',
    'logErrorId',
    'reset',
    'statusCode',
    'title',
    '__proto__',
    'constructor',
  ],
];
const SECRET_KEYS = [
  'access_token',
  'refresh_token',
  'id_token',
  'token',
  'password',
  'client_secret',
  'api_key',
];
const HEADER_NAMES = [
  'retry-after',
  'content-type',
  'date',
  'x-request-id',
  'x-ratelimit-reset',
  'www-authenticate',
];

/** @returns one answer, or none, for each number. */
export function fuzzedResult(seed: number, i: number): CallResult {
  const pick = <T>(from: readonly T[], ...keys: (string | number)[]) =>
    from[pickBetween(0, from.length - 1, seed, i, ...keys)] as T;
  if (pickBetween(0, 19, seed, i, 'lost') === 0) {
    const code = pick(['ECONNRESET', 'ENOTFOUND', 'CERT_HAS_EXPIRED', 'UND_ERR_SOCKET', ''], 'code');
    return { kind: 'transport', error: { code, message: code, mayHaveBeenSent: i % 2 === 0 } };
  }
  const status = pick(
    [200, 200, 201, 204, 302, 400, 401, 403, 404, 409, 418, 429, 489, 500, 503, 599, 999],
    'status',
  );
  const names = HEADER_NAMES.filter((name) => hash32(seed, i, name) % 3 === 0);
  const headers = Object.fromEntries(names.map((name) => [name, pick(WORDS, 'header', name)]));
  const text = JSON.stringify(value(seed, i, 0, 'body')) ?? '';
  const cut = pickBetween(0, 9, seed, i, 'cut') === 0 ? text.slice(0, text.length / 2) : text;
  return { kind: 'response', response: { status, headers, body: cut } };
}

/** A JSON value, of objects, lists and words at most four deep, with a canary under names of secrets. */
function value(seed: number, i: number, depth: number, path: string): unknown {
  const roll = pickBetween(0, depth > 3 ? 3 : 7, seed, i, path);
  if (roll === 0) return null;
  if (roll === 1) return pickBetween(-1, 100_000, seed, i, path, 'number');
  if (roll <= 3) return WORDS[pickBetween(0, WORDS.length - 1, seed, i, path, 'word')];
  const length = pickBetween(0, 4, seed, i, path, 'length');
  const inner = (k: number) => value(seed, i, depth + 1, `${path}.${k}`);
  if (roll === 4) return Array.from({ length }, (_, k) => inner(k));
  const entries = Array.from({ length }, (_, k): [string, unknown] => {
    const key = KEYS[pickBetween(0, KEYS.length - 1, seed, i, path, k, 'key')] ?? '';
    return [key, inner(k)];
  });
  const secret = SECRET_KEYS[pickBetween(0, SECRET_KEYS.length - 1, seed, i, path, 'secret')] ?? '';
  return Object.fromEntries([...entries, [secret, CANARY]]);
}

/** Answers that hold secrets where they belong: of logins, and of servers that repeat what they were sent. */
export function secretResults(): CallResult[] {
  const whole = Object.fromEntries(SECRET_KEYS.map((key) => [key, CANARY]));
  const bodies = [
    whole,
    { data: whole },
    { error: 'invalid_grant', ...whole },
    { error: { code: 'X', ...whole } },
    { error: { code: 'X', message: 'refused', ...whole } },
    { message: 'refused', ...whole },
  ];
  const headers = {
    'set-cookie': `session=${CANARY}`,
    authorization: `Bearer ${CANARY}`,
    location: `/?token=${CANARY}`,
  };
  return bodies.flatMap((body) =>
    [200, 302, 400, 401, 403, 429, 500].map(
      (status): CallResult => ({
        kind: 'response',
        response: { status, headers, body: JSON.stringify(body) },
      }),
    ),
  );
}
