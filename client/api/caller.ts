/** Who asks, and whether they ask too often: keys are counted over all processes, wrong keys and end users in this one. */
import type { FastifyRequest } from 'fastify';
import { MINUTE_MS } from '../../quota/durations';
import { keyRequests, knownKey } from '../operations/access/keys';
import type { Backend } from '../operations/backend';
import type { OpenBackend } from '../operations/open-backend';
import { type AccessTerms, type Caller, isLocal, shownKey, unauthenticated } from './access';
import { ApiError } from './problem';

export interface CallerTerms extends AccessTerms {
  readonly backend: OpenBackend;
  readonly requestsPerMinute: number;
  readonly endUserRequestsPerMinute: number;
}

/** Wrong keys from one address a minute; nobody types that fast. */
const MOST_WRONG_KEYS = 30;

/** @throws ApiError 401 */
export async function callerOf(
  request: FastifyRequest,
  terms: CallerTerms,
  limits: RateLimits,
): Promise<Caller> {
  const key = shownKey(request);
  if (key === null) {
    if (isLocal(request, terms)) {
      return { name: terms.backend.caller, key: null, scope: 'admin', requestsPerMinute: null };
    }
    throw unauthenticated('no key; send "Authorization: Bearer slc_…"; an administrator makes one');
  }
  const known = await knownKey(terms.backend, key);
  if (known === null) {
    // Of wrong ones alone: behind a proxy all callers have one address, and nobody may shut out the others.
    limits.check('wrong keys', request.socket.remoteAddress ?? '', MOST_WRONG_KEYS);
    throw unauthenticated('the key is not known, has expired or was revoked');
  }
  const { id, name, scope, requestsPerMinute } = known;
  return { name, key: id, scope, requestsPerMinute };
}

/** So many callers are remembered; then those whose minute is over are forgotten. */
const MOST_REMEMBERED = 10_000;

/** Requests in each caller's minute, which begins with the first. */
export class RateLimits {
  private readonly counts = new Map<string, { from: number; count: number }>();

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Counts a request. @throws ApiError 429 with when the minute is over. */
  check(limit: string, of: string, perMinute: number): void {
    const now = this.now();
    const key = `${limit} ${of}`;
    let found = this.counts.get(key);
    if (found === undefined || now - found.from >= MINUTE_MS) {
      found = { from: now, count: 0 };
      this.forgetOld(now);
      this.counts.set(key, found);
    }
    if (found.count >= perMinute) throw tooMany(limit, perMinute, found.from + MINUTE_MS - now);
    found.count++;
  }

  private forgetOld(now: number): void {
    if (this.counts.size < MOST_REMEMBERED) return;
    for (const [key, { from }] of this.counts) if (now - from >= MINUTE_MS) this.counts.delete(key);
  }
}

function tooMany(limit: string, perMinute: number, leftMs: number): ApiError {
  const waitMs = Math.max(1, leftMs);
  return new ApiError('TOO_MANY_REQUESTS', `at most ${perMinute} a minute (${limit})`, {
    limit,
    until: Date.now() + waitMs,
    retryAfter: Math.ceil(waitMs / 1000),
  });
}

/** A process takes so large a part of a key's minute at once: that many trips to the database a minute, at most. */
const PARTS = 20;

interface Share {
  /** Requests that this process may let through still. */
  left: number;
  /** Of `performance.now()`: the minute is over. */
  readonly until: number;
  /** Nothing was left to take. */
  readonly spent: boolean;
}

/**
 * Requests in a key's minute, over all processes: each takes parts of it from the database, so that together they never
 * let more through. What a process has taken and not used is lost, a twentieth of the minute at most.
 */
export class KeyRates {
  private readonly shares = new Map<string, Promise<Share>>();

  constructor(private readonly backend: Pick<Backend, 'database'>) {}

  /** Counts a request. @throws ApiError 429 with when the minute is over. */
  async check(key: string, perMinute: number): Promise<void> {
    for (;;) {
      const asked = this.shares.get(key) ?? this.take(key, perMinute);
      const share = await asked;
      const leftMs = share.until - performance.now();
      if (leftMs > 0 && share.left > 0) {
        share.left--;
        return;
      }
      if (leftMs > 0 && share.spent) throw tooMany('requests of the key', perMinute, leftMs);
      // Those who have waited for the same part take the next one together, too.
      if (this.shares.get(key) === asked) this.shares.delete(key);
    }
  }

  private take(key: string, perMinute: number): Promise<Share> {
    const taken = keyRequests(this.backend, { key, perMinute, part: Math.ceil(perMinute / PARTS) }).then(
      ({ granted, leftMs }) => ({ left: granted, until: performance.now() + leftMs, spent: granted === 0 }),
    );
    this.shares.set(key, taken);
    taken.catch(() => this.shares.delete(key));
    return taken;
  }
}
