/** Gets a working access token: from the cache, or refreshed by one caller for all. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { CachedToken, RefreshLease, TokenKey, TokenStore } from './tokens';

/** What asking the vendor brought. Anything else (network, 5xx) is thrown, and the lease goes back. */
export type RefreshOutcome =
  | ({ readonly kind: 'token' } & CachedToken)
  /** The credentials themselves are refused, e.g. `invalid_grant`. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Another caller has a newer token, or is getting one: no call was made. */
  | { readonly kind: 'superseded' };

/** The vendor refused the credentials: only new ones help, or an operator's resume. */
export class CredentialsRefusedError extends Error {
  override readonly name = 'CredentialsRefusedError';

  constructor(
    readonly account: string,
    readonly reason: string,
  ) {
    super(`the credentials of ${account} were refused: ${reason}`);
  }
}

export interface FreshTokenRequest {
  readonly key: TokenKey;
  /** Version that the vendor refused as expired although its time was not over; everything up to it is not used. */
  readonly staleVersion?: number;
  /** A token with less than this left, or less than a quarter of its life, counts as expired. Default 60 s. */
  readonly marginMs?: number;
  /** Renewed while `refresh` is under way; one whose holder is gone is free after this. Default 10 s. */
  readonly leaseMs?: number;
  /** Asks the vendor. Called by one caller at a time over all processes. */
  readonly refresh: (lease: RefreshLease) => Promise<RefreshOutcome>;
  /**
   * Stores what it brought, with what has to be stored with it, and gives the lease back. @returns the token's version;
   * null when there is a newer one, which is then used. Default: `TokenStore.storeToken`.
   */
  readonly keep?: (token: CachedToken) => Promise<number | null>;
  /** Between checks while another caller refreshes. Default 100 ms. */
  readonly pollMs?: number;
}

export interface FreshToken {
  readonly accessToken: string;
  /** To be given back as `staleVersion` when the vendor calls the token expired. */
  readonly version: number;
}

const MARGIN_MS = 60_000;
/** Nobody's silence holds others up for longer. */
const LEASE_MS = 10_000;
/** Of the lease, so that a renewal may come late or fail once. */
const RENEWED_AFTER = 0.3;

/** @throws CredentialsRefusedError, or whatever `refresh` throws. */
export async function freshToken(store: TokenStore, request: FreshTokenRequest): Promise<FreshToken> {
  const { key, staleVersion = 0, marginMs = MARGIN_MS, leaseMs = LEASE_MS, pollMs = 100 } = request;
  for (;;) {
    const { version, token } = await store.readToken(key);
    if (token !== null && version > staleVersion && isFresh(token, marginMs)) {
      return { accessToken: token.accessToken, version };
    }
    const calledExpired = version > 0 && version <= staleVersion;
    const claim = await store.claimRefresh({
      ...{ key, seenVersion: version, calledExpired, leaseMs },
      owner: randomUUID(),
    });
    switch (claim.kind) {
      case 'newer':
        break;
      case 'wait':
        await delay(Math.min(claim.waitMs, pollMs));
        break;
      case 'refused':
        throw new CredentialsRefusedError(key.account, claim.reason);
      case 'refresh': {
        // Postgres away: the lease may run out, and another caller asks, too.
        const renewal = setInterval(
          () => void store.renewRefresh(key, claim, leaseMs).catch(() => undefined),
          leaseMs * RENEWED_AFTER,
        );
        let outcome: RefreshOutcome;
        try {
          outcome = await request.refresh(claim);
        } catch (error) {
          // The vendor's answer is more important; a lease that cannot be given back runs out.
          await store.releaseRefresh(key, claim).catch(() => undefined);
          throw error;
        } finally {
          clearInterval(renewal);
        }
        if (outcome.kind === 'superseded') {
          await store.releaseRefresh(key, claim);
          break;
        }
        if (outcome.kind === 'refused') {
          await store.markRefused(key, claim, outcome.reason);
          throw new CredentialsRefusedError(key.account, outcome.reason);
        }
        if (request.keep !== undefined) {
          const kept = await request.keep(outcome);
          if (kept === null) break;
          return { accessToken: outcome.accessToken, version: kept };
        }
        const stored = await store.storeToken(key, claim, outcome);
        // A lease that ran out does not make the token bad: use it, and let the cache have the other one.
        return { accessToken: outcome.accessToken, version: stored ?? claim.version };
      }
    }
  }
}

/** A token that lives shorter than the margin would never be fresh, and each call would begin with a login. */
function isFresh(
  { expiresInMs, lifetimeMs }: { readonly expiresInMs: number; readonly lifetimeMs: number },
  marginMs: number,
): boolean {
  return expiresInMs > Math.min(marginMs, lifetimeMs / 4);
}
