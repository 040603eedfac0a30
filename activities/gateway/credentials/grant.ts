/**
 * Access tokens for a refresh token that a person's login has left. A refresh is a call like any other: it needs a permit,
 * and a closed pool stops it, unless what closed the pool is a quota that does not count refreshes. One caller of all
 * processes makes it.
 *
 * Where a refresh token is good for one refresh, it is marked as sent before it leaves, and what the answer brings is
 * committed before anybody uses it (store/secrets/grants.ts). It goes to disk and to Postgres as soon as it is read, before
 * any other consequence of the answer: a kill can lose it only in the milliseconds between. A caller that finds the mark
 * looks for what an ended process has left on disk, and waits a moment for whoever has the answer and could not store it
 * yet; then it tries the same token once more. Whatever the vendor says but "refused" leaves the refresh token as it is.
 */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { SecretRef } from '../../../settings';
import { resolveSecret } from '../../../settings';
import type { CallableAccount } from '../../../settings/accounts/accounts';
import { CredentialsRefusedError, freshToken, type RefreshOutcome } from '../../../store/secrets/fresh-token';
import {
  type BoughtTokens,
  type Grant,
  type GrantStore,
  grantTokenKey,
  type StoredGrant,
} from '../../../store/secrets/grants';
import type { CachedToken, RefreshLease } from '../../../store/secrets/tokens';
import type { GrantApi, GrantTokens } from '../../../vendors/capabilities/login';
import type { VendorResponse } from '../../../vendors/contract';
import type { Parsed } from '../../../vendors/http';
import { CallFailed, PermitWait, PoolClosed } from '../call-errors';
import type { TokenSource } from '../call-terms';
import { sendForText } from '../http/http';
import { held, type KeepDeps } from '../spool/held';
import { type LoginDeps, noToken } from './login';
import { tokensIn } from './token-fields';

export interface GrantDeps extends LoginDeps, Partial<Pick<KeepDeps, 'spool' | 'stopping'>> {
  readonly grants: GrantStore;
  /** How long an answer that may still be stored is waited for, ms; default: 3 s. */
  readonly settleMs?: number;
}

/** Tokens of an account that a person has logged in to. */
export interface GrantSource extends TokenSource {
  /** With a good access token, what came beside it; for connections that take an id token as a password. */
  session(signal?: AbortSignal): Promise<{
    readonly accessToken: string;
    readonly version: number;
    /** Of the access token, ms from now. */
    readonly expiresInMs: number;
    readonly grant: Grant;
  }>;
}

/** How long a refresh waits here for the limits that it falls under, ms: others wait for its lease. */
const REFRESH_WAIT_MS = 5_000;
/** Who has an answer and no Postgres to store it in tries again within a second, ms. */
const SETTLE_MS = 3_000;
/** Postgres may go away between tokens and pool, ms. */
const RENEW_PATIENCE_MS = 30_000;

/** Its kind among spooled entries. */
export const GRANT_ANSWER = 'grant-answer';

/** What a refresh or a login brought, as it is kept on disk while Postgres is away. */
export interface KeptGrant {
  readonly account: string;
  /** Of the refresh token that bought it; null for a login. */
  readonly generation: number | null;
  readonly bought: BoughtTokens;
  /** Id of the login's row, which ends with it. */
  readonly login?: number;
}

/** The secrets that requests need, and their digest: a grant belongs to those that it was made with. */
export async function grantSecrets(
  { secrets }: Pick<LoginDeps, 'secrets'>,
  { credentials }: Pick<GrantApi, 'credentials'>,
): Promise<{ readonly values: Readonly<Record<string, string>>; readonly digest: string }> {
  const values: Record<string, string> = {};
  for (const [name, ref] of Object.entries(credentials)) {
    values[name] = (await resolveSecret(ref as SecretRef, secrets)).reveal();
  }
  const digest = createHash('sha256').update(JSON.stringify(Object.entries(values).sort()));
  return { values, digest: digest.digest('base64') };
}

/** @param caller under which the refreshes are counted. */
export function createGrantSource(
  deps: GrantDeps,
  account: CallableAccount,
  grant: GrantApi,
  caller = 'login',
): GrantSource {
  const source: GrantSource = {
    async token(staleVersion, signal) {
      const refresher = new Refresher(deps, account, grant, caller, signal);
      return freshToken(deps.tokens, {
        key: grantTokenKey(account.poolKey),
        staleVersion,
        refresh: (lease) => refresher.refresh(lease),
        keep: (token) => refresher.keep(token),
      });
    },

    async session(signal) {
      const { accessToken, version } = await source.token(0, signal);
      const { token } = await deps.tokens.readToken(grantTokenKey(account.poolKey));
      const found = await deps.grants.read(account.poolKey);
      if (found === null) throw new CredentialsRefusedError(account.poolKey, NO_LOGIN);
      return { accessToken, version, expiresInMs: token?.expiresInMs ?? 0, grant: found };
    },
  };
  return source;
}

