/**
 * Tracks tokens that replaced an expired one and have not worked yet. When such a token is called expired too, age is
 * not the cause, and another login would be wasted, once by every caller.
 */

/** A token that has not worked for so long may well have expired. */
const FRESH_MS = 60_000;

interface Seen {
  readonly version: number;
  /** When this process first saw it in place of another, monotonic ms; null: found at the start, or it has worked. */
  readonly since: number | null;
}

/** The memory of one process, by account. Times are monotonic milliseconds. */
export class TokenTrust {
  private readonly seen = new Map<string, Seen>();

  /** @returns true when the token is fresh: in place of another, and not proven yet. */
  isFresh(account: string, version: number, now: number): boolean {
    const last = this.seen.get(account);
    if (last === undefined || last.version < version) {
      this.seen.set(account, { version, since: last === undefined ? null : now });
    }
    const { since } = this.seen.get(account) ?? { since: null };
    return since !== null && now - since < FRESH_MS;
  }

  /** The token was accepted. */
  prove(account: string, version: number): void {
    const last = this.seen.get(account);
    if (last?.version === version && last.since !== null) this.seen.set(account, { version, since: null });
  }
}
