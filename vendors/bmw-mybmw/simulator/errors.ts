/** The errors of MyBMW's gateway, `{statusCode, message}` and odder ones, and those of its login. */
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../quota/durations';
import { quotaText, rateText } from '../../bmw/simulator/wait-text';
import { json } from '../../kit/server/server';
import type { SimAnswer } from '../../kit/vendor';
import type { MyBmwScenario } from './options';

export function gatewayError(statusCode: number, message: string): SimAnswer {
  return { ...json(statusCode, { statusCode, message }), detail: { message } };
}

/** @param waitMs null: no wait is stated. */
export function quotaRefusal(form: MyBmwScenario['quota']['form'], waitMs: number | null): SimAnswer {
  const text = waitMs === null ? 'Out of call volume quota.' : quotaText(waitMs);
  if (form === 'message') return gatewayError(403, text);
  if (form === 'reason') return { status: 403, statusText: text, body: '', detail: { message: text } };
  return { status: 403, headers: { 'content-type': 'text/plain' }, body: text, detail: { message: text } };
}

export function rateRefusal(waitMs: number): SimAnswer {
  return gatewayError(429, rateText(waitMs));
}

export function blocked(): SimAnswer {
  return {
    status: 489,
    headers: { 'content-type': 'text/plain' },
    body: 'Blocked',
    detail: { blocked: true },
  };
}

const OAUTH = {
  invalid_request: [400, 'The request is missing a required parameter or includes an invalid value'],
  invalid_grant: [400, 'The provided authorization grant is invalid, expired or revoked'],
  invalid_client: [
    401,
    'Client authentication failed (e.g., login failure, unknown client, no client authentication included or unsupported authentication method)',
  ],
  unsupported_grant_type: [400, 'The grant type is not supported'],
} as const;
type OAuthError = keyof typeof OAUTH;

export function oauthError(error: OAuthError, why?: string): SimAnswer {
  const [status, usual] = OAUTH[error];
  return { ...json(status, { error, error_description: why ?? usual }), detail: { error } };
}

const PAGE =
  '<html><head><title>503 Service Unavailable</title></head><body><h1>Service Unavailable</h1></body></html>';

/** By the code that a fault may name. The waits are ones that have been seen. */
const ERRORS: Readonly<Record<string, () => SimAnswer>> = {
  quota: () => quotaRefusal('message', 13 * MINUTE_MS + 18 * SECOND_MS),
  'quota-long': () => quotaRefusal('message', 2 * HOUR_MS + 26 * MINUTE_MS),
  'quota-reason': () => quotaRefusal('reason', 13 * MINUTE_MS + 18 * SECOND_MS),
  'quota-unknown': () => quotaRefusal('message', null),
  'rate-limit': () => rateRefusal(57 * SECOND_MS),
  'rate-limit-minutes': () => gatewayError(429, 'Rate limit is exceeded. Try again in 2 minutes.'),
  blocked,
  unauthorized: () => gatewayError(401, 'Access token is missing, invalid or expired.'),
  forbidden: () => gatewayError(403, 'You are not allowed to do this.'),
  internal: () => gatewayError(500, 'Internal server error'),
  page: () => ({ status: 503, headers: { 'content-type': 'text/html' }, body: PAGE }),
};

export function errorOf(code: string): SimAnswer | undefined {
  if (Object.hasOwn(OAUTH, code)) return oauthError(code as OAuthError);
  return Object.hasOwn(ERRORS, code) ? ERRORS[code]?.() : undefined;
}
