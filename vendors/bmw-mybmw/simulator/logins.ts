/** The login: user name, password and captcha buy an authorization, that a code, and that tokens. With a proof key. */
import { randomBytes, randomUUID } from 'node:crypto';
import { formOf, headerOf, isForm, provesKey } from '../../bmw/simulator/forms';
import { type Grant, type GrantDesk, idToken } from '../../bmw/simulator/grants';
import type { SimUser } from '../../bmw/simulator/users';
import { json } from '../../kit/server/server';
import type { SimAnswer, SimRequest } from '../../kit/vendor';
import { oauthError } from './errors';
import type { MyBmwScenario } from './options';

const RETURN_URL = 'com.bmw.connected://oauth';
const SCOPES = [
  'openid',
  'profile',
  'email',
  'offline_access',
  'smacc',
  'vehicle_data',
  'perseus',
  'dlm',
  'svds',
  'cesim',
  'vsapi',
  'remote_services',
  'fupo',
  'authenticate_user',
];

/** What both steps of a login have to say alike. */
interface Session {
  readonly user: SimUser;
  readonly challenge: string;
  readonly scope: string;
  readonly expiresAt: number;
}

export class LoginDesk {
  refused = 0;
  private readonly authorizations = new Map<string, Session>();
  private readonly codes = new Map<string, Session>();
  private readonly captchas = new Set<string>();

  constructor(
    private readonly options: MyBmwScenario['login'],
    private readonly users: readonly SimUser[],
    private readonly grants: GrantDesk,
  ) {}

  /** Answers `GET …/oauth/config`; links lead back to where the caller came from. */
  config(request: SimRequest): SimAnswer {
    const { origin } = request.url;
    return json(200, {
      clientName: 'mybmwapp',
      clientId: this.options.clientId,
      clientSecret: this.options.clientSecret,
      gcdmBaseUrl: origin,
      returnUrl: RETURN_URL,
      brand: 'bmw',
      language: 'en',
      country: 'DE',
      authorizationEndpoint: `${origin}/oneid/login`,
      tokenEndpoint: `${origin}/gcdm/oauth/token`,
      scopes: SCOPES,
      promptValues: ['login'],
    });
  }

  /** Answers `POST /gcdm/oauth/authenticate`, both times. */
  authenticate(request: SimRequest): SimAnswer {
    if (!isForm(request)) return this.refuse('invalid_request', 'the request must be form-encoded');
    const form = formOf(request);
    const wrong = this.problemOf(form);
    if (wrong !== null) return this.refuse('invalid_request', wrong);
    return form.has('authorization') ? this.second(form, request.at) : this.first(request, form);
  }

  private first(request: SimRequest, form: URLSearchParams): SimAnswer {
    const captcha = headerOf(request, 'hcaptchatoken');
    if (captcha === '') return this.refuse('invalid_request', 'hcaptchatoken is missing');
    if (this.options.captchaOnce && this.captchas.has(captcha)) {
      return this.refuse('invalid_request', 'hcaptchatoken has been used');
    }
    this.captchas.add(captcha);
    if (form.get('grant_type') !== 'authorization_code') return this.refuse('unsupported_grant_type');
    const user = this.users.find((u) => u.email.toLowerCase() === form.get('username')?.toLowerCase());
    if (!user || user.password !== form.get('password')) return this.refuse('invalid_client');
    const authorization = randomBytes(24).toString('base64url');
    this.authorizations.set(authorization, this.sessionOf(user, form, request.at));
    const to = new URLSearchParams({
      client_id: this.options.clientId,
      response_type: 'code',
      state: form.get('state') ?? '',
      authorization,
    });
    return { ...json(200, { redirect_to: `redirect_uri=${RETURN_URL}?${to}` }), detail: { step: 1 } };
  }

  private second(form: URLSearchParams, now: number): SimAnswer {
    const authorization = form.get('authorization') ?? '';
    const session = take(this.authorizations, authorization, now);
    if (!session || session.challenge !== form.get('code_challenge')) return this.refuse('invalid_grant');
    const code = randomBytes(24).toString('base64url');
    this.codes.set(code, this.sessionOf(session.user, form, now));
    const to = new URLSearchParams({
      code,
      state: form.get('state') ?? '',
      client_id: this.options.clientId,
      nonce: form.get('nonce') ?? '',
    });
    return { status: 302, headers: { location: `${RETURN_URL}?${to}` }, body: '', detail: { step: 2 } };
  }

  /** Answers `POST /gcdm/oauth/token`: for a code, or for a refresh token. */
  token(request: SimRequest): SimAnswer {
    if (!isForm(request)) return this.refuse('invalid_request', 'the request must be form-encoded');
    const { clientId, clientSecret } = this.options;
    const basic = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
    if (headerOf(request, 'authorization') !== basic) return this.refuse('invalid_client');
    const form = formOf(request);
    const grantType = form.get('grant_type');
    if (grantType === 'refresh_token') {
      const bought = this.grants.refresh(form.get('refresh_token') ?? '', clientId, request.at);
      if (typeof bought !== 'string') return tokens(bought, request);
      return { ...this.refuse('invalid_grant'), detail: { error: 'invalid_grant', fault: bought } };
    }
    if (grantType !== 'authorization_code') return this.refuse('unsupported_grant_type');
    if (form.get('redirect_uri') !== RETURN_URL) return this.refuse('invalid_request', 'redirect_uri');
    const session = take(this.codes, form.get('code') ?? '', request.at);
    if (!session || !provesKey(form.get('code_verifier') ?? '', session.challenge)) {
      return this.refuse('invalid_grant');
    }
    return tokens(this.grants.issue(session.user, clientId, session.scope, request.at), request);
  }

  private problemOf(form: URLSearchParams): string | null {
    if (form.get('client_id') !== this.options.clientId) return 'client_id';
    if (form.get('response_type') !== 'code') return 'response_type';
    if (form.get('redirect_uri') !== RETURN_URL) return 'redirect_uri';
    if ((form.get('code_challenge') ?? '') === '') return 'code_challenge';
    return form.get('code_challenge_method') === 'S256' ? null : 'code_challenge_method';
  }

  private sessionOf(user: SimUser, form: URLSearchParams, now: number): Session {
    return {
      user,
      challenge: form.get('code_challenge') ?? '',
      scope: form.get('scope') ?? '',
      expiresAt: now + this.options.expiresSeconds * 1000,
    };
  }

  private refuse(...error: Parameters<typeof oauthError>): SimAnswer {
    this.refused++;
    return oauthError(...error);
  }
}

/** Each is good once. */
function take(sessions: Map<string, Session>, key: string, now: number): Session | undefined {
  const session = sessions.get(key);
  sessions.delete(key);
  return session && now < session.expiresAt ? session : undefined;
}

function tokens(grant: Grant, request: SimRequest): SimAnswer {
  return json(
    200,
    {
      access_token: grant.access,
      token_type: 'Bearer',
      expires_in: Math.round((grant.accessExpiresAt - grant.issuedAt) / 1000),
      refresh_token: grant.refresh,
      id_token: idToken(grant, request.url.origin),
      scope: grant.scope,
      usid: randomUUID(),
      gcid: grant.gcid,
    },
    { 'cache-control': 'no-store' },
  );
}
