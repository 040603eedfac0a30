/** Why there is no permit. */
export type PermitErrorCode =
  /** The limit has no room within the wait; `until` says when it has. */
  | 'not-yet'
  /** The pool is paused or held; `until` is null when an operator has to resume it. */
  | 'stopped'
  /** The call is larger than the limit: make it smaller. */
  | 'never-fits'
  /** No limit or pool of this key is registered. */
  | 'unknown-limit'
  /** `close` was called. */
  | 'closed'
  /** An option cannot be used; the message names it. */
  | 'invalid';

export class PermitError extends Error {
  override readonly name = 'PermitError';
  constructor(
    readonly code: PermitErrorCode,
    message: string,
    /** Key of the limit or pool that says no; null when none does. */
    readonly limit: string | null = null,
    /** Epoch ms after which it is worth asking again; null when that is not known. */
    readonly until: number | null = null,
  ) {
    super(message);
  }
}
