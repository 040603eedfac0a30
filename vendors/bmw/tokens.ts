/** Answers of BMW's login. Both vendors log in at the same place, in different ways. */
import { z } from 'zod';
import type { GrantTokens } from '../capabilities/login';
import type { VendorResponse } from '../contract';
import type { Parsed } from '../http';
import { isObject, readJson, readJsonObject } from './json';

/** Taken for the life of an access token whose answer states none that can be read, in seconds: it costs one refresh. */
const ASSUMED_LIFE_S = 300;

const token = z.string({ error: 'must be text' }).min(1, 'must not be empty');
const seconds = z
  .union(
    [
      z.number(),
      z
        .string()
        .regex(/^\d{1,10}(?:\.\d+)?$/)
        .transform(Number),
    ],
    {
      error: 'must be a number of seconds above 0',
    },
  )
  .refine(
    (value) => value > 0 && value <= 366 * 86_400,
    'must be a number of seconds above 0, at most a year',
  );
const optionalText = z.string().nullish().catch(null);

const tokensSchema = z.object({
  access_token: token,
  token_type: optionalText,
  // The refresh token beside it is not to be lost for this: RFC 6749 only recommends it.
  expires_in: seconds.nullish().catch(null),
  refresh_token: token.nullish(),
  refresh_token_expires_in: seconds.nullish().catch(null),
  id_token: optionalText,
  gcid: optionalText,
  scope: optionalText,
});

/** Tokens of an answer. What it says wrongly is named by field, never by value. */
export function parseBmwTokens(body: string): Parsed<GrantTokens> {
  const root = readJsonObject(body);
  if (root === null) return { ok: false, problem: 'the answer of the login is no JSON object' };
  const parsed = tokensSchema.safeParse(root);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return {
      ok: false,
      problem: `the answer of the login: ${issue?.path.join('.') || 'it'} ${issue?.message ?? 'is not valid'}`,
    };
  }
  const { data } = parsed;
  return {
    ok: true,
    value: {
      accessToken: data.access_token,
      expiresInMs: (data.expires_in ?? ASSUMED_LIFE_S) * 1000,
      ...(data.refresh_token ? { refreshToken: data.refresh_token } : {}),
      ...(data.refresh_token_expires_in ? { refreshExpiresInMs: data.refresh_token_expires_in * 1000 } : {}),
      ...(data.id_token ? { idToken: data.id_token } : {}),
      ...(data.gcid ? { subject: data.gcid } : {}),
    },
  };
}

/** The fields of a form as a body, for requests to the login. */
export function formBody(fields: Readonly<Record<string, string>>): string {
  return new URLSearchParams(fields).toString();
}

/** Gateways wrap an answer once or twice; what lies deeper is none of theirs. */
const WRAPPED = 6;

/**
 * The refresh token of an answer that may be unusable otherwise, whatever it is wrapped in: a list, a field, a text; null when
 * it holds none, or only the one that was sent.
 */
export function refreshTokenIn(body: string, sent: string): string | null {
  return refreshTokenOf(body, sent, WRAPPED);
}

function refreshTokenOf(value: unknown, sent: string, depth: number): string | null {
  if (depth === 0) return null;
  if (typeof value === 'string') return refreshTokenOf(readJson(value), sent, depth - 1);
  if (typeof value !== 'object' || value === null) return null;
  const found = isObject(value) ? value.refresh_token : undefined;
  if (typeof found === 'string' && found !== '' && found !== sent) return found;
  for (const one of Object.values(value)) {
    const within = refreshTokenOf(one, sent, depth - 1);
    if (within !== null) return within;
  }
  return null;
}

/** OAuth's error of an answer, e.g. `authorization_pending`; empty when it names none. */
export function oauthErrorOf({ body }: Pick<VendorResponse, 'body'>): string {
  const error = readJsonObject(body)?.error;
  return typeof error === 'string' ? error.trim() : '';
}
