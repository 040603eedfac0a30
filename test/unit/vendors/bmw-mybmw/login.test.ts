import { createHash } from 'node:crypto';
import { mybmwGrant } from '../../../../vendors/bmw-mybmw/login';
import { mybmwAccountSchema } from '../../../../vendors/bmw-mybmw/settings';
import type { FormLogin, FormLoginStep } from '../../../../vendors/capabilities/login';
import type { VendorResponse } from '../../../../vendors/contract';
import type { HttpRequest } from '../../../../vendors/http';

const grant = mybmwGrant(
  mybmwAccountSchema.parse({ vendor: 'bmw-mybmw', baseUrl: 'http://api.test', subscriptionKey: 'env:KEY' }),
);
const login = grant.login as FormLogin;

const CONFIG = {
  clientId: 'client',
  clientSecret: 'shh',
  returnUrl: 'com.example://oauth',
  tokenEndpoint: 'https://elsewhere.example/token',
  scopes: ['openid', 'vehicle_data'],
};
const verifier = 'v'.repeat(86);
const challenge = createHash('sha256').update(verifier).digest('base64url');
const input = {
  fields: { username: 'demo@example.com', password: 'pass word&', captcha: 'solved' },
  secrets: { subscriptionKey: 'k' },
  proof: { verifier, challenge },
  nonce: 'n0',
};

const response = (status: number, body: unknown, headers: Record<string, string> = {}): VendorResponse => ({
  status,
  headers,
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const formOf = ({ body }: HttpRequest) => Object.fromEntries(new URLSearchParams(body));

function sent(step: FormLoginStep) {
  if (step.kind !== 'request') throw new Error(`no request: ${JSON.stringify(step)}`);
  return step;
}

const authenticate = () => sent(sent(login.begin(input)).next(response(200, CONFIG)));
const redirect = {
  redirect_to: 'redirect_uri=com.example://oauth?client_id=client&state=n0&authorization=a.1',
};
const askForCode = () => sent(authenticate().next(response(200, redirect)));
const askForTokens = () =>
  sent(askForCode().next(response(302, '', { location: 'com.example://oauth?code=c-1&state=n0' })));
const TOKENS = {
  access_token: 'at',
  refresh_token: 'rt',
  expires_in: 28_799,
  gcid: 'g',
  token_type: 'Bearer',
};

test('asks who it is, authenticates twice under a proof key, and buys tokens', () => {
  const first = sent(login.begin(input)).request;
  expect(first).toMatchObject({
    method: 'GET',
    url: 'http://api.test/eadrax-ucs/v1/presentation/oauth/config',
    headers: { 'ocp-apim-subscription-key': 'k' },
  });
  const common = {
    client_id: 'client',
    redirect_uri: 'com.example://oauth',
    scope: 'openid vehicle_data',
    code_challenge: challenge,
    code_challenge_method: 'S256',
  };
  const second = authenticate().request;
  // Never the address that an answer names.
  expect(second.url).toBe('http://api.test/gcdm/oauth/authenticate');
  expect(second.headers).toMatchObject({ hcaptchatoken: 'solved' });
  expect(formOf(second)).toMatchObject({ ...common, username: 'demo@example.com', password: 'pass word&' });
  const third = askForCode().request;
  expect(formOf(third)).toMatchObject({ ...common, authorization: 'a.1' });
  expect(formOf(third)).not.toHaveProperty('password');
  expect(third.headers).not.toHaveProperty('hcaptchatoken');
  const fourth = askForTokens();
  expect(fourth.request.url).toBe('http://api.test/gcdm/oauth/token');
  expect(fourth.request.headers.authorization).toBe(`Basic ${Buffer.from('client:shh').toString('base64')}`);
  expect(formOf(fourth.request)).toMatchObject({
    code: 'c-1',
    code_verifier: verifier,
    grant_type: 'authorization_code',
  });
  expect(fourth.next(response(200, TOKENS))).toMatchObject({
    kind: 'tokens',
    tokens: { accessToken: 'at', expiresInMs: 28_799_000, subject: 'g' },
  });
});

test('a refresh names the client that the login was made by, and so does the next one', () => {
  const bought = askForTokens().next(response(200, TOKENS));
  if (bought.kind !== 'tokens') throw new Error('no tokens');
  const kept = bought.tokens.refreshToken ?? '';
  const request = grant.refresh(kept, {});
  expect(formOf(request)).toEqual({
    grant_type: 'refresh_token',
    refresh_token: 'rt',
    scope: 'openid vehicle_data',
    redirect_uri: 'com.example://oauth',
  });
  expect(request.headers).not.toHaveProperty('hcaptchatoken');
  const next = grant.parse(JSON.stringify({ ...TOKENS, refresh_token: 'rt-2' }), kept);
  if (!next.ok) throw new Error(next.problem);
  const again = grant.refresh(next.value.refreshToken ?? '', {});
  expect(formOf(again).refresh_token).toBe('rt-2');
  expect(again.headers.authorization).toBe(request.headers.authorization);
  const long = grant.parse(JSON.stringify({ ...TOKENS, refresh_token: 'r'.repeat(9_000) }), kept);
  if (!long.ok) throw new Error(long.problem);
  expect(formOf(grant.refresh(long.value.refreshToken ?? '', {})).refresh_token).toHaveLength(9_000);
  const { refresh_token: _, ...without } = TOKENS;
  expect(grant.parse(JSON.stringify(without), kept)).toMatchObject({
    ok: true,
    value: { accessToken: 'at' },
  });
  expect(() => grant.refresh('something else', {})).toThrow('log in again');
});

describe('what goes wrong is reported in words, and without what was entered', () => {
  const wrongPassword = response(401, {
    error: 'invalid_client',
    error_description: 'Client authentication failed',
  });
  test.each<[string, () => FormLoginStep, object]>([
    [
      'a wrong password',
      () => authenticate().next(wrongPassword),
      { kind: 'refused', code: 'invalid_client', message: 'Client authentication failed' },
    ],
    [
      'a captcha that is none',
      () => authenticate().next(response(403, 'no')),
      { kind: 'refused', code: '403' },
    ],
    [
      'an odd description',
      () => sent(login.begin(input)).next(response(200, { clientId: 'x' })),
      { kind: 'unreadable', problem: expect.stringContaining('clientSecret') },
    ],
    [
      'no redirection',
      () => askForCode().next(response(200, {})),
      { kind: 'unreadable', problem: expect.stringContaining('code') },
    ],
    [
      'a code of another login',
      () => askForCode().next(response(302, '', { location: 'com.example://oauth?code=c&state=other' })),
      { kind: 'unreadable' },
    ],
    [
      'tokens without a refresh token',
      () => askForTokens().next(response(200, { ...TOKENS, refresh_token: null })),
      { kind: 'unreadable', problem: expect.stringContaining('refresh_token') },
    ],
    ['tokens that are none', () => askForTokens().next(response(200, '<html/>')), { kind: 'unreadable' }],
  ])('%s', (_, run, expected) => {
    const step = run();
    expect(step).toMatchObject(expected);
    expect(JSON.stringify(step)).not.toContain('pass word');
  });
});
