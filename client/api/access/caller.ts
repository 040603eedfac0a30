/** Who asks, and whether they ask too often: keys, wrong keys and end users are counted over all processes. */
import type { FastifyRequest } from 'fastify';
import { knownKey, takeRequests } from '../../operations/access/keys';
import type { Backend } from '../../operations/backend/backend';
import type { OpenBackend } from '../../operations/backend/open-backend';
import { ApiError } from '../problem';
import { type AccessTerms, type Caller, isLocal, shownKey, unauthenticated } from './access';

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
  rates: SharedRates,
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
    await rates.check('wrong keys', request.socket.remoteAddress ?? '', MOST_WRONG_KEYS);
    throw unauthenticated('the key is not known, has expired or was revoked');
  }
  const { id, name, scope, requestsPerMinute } = known;
  return { name, key: id, scope, requestsPerMinute };
}

/** A process takes so large a part of a minute's requests at once: that many trips to the database a minute, at most. */
const PARTS = 20;
/** So many callers are remembered; then those whose minute is over are forgotten. */
const MOST_REMEMBERED = 10_000;

/** What is counted, as callers are told, and how its rows are named: ids of keys have a form of their own. */
const COUNTED = {
  'requests of the key': '',
  'wrong keys': 'wrong:',
  'requests of the end user': 'user:',
} as const;

interface Share {
  /** Requests that this process may let through still. */
  left: number;
  /** Of `performance.now()`: the minute is over. */
  readonly until: number;
  /** Nothing was left to take. */
  readonly spent: boolean;
}

interface Taken {
  readonly share: Promise<Share>;
  /** As the share's; infinite while it is being taken. */
  until: number;
}

/**
 * Requests in a caller's minute, over all processes: each takes parts of it from the database, so that together they never
 * let more through. What a process has taken and not used is lost, a twentieth of the minute at most.
 */
export class SharedRates {
  private readonly taken = new Map<string, Taken>();

  constructor(private readonly backend: Pick<Backend, 'database'>) {}

  /** Counts a request. @param of an id, an address or a digest. @throws ApiError 429 with when the minute is over. */
  async check(limit: keyof typeof COUNTED, of: string, perMinute: number): Promise<void> {
    const key = `${COUNTED[limit]}${of}`;
    for (;;) {
      const taken = this.taken.get(key) ?? this.take(key, perMinute);
      const share = await taken.share;
      const leftMs = share.until - performance.now();
      if (leftMs > 0 && share.left > 0) {
        share.left--;
        return;
      }
      if (leftMs > 0 && share.spent) throw tooMany(limit, perMinute, leftMs);
      // Those who have waited for the same part take the next one together, too.
      if (this.taken.get(key) === taken) this.taken.delete(key);
    }
  }

  private take(key: string, perMinute: number): Taken {
    this.forgetOld();
    const wanted = { key, perMinute, part: Math.ceil(perMinute / PARTS) };
    const share = takeRequests(this.backend, wanted).then(({ granted, leftMs }) => {
      taken.until = performance.now() + leftMs;
      return { left: granted, until: taken.until, spent: granted === 0 };
    });
    const taken: Taken = { share, until: Number.POSITIVE_INFINITY };
    this.taken.set(key, taken);
    share.catch(() => this.taken.delete(key));
    return taken;
  }

  private forgetOld(): void {
    if (this.taken.size < MOST_REMEMBERED) return;
    const now = performance.now();
    for (const [key, { until }] of this.taken) if (until <= now) this.taken.delete(key);
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
