/**
 * How an account gets the tokens that its calls carry. Three small contracts, of which a vendor has one:
 *
 * - `LoginApi`: the credentials of the settings are enough; a login is one request, made whenever a token runs out.
 * - `GrantApi`: a person has logged in once; from then on a refresh token buys access tokens. It comes with the way in
 *   which that person logs in: `DeviceCodeLogin` or `FormLogin`.
 * - an API key (`AccountParts.apiKey`), which is no login.
 *
 * All of them describe requests and read answers; permits, verdicts, storage and the one refresh at a time are shared.
 */
import type { VendorResponse } from '../contract';
import type { HttpRequest, Parsed } from '../http';

export interface LoginApi {
  /** Operation name in `classify`. */
  readonly operation: string;
  /** References to the secrets that `request` needs, by name. */
  readonly credentials: Readonly<Record<string, string>>;
  /** @param secrets the values behind `credentials`. */
  request(secrets: Readonly<Record<string, string>>, nowMs: number): HttpRequest;
  parse(body: string): Parsed<{ accessToken: string; expiresInMs: number }>;
}

/** What a person's login, or a refresh, brings. Lengths are milliseconds from the answer. */
export interface GrantTokens {
  readonly accessToken: string;
  readonly expiresInMs: number;
  /** Absent when the answer names none: then the one before stays good. */
  readonly refreshToken?: string;
  /** How long the refresh token lasts; absent when the vendor does not say. */
  readonly refreshExpiresInMs?: number;
  /** For connections that take it as a password, e.g. a stream's. */
  readonly idToken?: string;
  /** Who has logged in, by the vendor's id. */
  readonly subject?: string;
}

export interface GrantApi {
  /** Operation name of a refresh in `classify`. */
  readonly operation: string;
  /** References to the secrets that the requests need, by name, e.g. a client id. */
  readonly credentials: Readonly<Record<string, string>>;
  /** True when a refresh token is good for one refresh: a lost answer then costs a person another login. */
  readonly singleUse: boolean;
  /** How long a refresh token is taken to last where the vendor does not say, ms. */
  readonly refreshLifetimeMs: number;
  refresh(refreshToken: string, secrets: Readonly<Record<string, string>>): HttpRequest;
  /** @param refreshToken that bought the answer: what is kept beside a token may have to be kept with its successor. */
  parse(body: string, refreshToken: string): Parsed<GrantTokens>;
  /**
   * The next refresh token of an answer that `parse` refuses, as `parse` would give it; null when it holds none. Where a refresh
   * token is good once, the one that bought the answer is used up all the same.
   */
  refreshTokenIn?(body: string, refreshToken: string): string | null;
  readonly login: DeviceCodeLogin | FormLogin;
}

/** A proof key for code exchange (RFC 7636), method S256. */
export interface ProofKey {
  readonly verifier: string;
  readonly challenge: string;
}

/** Device authorization grant (RFC 8628): a person opens a link and enters a code, while the vendor is polled. */
export interface DeviceCodeLogin {
  readonly kind: 'device-code';
  /** Operation names of the two requests in `classify`. */
  readonly operations: { readonly start: string; readonly poll: string };
  start(proof: ProofKey, secrets: Readonly<Record<string, string>>): HttpRequest;
  parseStart(body: string): Parsed<DeviceCode>;
  poll(deviceCode: string, proof: ProofKey, secrets: Readonly<Record<string, string>>): HttpRequest;
  /** Total: any answer to `poll` is one of these. */
  judgePoll(response: VendorResponse): DeviceCodePoll;
}

export interface DeviceCode {
  readonly deviceCode: string;
  readonly userCode: string;
  /** Where the person goes. */
  readonly url: string;
  /** Between two polls, ms. */
  readonly intervalMs: number;
  readonly expiresInMs: number;
}

export type DeviceCodePoll =
  | { readonly kind: 'tokens'; readonly tokens: GrantTokens }
  | { readonly kind: 'pending' }
  /** Polled too fast: the interval grows by five seconds (RFC 8628, section 3.5). */
  | { readonly kind: 'slow-down' }
  | { readonly kind: 'expired' }
  | { readonly kind: 'denied'; readonly message: string }
  /** It should hold tokens, and they cannot be used: polling ends. */
  | { readonly kind: 'unreadable'; readonly problem: string }
  /** Anything else, a quota say: `classify` judges it, and polling goes on when that allows. */
  | { readonly kind: 'other' };

/** A login of several requests from what a person enters: user name, password, a captcha token. */
export interface FormLogin {
  readonly kind: 'form';
  /** Operation name of all its requests in `classify`. */
  readonly operation: string;
  /** What the person enters. `secret`: never shown, logged or kept. */
  readonly fields: readonly { readonly name: string; readonly about: string; readonly secret: boolean }[];
  /** The first request. @param input by the fields' names. */
  begin(input: FormLoginInput): FormLoginStep;
}

export interface FormLoginInput {
  readonly fields: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly proof: ProofKey;
  /** Random text for `state` and `nonce` parameters. */
  readonly nonce: string;
}

/** `request`: send it without following redirects, and give its answer to `next`. */
export type FormLoginStep =
  | {
      readonly kind: 'request';
      readonly request: HttpRequest;
      next(response: VendorResponse): FormLoginStep;
    }
  | { readonly kind: 'tokens'; readonly tokens: GrantTokens }
  /** The vendor refuses what was entered. `wrongCredentials`: name or password, and not something else such as a captcha. */
  | {
      readonly kind: 'refused';
      readonly message: string;
      readonly code: string;
      readonly wrongCredentials?: boolean;
    }
  /** The answer is not as it should be. */
  | { readonly kind: 'unreadable'; readonly problem: string };