const NO_LOGIN = 'nobody has logged in';

class Refresher {
  private keeping: Promise<StoredGrant | null> | null = null;
  /** The next refresh token of an answer that brought no usable access token. */
  private rescuing: Promise<StoredGrant | null> | null = null;

  constructor(
    private readonly deps: GrantDeps,
    private readonly account: CallableAccount,
    private readonly api: GrantApi,
    private readonly caller: string,
    private readonly signal: AbortSignal | undefined,
  ) {}

  async refresh(lease: RefreshLease): Promise<RefreshOutcome> {
    const { deps, account, api } = this;
    const closed = await deps.gateway.whyClosed(account, api.operation);
    if (closed) throw closed;
    const { values, digest } = await grantSecrets(deps, api);
    const grant = await deps.grants.read(account.poolKey);
    // Thrown and not stored as a refusal: with the former credentials the grant is good again.
    if (grant === null) throw new CredentialsRefusedError(account.poolKey, NO_LOGIN);
    if (grant.credentials !== digest) {
      throw new CredentialsRefusedError(
        account.poolKey,
        'the settings have other credentials than those of the last login',
      );
    }
    if (grant.answerAwaited) {
      await deps.spool?.collect?.();
      await delay(deps.settleMs ?? SETTLE_MS, undefined, this.signal ? { signal: this.signal } : {});
      const now = await deps.grants.read(account.poolKey);
      if (now?.generation !== grant.generation) return { kind: 'superseded' };
    }
    return this.ask(lease, grant, values, digest);
  }

  private async ask(
    lease: RefreshLease,
    { refreshToken, generation }: Grant,
    values: Readonly<Record<string, string>>,
    digest: string,
  ): Promise<RefreshOutcome> {
    const { deps, account, api, caller, signal } = this;
    let sentAt = performance.now();
    let answer: VendorResponse | null = null;
    try {
      const result = await deps.gateway.call({
        account,
        operation: api.operation,
        priority: 'interactive',
        caller,
        auth: null,
        outsidePool: true,
        secrets: [...Object.values(values), refreshToken, ...tokensIn(refreshToken)],
        attempt: 1,
        inlineWaitMs: REFRESH_WAIT_MS,
        ...(signal ? { signal } : {}),
        ...(api.singleUse ? { prepare: () => this.mark(lease, generation) } : {}),
        send: (_, __, pass) => {
          sentAt = performance.now();
          // Once it has left, its answer is waited for, even if its caller has gone away.
          return sendForText(api.refresh(refreshToken, values), {
            dispatcher: deps.dispatcher,
            timeoutMs: deps.timeoutMs,
            pass,
            inspect: (response) => {
              answer = response;
              this.begin(response, { generation, digest, sentAt, refreshToken });
              return tokensIn(response.body, response.headers);
            },
          });
        },
      });
      const parsed = parseTokens(api, answer, refreshToken);
      if (!parsed.ok) {
        await this.rescuing;
        throw await noToken(deps, account, api.operation, caller, result, parsed.problem);
      }
      return { kind: 'token', accessToken: parsed.value.accessToken, expiresInMs: parsed.value.expiresInMs };
    } catch (error) {
      if (error instanceof Superseded) return { kind: 'superseded' };
      const token = this.saved(error, answer, refreshToken);
      if (token !== null) return token;
      const refused = refusalOf(error);
      if (refused !== null) return { kind: 'refused', reason: refused };
      // An answer that says "not now", and a call that has not left, use nothing up.
      if (api.singleUse && !mayHaveBeenUsed(error, answer)) {
        await deps.grants.unmarkSent(account.poolKey, generation).catch(() => undefined);
      }
      throw error;
    }
  }

  /** What a success brings is kept, whatever becomes of the call otherwise: it is not to be had again. */
  private begin(
    answer: VendorResponse,
    {
      generation,
      digest,
      sentAt,
      refreshToken,
    }: { generation: number; digest: string; sentAt: number; refreshToken: string },
  ): void {
    if (answer.status < 200 || answer.status > 299) return;
    const { api, account } = this;
    const parsed = parseTokens(api, answer, refreshToken);
    const next = parsed.ok ? null : (api.refreshTokenIn?.(answer.body, refreshToken) ?? null);
    if (!parsed.ok && next === null) return;
    const tokens = parsed.ok ? parsed.value : { accessToken: '', expiresInMs: 0, refreshToken: next ?? '' };
    const kept = { account: account.poolKey, generation, bought: boughtOf(api, tokens, digest) };
    const keeping = keepGrant(this.deps, account, kept, sentAt);
    keeping.catch(() => undefined);
    if (parsed.ok) this.keeping = keeping;
    else this.rescuing = keeping;
  }

