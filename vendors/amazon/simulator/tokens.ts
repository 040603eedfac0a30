/** Login with Amazon: gives out access tokens for refresh tokens, and says whose an access token is. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { hash32 } from '../../kit/random';
import { json } from '../../kit/server/server';
import type { SimAnswer } from '../../kit/vendor';
import type { AmazonScenario } from './options';

export interface Principal {
  readonly account: string;
  /** The client id: buckets are per application and account. */
  readonly application: string;
}

const tokenEntrySchema = z.object({
  type: z.literal('token'),
  token: z.string(),
  account: z.string(),
  application: z.string(),
  issuedAt: z.number(),
  expiresAt: z.number(),
});
type TokenEntry = z.infer<typeof tokenEntrySchema>;

export class TokenDesk {
  lifetimeSeconds: number;
  issued = 0;
  refused = 0;
  private readonly tokens = new Map<string, TokenEntry>();
  private readonly revoked = new Set<string>();
  /** Tokens issued up to this instant count as expired; by account, `*` for all. */
  private readonly expiredUpTo = new Map<string, number>();
  /** The same of tokens that are withdrawn before their time. */
  private readonly revokedUpTo = new Map<string, number>();

  constructor(
    private readonly accounts: AmazonScenario['accounts'],
    lifetimeSeconds: number,
    private readonly record: (entry: TokenEntry) => void,
  ) {
    this.lifetimeSeconds = lifetimeSeconds;
  }

  /** The account that a token request is for; `unknown` when that cannot be said. */
  accountOf(form: URLSearchParams): string {
    return this.lookUp(form.get('refresh_token') ?? '')?.name ?? 'unknown';
  }

  /** Answers `POST /auth/o2/token`. */
  grant(contentType: string | undefined, form: URLSearchParams, now: number): SimAnswer {
    const refuse = (error: string, description: string) => {
      this.refused++;
      return json(400, { error, error_description: description });
    };
    if (!contentType?.startsWith('application/x-www-form-urlencoded')) {
      return refuse('invalid_request', 'The request must be sent as application/x-www-form-urlencoded');
    }
    const grantType = form.get('grant_type');
    if (grantType === null)
      return refuse('invalid_request', 'The request is missing a required parameter: grant_type');
    if (grantType !== 'refresh_token') {
      return refuse(
        'unsupported_grant_type',
        'The authorization grant type is not supported by the authorization server',
      );
    }
    const clientId = form.get('client_id') ?? '';
    const clientSecret = form.get('client_secret') ?? '';
    if (clientId === '' || clientSecret === '')
      return refuse('invalid_client', 'Client authentication failed');
    const refreshToken = form.get('refresh_token') ?? '';
    if (refreshToken === '') {
      return refuse('invalid_request', 'The request is missing a required parameter: refresh_token');
    }
    const account = this.lookUp(refreshToken);
    if (!account || this.revoked.has(refreshToken)) {
      return refuse('invalid_grant', 'The request has an invalid grant parameter : refresh_token');
    }
    const wrongClient =
      (account.clientId !== undefined && account.clientId !== clientId) ||
      (account.clientSecret !== undefined && account.clientSecret !== clientSecret);
    if (wrongClient) return refuse('invalid_client', 'Client authentication failed');
    const entry: TokenEntry = {
      type: 'token',
      token: `Atza|${randomBytes(48).toString('base64url')}`,
      account: account.name,
      application: clientId,
      issuedAt: now,
      expiresAt: now + this.lifetimeSeconds * 1000,
    };
    this.tokens.set(entry.token, entry);
    this.record(entry);
    this.issued++;
    return json(
      200,
      {
        access_token: entry.token,
        token_type: 'bearer',
        expires_in: this.lifetimeSeconds,
        refresh_token: refreshToken,
      },
      { 'cache-control': 'no-store' },
    );
  }

  /** Whose token it is; `expired` names the principal too, for the log. */
  check(
    token: string | undefined,
    now: number,
  ): { status: 'good' | 'expired' | 'revoked'; principal: Principal } | { status: 'unknown' } {
    const entry = token === undefined ? undefined : this.tokens.get(token);
    if (!entry) return { status: 'unknown' };
    const { account, application } = entry;
    const cutOff = Math.max(this.expiredUpTo.get('*') ?? 0, this.expiredUpTo.get(account) ?? 0);
    const expired = now >= entry.expiresAt || entry.issuedAt <= cutOff;
    const revoked = entry.issuedAt <= Math.max(this.cutAt('*'), this.cutAt(account));
    return {
      status: revoked ? 'revoked' : expired ? 'expired' : 'good',
      principal: { account, application },
    };
  }

  revoke(refreshTokens: readonly string[]): void {
    for (const token of refreshTokens) this.revoked.add(token);
  }

  restore(refreshTokens: readonly string[]): void {
    for (const token of refreshTokens) this.revoked.delete(token);
  }

  /** Makes every access token given out so far an expired one, of these accounts or of all. */
  expire(accounts: readonly string[] | true, now: number): void {
    for (const account of accounts === true ? ['*'] : accounts) this.expiredUpTo.set(account, now);
  }

  /** Withdraws every access token given out so far; the refresh tokens stay good. */
  revokeAccess(accounts: readonly string[] | true, now: number): void {
    for (const account of accounts === true ? ['*'] : accounts) this.revokedUpTo.set(account, now);
  }

  private cutAt(account: string): number {
    return this.revokedUpTo.get(account) ?? Number.NEGATIVE_INFINITY;
  }

  /** True when the entry was one of ours. */
  replay(entry: unknown): boolean {
    const parsed = tokenEntrySchema.safeParse(entry);
    if (!parsed.success) return false;
    this.tokens.set(parsed.data.token, parsed.data);
    this.issued++;
    return true;
  }

  /**
   * With configured accounts, only theirs. Without, any: `Atzr|acme` and `Atzr|acme#2` (a renewed authorisation)
   * are the account `acme`; other tokens are named by a hash, so that the log does not show them.
   */
  private lookUp(refreshToken: string): AmazonScenario['accounts'][number] | undefined {
    if (refreshToken === '') return undefined;
    if (this.accounts.length > 0) return this.accounts.find((a) => a.refreshToken === refreshToken);
    const named = /^Atzr\|([\w.-]{1,64})(#.*)?$/.exec(refreshToken);
    const name = named?.[1] ?? `account-${hash32(refreshToken).toString(16).padStart(8, '0')}`;
    return { name, refreshToken };
  }
}
