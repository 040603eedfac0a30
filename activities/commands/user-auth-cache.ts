/**
 * Checks of end users' credentials that a vendor has answered with yes: believed for a while, so that a person who comes
 * back costs no call and is let in under a closed pool, too. Only acceptance is remembered; after a refusal the vendor is called again.
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { AcceptedUsers, Credentials } from '../../store/secrets/accepted-users';
import type { UserAuthResult } from './user-auth';

type Accepted = Extract<UserAuthResult, { kind: 'ok' }>;

/** A slow hash is not computed again for so long after the last one, ms. */
const REMEMBER_MS = 60_000;
const REMEMBERED = 1_000;

export class UserAuthCache {
  /** What is remembered here says nothing of a password to whoever sees this process's memory later. */
  private readonly secret = randomBytes(32);
  private readonly known = new Map<string, { readonly accepted: Accepted; readonly at: number }>();
  private readonly underWay = new Map<string, Promise<UserAuthResult>>();

  constructor(private readonly users: AcceptedUsers<Accepted['devices']>) {}

  /**
   * @param maxAgeMs how long ago the vendor may have accepted them; 0: it is called now.
   * @param keepMs how long a yes is kept.
   * @param ask asks the vendor.
   */
  async check(
    account: string,
    given: Credentials,
    { maxAgeMs, keepMs }: { readonly maxAgeMs: number; readonly keepMs: number },
    ask: () => Promise<UserAuthResult>,
  ): Promise<UserAuthResult> {
    const name = createHmac('sha256', this.secret)
      .update(JSON.stringify([account, given.username, given.password]))
      .digest('base64');
    const found = maxAgeMs > 0 ? await this.find(name, account, given, maxAgeMs) : null;
    if (found !== null) return found;
    const before = this.underWay.get(name);
    if (before !== undefined) return before;
    const asking = this.ask(name, account, given, keepMs, ask);
    this.underWay.set(name, asking);
    try {
      return await asking;
    } finally {
      this.underWay.delete(name);
    }
  }

  private async find(
    name: string,
    account: string,
    given: Credentials,
    maxAgeMs: number,
  ): Promise<Accepted | null> {
    const here = this.known.get(name);
    if (here !== undefined && performance.now() - here.at < REMEMBER_MS) {
      const { acceptedAt } = here.accepted;
      if (acceptedAt !== undefined && Date.now() - acceptedAt <= maxAgeMs) return here.accepted;
    }
    const stored = await this.users.find(account, given, maxAgeMs);
    if (stored === null) return null;
    const accepted: Accepted = { kind: 'ok', devices: stored.result, acceptedAt: stored.acceptedAt };
    this.remember(name, accepted);
    return accepted;
  }

  private async ask(
    name: string,
    account: string,
    given: Credentials,
    keepMs: number,
    ask: () => Promise<UserAuthResult>,
  ): Promise<UserAuthResult> {
    const result = await ask();
    if (result.kind === 'ok' && keepMs > 0) {
      await this.users.keep(account, given, result.devices, keepMs);
    } else if (result.kind === 'refused') {
      this.known.delete(name);
      await this.users.forget(account, given);
    }
    return result;
  }

  private remember(name: string, accepted: Accepted): void {
    this.known.delete(name);
    this.known.set(name, { accepted, at: performance.now() });
    const [oldest] = this.known.keys();
    if (this.known.size > REMEMBERED && oldest !== undefined) this.known.delete(oldest);
  }
}
