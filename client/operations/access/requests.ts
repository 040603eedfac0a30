/** A request that starts work and may come again: done once, and answered alike (store/api/requests.ts). */

import { pruneRequestShares } from '../../../store/api/key-use';
import {
  answerRequest,
  claimRequest,
  dropRequest,
  pruneRequests,
  RENEW_MS,
  releaseRequest,
  renewRequest,
  type StoredAnswer,
} from '../../../store/api/requests';
import { insertEvent } from '../../../store/events/events';
import type { Backend } from '../backend/backend';
import { OperationError } from '../errors';

export type Outcome =
  | { readonly kind: 'answer'; readonly answer: StoredAnswer; readonly repeated: boolean }
  | { readonly kind: 'other' }
  | { readonly kind: 'in flight' };

export interface RepeatableRequest {
  readonly caller: string;
  readonly key: string;
  /** Of method, path and body. */
  readonly fingerprint: Buffer;
}

/**
 * @param work gets the id by which what it starts is found when it comes again. When it throws, nothing is kept: an error
 * that says what is wrong with the request leaves the key free, and any other lets the next try find what was begun.
 */
export async function once(
  backend: Backend,
  request: RepeatableRequest,
  work: (id: string) => Promise<StoredAnswer>,
): Promise<Outcome> {
  const claim = await backend.database((db) => claimRequest(db, request));
  if (claim.kind === 'answered') return { kind: 'answer', answer: claim.answer, repeated: true };
  if (claim.kind !== 'ours') return claim;
  const renewal = setInterval(() => {
    backend.database((db) => renewRequest(db, claim.id)).catch(() => undefined);
  }, RENEW_MS);
  try {
    const answer = await work(claim.id);
    await backend.database((db) => answerRequest(db, claim.id, answer));
    return { kind: 'answer', answer, repeated: claim.again };
  } catch (error) {
    const refused =
      error instanceof OperationError &&
      !claim.again &&
      error.status !== 'unavailable' &&
      error.status !== 'failed';
    const settle = refused ? dropRequest : releaseRequest;
    await backend.database((db) => settle(db, claim.id)).catch(() => undefined);
    throw error;
  } finally {
    clearInterval(renewal);
  }
}

/** Forgets those that nobody will ask again, and how often callers asked in minutes that are over. */
export async function forgetOldRequests(backend: Backend): Promise<void> {
  await backend.database(pruneRequests);
  await backend.database(pruneRequestShares);
}

export interface ChangingCall {
  readonly operation: string;
  readonly path: string;
  readonly status: number;
  readonly requestId: string;
}

/** Who has changed something by the API. */
export function recordCall(backend: Backend, call: ChangingCall): Promise<void> {
  return backend.database((db) => insertEvent(db, 'api.called', null, { by: backend.caller, ...call }));
}
