/** A client of MyBMW that knows nothing of Sluice: login with a proof key, and plain requests. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';

export interface MyBmwAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  /** Parsed JSON; the text itself where it is none. */
  readonly body: unknown;
}

export const USER_AGENT = 'sluice/0123456789abcdef';

export interface MyBmwCall {
  readonly token?: unknown;
  readonly method?: string;
  readonly userAgent?: string;
  readonly vin?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as the body. */
  readonly json?: object | undefined;
}

export async function callMyBmw(url: string, path: string, call: MyBmwCall = {}): Promise<MyBmwAnswer> {
  const correlation = randomUUID();
  return answerOf(
    await fetch(`${url}${path}`, {
      method: call.method ?? 'GET',
      ...(call.json === undefined ? {} : { body: JSON.stringify(call.json) }),
      headers: {
        'x-user-agent': call.userAgent ?? USER_AGENT,
        'x-correlation-id': correlation,
        'bmw-correlation-id': correlation,
        'bmw-session-id': randomUUID(),
        'x-identity-provider': 'gcdm',
        ...(call.token === undefined ? {} : { authorization: `Bearer ${String(call.token)}` }),
        ...(call.vin === undefined ? {} : { 'bmw-vin': call.vin }),
        ...call.headers,
      },
    }),
  );
}

export interface MyBmwLogin {
  readonly username?: string;
  readonly password?: string;
  readonly captcha?: string;
}

/** The last answer of a login: the tokens, or the refusal of the step that failed. */
export async function loginMyBmw(url: string, input: MyBmwLogin = {}): Promise<MyBmwAnswer> {
  const { username = 'demo@example.com', password = 'demo', captcha = 'captcha' } = input;
  const config = (await callMyBmw(url, '/eadrax-ucs/v1/presentation/oauth/config')).body as Config;
  const verifier = randomBytes(43).toString('base64url');
  const base = {
    client_id: config.clientId,
    response_type: 'code',
    scope: config.scopes.join(' '),
    redirect_uri: config.returnUrl,
    state: 'state',
    nonce: 'nonce',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  };
  const authenticate = config.tokenEndpoint.replace('/token', '/authenticate');
  const first = await post(
    authenticate,
    { ...base, grant_type: 'authorization_code', username, password },
    captcha === '' ? {} : { hcaptchatoken: captcha },
  );
  if (first.status !== 200) return first;
  const { redirect_to } = first.body as { redirect_to: string };
  const authorization =
    new URLSearchParams(redirect_to.slice(redirect_to.indexOf('?'))).get('authorization') ?? '';
  const second = await post(authenticate, { ...base, authorization });
  if (second.status !== 302) return second;
  const code = new URL(second.headers.get('location') ?? '').searchParams.get('code') ?? '';
  const fields = { code, code_verifier: verifier, redirect_uri: config.returnUrl };
  return post(config.tokenEndpoint, { ...fields, grant_type: 'authorization_code' }, basicOf(config));
}

export async function refreshMyBmw(url: string, refreshToken: unknown): Promise<MyBmwAnswer> {
  const config = (await callMyBmw(url, '/eadrax-ucs/v1/presentation/oauth/config')).body as Config;
  const fields = { grant_type: 'refresh_token', refresh_token: String(refreshToken) };
  return post(config.tokenEndpoint, fields, basicOf(config));
}

interface Config {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly returnUrl: string;
  readonly tokenEndpoint: string;
  readonly scopes: readonly string[];
}

function basicOf({ clientId, clientSecret }: Config) {
  return { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` };
}

async function post(
  url: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<MyBmwAnswer> {
  const body = new URLSearchParams(fields);
  return answerOf(await fetch(url, { method: 'POST', body, headers, redirect: 'manual' }));
}

async function answerOf(response: Response): Promise<MyBmwAnswer> {
  const text = await response.text();
  let body: unknown = text;
  try {
    body = JSON.parse(text);
  } catch {
    // No JSON: the text itself.
  }
  return { status: response.status, statusText: response.statusText, headers: response.headers, body };
}
