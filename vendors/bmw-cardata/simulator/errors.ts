/** CarData's errors: `{exveErrorId, exveErrorRef, exveErrorMsg, exveNote}`, and those of its login. */
import { randomUUID } from 'node:crypto';
import { json } from '../../kit/server/server';
import type { SimAnswer } from '../../kit/vendor';

/** By id: the status and the message. */
const ERRORS: Readonly<Record<string, readonly [status: number, message: string]>> = {
  'CU-100': [401, 'The access token is missing or malformed'],
  'CU-101': [401, 'The access token is not valid'],
  'CU-102': [401, 'The access token has expired'],
  'CU-103': [403, 'The token does not have the required scope'],
  'CU-104': [403, 'The user has no permission for the given VIN'],
  'CU-105': [403, 'The container does not exist or is not active'],
  'CU-120': [400, 'The request is not in the expected format'],
  'CU-121': [400, 'The request names something that is not known'],
  'CU-122': [400, 'The container names too many technical descriptors'],
  'CU-124': [400, 'The maximum number of containers has been reached'],
  'CU-125': [400, 'The page token is not valid'],
  'CU-400': [400, 'Bad request'],
  'CU-401': [401, 'Unauthorized'],
  'CU-402': [404, 'No data found'],
  'CU-429': [403, 'API rate limit reached'],
  'CU-500': [500, 'Internal server error'],
  'CU-503': [503, 'Service unavailable'],
  'TP-403': [403, 'Forbidden'],
};

/** Statuses of the login's errors (RFC 6749, RFC 8628), as they come. */
const OAUTH_STATUSES = {
  authorization_pending: 403,
  slow_down: 400,
  expired_token: 401,
  access_denied: 403,
  invalid_grant: 400,
  invalid_request: 400,
  invalid_client: 401,
  unsupported_grant_type: 400,
} as const;
export type OAuthError = keyof typeof OAUTH_STATUSES;

/** @param status in place of the usual one. */
export function carDataError(id: string, note = '', status?: number): SimAnswer {
  const [usual, message] = ERRORS[id] ?? [400, 'Bad request'];
  const body = {
    exveErrorId: id,
    exveErrorRef: randomUUID(),
    exveErrorMsg: message,
    exveNote: note === '' ? null : note,
  };
  return { ...json(status ?? usual, body), detail: { exveErrorId: id } };
}

export function oauthError(error: OAuthError, description: string): SimAnswer {
  return { ...json(OAUTH_STATUSES[error], { error, error_description: description }), detail: { error } };
}

/** Any of them, by its code. */
export function errorOf(code: string): SimAnswer | undefined {
  if (Object.hasOwn(ERRORS, code)) return carDataError(code);
  return Object.hasOwn(OAUTH_STATUSES, code) ? oauthError(code as OAuthError, code) : undefined;
}

/** The body of a status that is injected without a body. */
export function bodyOfStatus(status: number): string {
  const id = Object.keys(ERRORS).find((key) => ERRORS[key]?.[0] === status) ?? 'CU-500';
  return String(carDataError(id).body);
}
