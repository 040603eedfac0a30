/**
 * Access, id and refresh tokens. A refresh token buys new ones; it is used up by that when refresh tokens are for single
 * use, and the answer brings the next one.
 */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { DAY_MS } from '../../../quota/durations';
import type { SimUser } from './users';

/** @param accessSeconds how long an access token lasts by default. */
export const tokensSchema = (accessSeconds: number) =>
  z
    .strictObject({
      lifetimeSeconds: z.number().positive().default(accessSeconds),
      refreshLifetimeDays: z.number().positive().default(14),
      /** False: a refresh answers the same refresh token, which stays good. */
      singleUse: z.boolean().default(true),
    })
    .prefault({});
export type TokenOptions = z.output<ReturnType<typeof tokensSchema>>;

const grantSchema = z.object({
  type: z.literal('grant'),
  gcid: z.string(),
  clientId: z.string(),
  scope: z.string(),
  access: z.string(),
  refresh: z.string(),
  /** The refresh token that it was bought with; null after a login. */
  boughtWith: z.string().nullable(),
  issuedAt: z.number(),
  accessExpiresAt: z.number(),
  refreshExpiresAt: z.number(),
});
export type Grant = z.infer<typeof grantSchema>;

/** Fields of `POST /_sim/control`. */
export const grantControlShape = {
  /** Access tokens given out so far become expired ones: of all users, or of these e-mails. */
  expireTokens: z.union([z.literal(true), z.array(z.string())]).optional(),
  /** Access and refresh tokens are withdrawn: a person has to log in again. */
  revokeTokens: z.union([z.literal(true), z.array(z.string())]).optional(),
  tokenLifetimeSeconds: z.number().positive().optional(),
};
type GrantControl = z.output<z.ZodObject<typeof grantControlShape>>;

/** Why a token is not good. */
export type TokenFault = 'unknown' | 'expired' | 'revoked' | 'used';

export class GrantDesk {
  readonly counts = { logins: 0, refreshes: 0, refused: 0, reused: 0 };
  private readonly byAccess = new Map<string, Grant>();
  private readonly byRefresh = new Map<string, Grant>();
  private readonly used = new Set<string>();
  /** Tokens issued up to this instant; by gcid, `*` for all. */
  private readonly expiredUpTo = new Map<string, number>();
  private readonly revokedUpTo = new Map<string, number>();

  constructor(
    private readonly users: readonly SimUser[],
    private options: TokenOptions,
    private readonly record: (entry: Grant) => void,
  ) {}

  user(gcid: string): SimUser | undefined {
    return this.users.find((user) => user.gcid === gcid);
  }

  /** Tokens after a login. */
  issue(user: SimUser, clientId: string, scope: string, now: number): Grant {
    return this.give({ gcid: user.gcid, clientId, scope, refresh: secret('rt'), boughtWith: null }, now);
  }

  /** Tokens for a refresh token, or why it buys none. */
  refresh(token: string, clientId: string, now: number): Grant | TokenFault {
    const fault = this.faultOf(token, clientId, now);
    if (fault !== null) {
      this.counts.refused++;
      if (fault === 'used') this.counts.reused++;
      return fault;
    }
    const { gcid, scope } = this.byRefresh.get(token) as Grant;
    const refresh = this.options.singleUse ? secret('rt') : token;
    return this.give({ gcid, clientId, scope, refresh, boughtWith: token }, now);
  }

  private faultOf(token: string, clientId: string, now: number): TokenFault | null {
    const grant = this.byRefresh.get(token);
    if (!grant || grant.clientId !== clientId) return 'unknown';
    if (this.used.has(token)) return 'used';
    if (grant.issuedAt <= upTo(this.revokedUpTo, grant.gcid)) return 'revoked';
    return now >= grant.refreshExpiresAt ? 'expired' : null;
  }

  /** The user that a refresh token was given to, whatever has become of it. */
  ownerOf(refreshToken: string): SimUser | undefined {
    const grant = this.byRefresh.get(refreshToken);
    return grant && this.user(grant.gcid);
  }

  /** Whose an access token is, good or not. */
  check(token: string, now: number): { readonly grant: Grant; readonly fault: TokenFault | null } | null {
    const grant = this.byAccess.get(token);
    if (!grant) return null;
    if (grant.issuedAt <= upTo(this.revokedUpTo, grant.gcid)) return { grant, fault: 'revoked' };
    const expired = now >= grant.accessExpiresAt || grant.issuedAt <= upTo(this.expiredUpTo, grant.gcid);
    return { grant, fault: expired ? 'expired' : null };
  }

  control({ expireTokens = [], revokeTokens = [], tokenLifetimeSeconds }: GrantControl, now: number): void {
    for (const key of this.keysOf(expireTokens)) this.expiredUpTo.set(key, now);
    for (const key of this.keysOf(revokeTokens)) this.revokedUpTo.set(key, now);
    if (tokenLifetimeSeconds !== undefined) {
      this.options = { ...this.options, lifetimeSeconds: tokenLifetimeSeconds };
    }
  }

  /** True when the entry was one of ours. */
  replay(entry: unknown): boolean {
    const parsed = grantSchema.safeParse(entry);
    if (parsed.success) this.keep(parsed.data);
    return parsed.success;
  }

  private keysOf(emails: readonly string[] | true): string[] {
    return emails === true ? ['*'] : this.users.filter((u) => emails.includes(u.email)).map((u) => u.gcid);
  }

  private give(
    grant: Pick<Grant, 'gcid' | 'clientId' | 'scope' | 'refresh' | 'boughtWith'>,
    now: number,
  ): Grant {
    const { lifetimeSeconds, refreshLifetimeDays } = this.options;
    const entry: Grant = {
      type: 'grant',
      ...grant,
      access: secret('at'),
      issuedAt: now,
      accessExpiresAt: now + lifetimeSeconds * 1000,
      refreshExpiresAt: now + refreshLifetimeDays * DAY_MS,
    };
    this.keep(entry);
    this.record(entry);
    return entry;
  }

  private keep(entry: Grant): void {
    this.byAccess.set(entry.access, entry);
    this.byRefresh.set(entry.refresh, entry);
    if (entry.boughtWith === null) this.counts.logins++;
    else this.counts.refreshes++;
    if (entry.boughtWith !== null && entry.boughtWith !== entry.refresh) this.used.add(entry.boughtWith);
  }
}

function upTo(instants: ReadonlyMap<string, number>, gcid: string): number {
  const at = (key: string) => instants.get(key) ?? Number.NEGATIVE_INFINITY;
  return Math.max(at('*'), at(gcid));
}

function secret(kind: string): string {
  return `${kind}-${randomBytes(24).toString('base64url')}`;
}

/** A JSON web token that says whom it was issued to; its signature is good for nothing. */
export function idToken(grant: Grant, issuer: string): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = {
    iss: issuer,
    sub: grant.gcid,
    gcid: grant.gcid,
    aud: grant.clientId,
    iat: Math.floor(grant.issuedAt / 1000),
    exp: Math.floor(grant.accessExpiresAt / 1000),
  };
  return `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}.${randomBytes(32).toString('base64url')}`;
}
