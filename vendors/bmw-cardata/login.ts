/** CarData's login: a person opens a link and enters a code; from then on a refresh token that is good once buys tokens. */
import { z } from 'zod';
import { DAY_MS } from '../../quota/durations';
import { readBmwBody } from '../bmw/error-body';
import { readJsonObject } from '../bmw/json';
import { saysLimited } from '../bmw/refusal';
import { formBody, oauthErrorOf, parseBmwTokens, refreshTokenIn } from '../bmw/tokens';
import type { DeviceCode, DeviceCodePoll, GrantApi } from '../capabilities/login';
import type { VendorResponse } from '../contract';
import type { HttpRequest, Parsed } from '../http';
import { LOGIN_OPERATIONS } from './limits';
import { type CarDataAccount, clientIdRef } from './settings';

const SCOPE = 'authenticate_user openid cardata:api:read cardata:streaming:read';
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const REFRESH_LIFETIME_MS = 14 * DAY_MS;

export function cardataGrant(account: CarDataAccount): GrantApi {
  const ref = clientIdRef(account);
  const clientOf = (secrets: Readonly<Record<string, string>>) => secrets.clientId ?? account.clientId;
  return {
    operation: LOGIN_OPERATIONS.refresh,
    credentials: ref === null ? {} : { clientId: ref },
    singleUse: true,
    refreshLifetimeMs: REFRESH_LIFETIME_MS,
    refresh: (refreshToken, secrets) =>
      post(account, '/gcdm/oauth/token', {
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
        client_id: clientOf(secrets),
      }),
    parse: parseBmwTokens,
    refreshTokenIn,
    login: {
      kind: 'device-code',
      operations: { start: LOGIN_OPERATIONS.start, poll: LOGIN_OPERATIONS.poll },
      start: ({ challenge }, secrets) =>
        post(account, '/gcdm/oauth/device/code', {
          client_id: clientOf(secrets),
          response_type: 'device_code',
          scope: SCOPE,
          code_challenge: challenge,
          code_challenge_method: 'S256',
        }),
      parseStart,
      poll: (deviceCode, { verifier }, secrets) =>
        post(account, '/gcdm/oauth/token', {
          client_id: clientOf(secrets),
          device_code: deviceCode,
          grant_type: DEVICE_GRANT,
          code_verifier: verifier,
        }),
      judgePoll,
    },
  };
}

const seconds = (fallback: number) =>
  z
    .union([
      z.number(),
      z
        .string()
        .regex(/^\d{1,6}$/)
        .transform(Number),
    ])
    .refine((value) => value > 0 && value <= 86_400)
    .catch(fallback);
const text = z.string({ error: 'must be text' }).min(1, 'must not be empty').max(4000);
const link = z
  .string()
  .max(2000)
  .refine((url) => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol))
  .nullish()
  .catch(null);

const deviceCodeSchema = z.object({
  device_code: text,
  user_code: text.max(100),
  verification_uri: link,
  verification_uri_complete: link,
  // RFC 8628: five seconds where the answer does not say.
  interval: seconds(5),
  expires_in: seconds(300),
});

function parseStart(body: string): Parsed<DeviceCode> {
  const parsed = deviceCodeSchema.safeParse(readJsonObject(body) ?? undefined);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return {
      ok: false,
      problem: `the device code: ${issue?.path.join('.') || 'it'} ${issue?.message ?? 'is not valid'}`,
    };
  }
  const { data } = parsed;
  const url = data.verification_uri_complete ?? data.verification_uri;
  if (!url)
    return { ok: false, problem: 'the device code: verification_uri_complete must be an http(s) URL' };
  return {
    ok: true,
    value: {
      deviceCode: data.device_code,
      userCode: data.user_code,
      url,
      intervalMs: data.interval * 1000,
      expiresInMs: data.expires_in * 1000,
    },
  };
}

const DEVICE_WORDS = /\b(?:authorization_pending|slow_down|expired_token|access_denied)\b/i;

/**
 * Total. By OAuth's word before the status, for the statuses are the vendor's own: pending is 403, "slow down" 400, a code
 * that has expired 401, a person's refusal 403.
 */
function judgePoll(response: VendorResponse): DeviceCodePoll {
  const { status, body } = response;
  switch (wordOf(response)) {
    case 'authorization_pending':
      return { kind: 'pending' };
    case 'slow_down':
      return { kind: 'slow-down' };
    case 'expired_token':
      return { kind: 'expired' };
    case 'access_denied':
      // A gateway that has had enough calls says so, too: nobody has refused anything.
      if (saysLimited(body)) return { kind: 'other' };
      return { kind: 'denied', message: readBmwBody(body).error?.message || 'access_denied' };
  }
  if (status < 200 || status >= 300) return { kind: 'other' };
  const parsed = parseBmwTokens(body);
  if (parsed.ok) return { kind: 'tokens', tokens: parsed.value };
  const isAnswer = readJsonObject(body) !== null && readBmwBody(body).error === null;
  return isAnswer ? { kind: 'unreadable', problem: parsed.problem } : { kind: 'other' };
}

/** OAuth's word, in whatever it is wrapped. */
function wordOf(response: VendorResponse): string {
  const plain = oauthErrorOf(response) || readBmwBody(response.body).error?.code || '';
  if (response.status >= 200 && response.status < 300) return plain.toLowerCase();
  const [found] = DEVICE_WORDS.exec(response.body.slice(0, 2000)) ?? [];
  return (found ?? plain).toLowerCase();
}

function post(
  { loginUrl }: Pick<CarDataAccount, 'loginUrl'>,
  path: string,
  fields: Readonly<Record<string, string>>,
): HttpRequest {
  return {
    method: 'POST',
    url: `${loginUrl.replace(/\/+$/, '')}${path}`,
    headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
    body: formBody(fields),
  };
}
