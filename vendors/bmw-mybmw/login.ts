/**
 * MyBMW's login: name, password and a captcha's token buy an authorization, that a code, and that tokens, under a proof key
 * (PKCE, S256). From then on a refresh token buys tokens, without a captcha: to lose it costs a person another one.
 *
 * The vendor states at each login which client this is. It is kept with the refresh token, for a refresh has to name it;
 * addresses are the settings' own, and never those of an answer: a password goes nowhere else.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { DAY_MS } from '../../quota/durations';
import { readBmwBody } from '../bmw/error-body';
import { readJsonObject } from '../bmw/json';
import { formBody, oauthErrorOf, parseBmwTokens, refreshTokenIn } from '../bmw/tokens';
import type { FormLogin, FormLoginInput, FormLoginStep, GrantApi, GrantTokens } from '../capabilities/login';
import type { VendorResponse } from '../contract';
import type { HttpRequest, Parsed } from '../http';
import { OPERATIONS } from './limits';
import { serviceRequest } from './requests';
import { loginUrlOf, type MyBmwAccount } from './settings';

/** The vendor does not say; one that is refused earlier asks for a login all the same. */
const REFRESH_LIFETIME_MS = 365 * DAY_MS;

export function mybmwGrant(account: MyBmwAccount): GrantApi {
  return {
    operation: OPERATIONS.refresh,
    credentials: account.subscriptionKey === undefined ? {} : { subscriptionKey: account.subscriptionKey },
    singleUse: true,
    refreshLifetimeMs: REFRESH_LIFETIME_MS,
    refresh: (kept) => {
      const { client, refreshToken } = unpacked(kept);
      return tokenRequest(account, client, {
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
        scope: client.scope,
        redirect_uri: client.redirectUri,
      });
    },
    parse: (body, kept) => tokensOf(body, unpacked(kept).client),
    refreshTokenIn: (body, kept) => {
      const { client, refreshToken } = unpacked(kept);
      const next = refreshTokenIn(body, refreshToken);
      return next === null ? null : packed(client, next);
    },
    login: mybmwLogin(account),
  };
}

const LOGIN_FIELDS: FormLogin['fields'] = [
  { name: 'username', about: 'e-mail address of the user', secret: false },
  { name: 'password', about: 'password of the user', secret: true },
  { name: 'captcha', about: 'token of a solved hCaptcha of the login page', secret: true },
];

function mybmwLogin(account: MyBmwAccount): FormLogin {
  return {
    kind: 'form',
    operation: OPERATIONS.login,
    fields: LOGIN_FIELDS,
    begin: (input) => ({
      kind: 'request',
      request: configRequest(account, input),
      next: (response) => {
        const client = clientIn(response);
        return client.ok ? authenticate(account, input, client.value) : unreadable(client.problem);
      },
    }),
  };
}

function configRequest(account: MyBmwAccount, { secrets }: FormLoginInput): HttpRequest {
  const key = secrets.subscriptionKey;
  return serviceRequest(account, 'GET', account.paths.oauthConfig, {
    headers: key === undefined ? {} : { 'ocp-apim-subscription-key': key },
  });
}

const word = z.string({ error: 'must be text' }).min(1, 'must not be empty').max(2000, 'is too long');
const clientSchema = z.object({
  clientId: word,
  clientSecret: word,
  returnUrl: word,
  scopes: z.array(word, { error: 'must be a list of texts' }).max(100, 'is too long'),
});

/** Which client this is, as the vendor states it, and as it is kept with a refresh token. */
interface Client {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUri: string;
  readonly scope: string;
}

function clientIn({ body }: VendorResponse): Parsed<Client> {
  const parsed = clientSchema.safeParse(readJsonObject(body) ?? undefined);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.join('.') || 'it';
    return { ok: false, problem: `the description of the login: ${where} ${issue?.message ?? 'is odd'}` };
  }
  const { clientId, clientSecret, returnUrl, scopes } = parsed.data;
  return { ok: true, value: { clientId, clientSecret, redirectUri: returnUrl, scope: scopes.join(' ') } };
}

/** What both steps of the authorization say alike. */
function authorizationFields(client: Client, { proof, nonce }: FormLoginInput) {
  return {
    client_id: client.clientId,
    response_type: 'code',
    scope: client.scope,
    redirect_uri: client.redirectUri,
    state: nonce,
    nonce,
    code_challenge: proof.challenge,
    code_challenge_method: 'S256',
  };
}

/** How the first step names a wrong user or password. */
const WRONG: ReadonlySet<string> = new Set(['invalid_client', 'invalid_grant', 'access_denied', '401']);