  /** An answer that is good holds tokens, whatever went wrong with the books of its call. */
  private saved(error: unknown, answer: VendorResponse | null, refreshToken: string): RefreshOutcome | null {
    const judged = error instanceof CallFailed || error instanceof PoolClosed || error instanceof PermitWait;
    if (judged || answer === null || this.keeping === null) return null;
    const parsed = parseTokens(this.api, answer, refreshToken);
    if (!parsed.ok) return null;
    const { accessToken, expiresInMs } = parsed.value;
    return { kind: 'token', accessToken, expiresInMs };
  }

  private async mark(lease: RefreshLease, generation: number): Promise<() => Promise<void>> {
    const { grants } = this.deps;
    const { poolKey } = this.account;
    if (!(await grants.markSent(poolKey, generation, lease.owner))) throw new Superseded();
    return () => grants.unmarkSent(poolKey, generation);
  }

  /** Kept however long Postgres is away, and by the next process if need be. */
  async keep(_token: CachedToken): Promise<number | null> {
    if (this.keeping === null) throw new Error('nothing was bought');
    return (await this.keeping)?.version ?? null;
  }
}

/** Another caller has taken over: nothing has left. */
class Superseded extends Error {
  override readonly name = 'Superseded';
}

/**
 * Stores what a login or a refresh brought, and frees the pool where it waited for a login.
 * @param at when the request for it left, monotonic ms. @returns null when there is something newer.
 */
export async function keepGrant(
  { grants, gateway, spool = null, stopping }: Pick<GrantDeps, 'grants' | 'gateway' | 'spool' | 'stopping'>,
  account: CallableAccount,
  kept: KeptGrant,
  at: number,
): Promise<StoredGrant | null> {
  const stored = await held(() => storeKept(grants, kept, performance.now() - at), {
    spool: spool && { to: spool, kind: GRANT_ANSWER, data: kept, atOnce: true },
    stopping,
  });
  if (stored !== null && (stored.wasNeeded || kept.generation === null)) {
    // Stored is stored: it would not be offered again, and the pool would wait for another login.
    await held(() => gateway.credentialsRenewed(account), { patienceMs: RENEW_PATIENCE_MS });
  }
  return stored;
}

/** @param ageMs of the answer: tokens live from then. */
export function storeKept(
  grants: GrantStore,
  { account, generation, bought, login }: KeptGrant,
  ageMs: number,
): Promise<StoredGrant | null> {
  const { refreshToken, refreshExpiresInMs } = bought;
  const aged = { ...bought, expiresInMs: bought.expiresInMs - ageMs };
  if (generation !== null) return grants.storeRefreshed(account, generation, aged);
  if (refreshToken === undefined || refreshExpiresInMs === undefined) return Promise.resolve(null);
  return grants.storeLogin(account, { ...aged, refreshToken, refreshExpiresInMs }, login);
}

export function boughtOf(api: GrantApi, tokens: GrantTokens, digest: string): BoughtTokens {
  const { accessToken, expiresInMs, refreshToken, idToken, subject } = tokens;
  return {
    accessToken,
    expiresInMs,
    ...(refreshToken === undefined
      ? {}
      : { refreshToken, refreshExpiresInMs: tokens.refreshExpiresInMs ?? api.refreshLifetimeMs }),
    idToken,
    subject,
    credentials: digest,
  };
}

function parseTokens(
  api: GrantApi,
  answer: VendorResponse | null,
  refreshToken: string,
): Parsed<GrantTokens> {
  if (answer === null) return { ok: false, problem: 'there is no answer' };
  return checkTokens(api.parse(answer.body, refreshToken));
}

/** A token without a text or a life is none, whatever its vendor's parts make of it. */
export function checkTokens(parsed: Parsed<GrantTokens>): Parsed<GrantTokens> {
  if (!parsed.ok) return parsed;
  const { accessToken, expiresInMs, refreshToken } = parsed.value;
  if (accessToken === '') return { ok: false, problem: 'access token: is empty' };
  if (refreshToken === '') return { ok: false, problem: 'refresh token: is empty' };
  if (!Number.isFinite(expiresInMs) || expiresInMs <= 0) {
    return { ok: false, problem: `life of the access token: ${expiresInMs} ms is none` };
  }
  return parsed;
}

/** The vendor's words when it refused the refresh token; null for any other failure, a used-up quota say. */
function refusalOf(error: unknown): string | null {
  if (!(error instanceof PoolClosed) || error.verdict?.kind !== 'auth') return null;
  const { code, message } = error.verdict.evidence;
  return [code, message].filter(Boolean).join(': ');
}

/** Whether the vendor may have taken the refresh token for a refresh whose answer is lost. */
function mayHaveBeenUsed(error: unknown, answer: VendorResponse | null): boolean {
  if (error instanceof CallFailed) return error.ambiguous;
  // Too early: of a limit it has not left, and of the vendor's own word it was not taken.
  if (error instanceof PermitWait) return false;
  if (error instanceof PoolClosed && error.verdict !== null) {
    // A success without a token in it, as a proxy gives one: what it was is not known.
    return error.verdict.kind === 'blocked' && answer !== null && answer.status < 300;
  }
  return answer !== null;
}