function authenticate(account: MyBmwAccount, input: FormLoginInput, client: Client): FormLoginStep {
  const { username = '', password = '', captcha = '' } = input.fields;
  const fields = authorizationFields(client, input);
  const request = loginRequest(
    account,
    account.paths.authenticate,
    { ...fields, grant_type: 'authorization_code', username, password },
    { hcaptchatoken: captcha },
  );
  return {
    kind: 'request',
    request,
    next: (response) => {
      const authorization = authorizationIn(response);
      if (authorization === null) {
        const step = otherwise(response, 'redirect_to with an authorization is missing');
        return step.kind === 'refused' ? { ...step, wrongCredentials: WRONG.has(step.code) } : step;
      }
      return askForCode(account, input, client, authorization);
    },
  };
}

function askForCode(
  account: MyBmwAccount,
  input: FormLoginInput,
  client: Client,
  authorization: string,
): FormLoginStep {
  const path = `${account.paths.authenticate}?interaction-id=${randomUUID()}`;
  const fields = { ...authorizationFields(client, input), authorization };
  return {
    kind: 'request',
    request: loginRequest(account, path, fields),
    next: (response) => {
      const location = response.headers.location ?? '';
      const code = parameterIn(location, 'code');
      if (code === null) return otherwise(response, 'a redirection with a code is missing');
      const state = parameterIn(location, 'state');
      if (state !== null && state !== input.nonce) return unreadable('the code is of another login');
      return {
        kind: 'request',
        request: tokenRequest(account, client, {
          grant_type: 'authorization_code',
          code,
          code_verifier: input.proof.verifier,
          redirect_uri: client.redirectUri,
        }),
        next: (answer) => {
          const tokens = tokensOf(answer.body, client);
          if (!tokens.ok) return otherwise(answer, tokens.problem);
          return tokens.value.refreshToken === undefined
            ? unreadable('the answer of the login: refresh_token is missing')
            : { kind: 'tokens', tokens: tokens.value };
        },
      };
    },
  };
}

/** An answer that is not the one expected: the vendor's refusal, or something odd. */
function otherwise(response: VendorResponse, problem: string): FormLoginStep {
  const code = oauthErrorOf(response);
  const { error } = readBmwBody(response.body);
  const refuses = code !== '' || response.status === 401 || response.status === 403;
  if (!refuses) return unreadable(problem);
  const message = error?.message || code || `it answers with ${response.status}`;
  return { kind: 'refused', message, code: code || String(response.status) };
}

function unreadable(problem: string): FormLoginStep {
  return { kind: 'unreadable', problem };
}

/** `redirect_to` is `redirect_uri=com.example://oauth?client_id=…&authorization=…`. */
function authorizationIn({ body }: VendorResponse): string | null {
  const to = readJsonObject(body)?.redirect_to;
  return typeof to === 'string' ? parameterIn(to, 'authorization') : null;
}

/** Of an address whose scheme need not be a known one. */
function parameterIn(address: string, name: string): string | null {
  const query = address.slice(address.indexOf('?') + 1).split('#')[0];
  return new URLSearchParams(query).get(name) || null;
}

function tokenRequest(
  account: MyBmwAccount,
  { clientId, clientSecret }: Client,
  fields: Readonly<Record<string, string>>,
): HttpRequest {
  const basic = Buffer.from(`${clientId}:${clientSecret}`, 'utf8').toString('base64');
  return loginRequest(account, account.paths.token, fields, { authorization: `Basic ${basic}` });
}

function loginRequest(
  account: MyBmwAccount,
  path: string,
  fields: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): HttpRequest {
  return {
    method: 'POST',
    url: `${loginUrlOf(account)}${path}`,
    headers: {
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
      ...headers,
    },
    body: formBody(fields),
  };
}

function tokensOf(body: string, client: Client): Parsed<GrantTokens> {
  const parsed = parseBmwTokens(body);
  if (!parsed.ok || parsed.value.refreshToken === undefined) return parsed;
  const { refreshToken } = parsed.value;
  return { ok: true, value: { ...parsed.value, refreshToken: packed(client, refreshToken) } };
}

function packed(client: Client, refreshToken: string): string {
  return JSON.stringify({ refresh_token: refreshToken, ...client });
}

const keptSchema = z.object({
  // As long as the vendor made it: one that is kept and cannot be read again would be lost.
  refresh_token: z.string().min(1),
  clientId: word,
  clientSecret: word,
  redirectUri: word,
  scope: z.string(),
});

/** @throws when it is not what a login has left. */
function unpacked(kept: string): { readonly client: Client; readonly refreshToken: string } {
  const parsed = keptSchema.safeParse(readJsonObject(kept) ?? undefined);
  if (!parsed.success) throw new Error('the refresh token that is kept is none of this vendor: log in again');
  const { refresh_token: refreshToken, ...client } = parsed.data;
  return { client, refreshToken };
}
