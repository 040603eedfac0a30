/** Logins: who may log in, what each sees, and whose a token is. */
import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { SimDevice } from './fleet/fleet';
import type { Gps51Account, Gps51Scenario } from './options';

/** Tokens are good only at the server that gave them out. */
const SERVERS = 4;

/** Whoever is logged in: an account, or a device under its own id. */
export interface Principal {
  readonly username: string;
  /** The account that its calls are charged to. */
  readonly chargedTo: string;
  readonly devices: ReadonlyMap<string, SimDevice>;
}

const tokenEntrySchema = z.object({
  type: z.literal('token'),
  token: z.string(),
  serverid: z.string(),
  username: z.string(),
  issuedAt: z.number(),
  expiresAt: z.number(),
});
type TokenEntry = z.infer<typeof tokenEntrySchema>;

export class AccountDesk {
  lifetimeSeconds: number;
  refused = 0;
  private readonly accounts = new Map<string, Gps51Account>();
  private readonly byName = new Map<string, Principal>();
  private readonly byDevice: ReadonlyMap<string, SimDevice>;
  private tokens = new Map<string, TokenEntry>();
  private readonly suspended: Set<string>;
  /** Tokens issued up to this instant count as expired; by username, `*` for all. */
  private readonly expiredUpTo = new Map<string, number>();
  private readonly issued = new Map<string, number>();

  constructor(
    private readonly scenario: Gps51Scenario,
    fleet: readonly SimDevice[],
    private readonly record: (entry: TokenEntry) => void,
  ) {
    this.lifetimeSeconds = scenario.tokens.lifetimeSeconds;
    this.suspended = new Set(scenario.suspended);
    this.byDevice = new Map(fleet.map((device) => [device.id, device]));
    for (const account of scenario.accounts) {
      const sees = (device: SimDevice) =>
        (!account.groups && !account.devices) ||
        account.groups?.includes(device.group) === true ||
        account.devices?.includes(device.id) === true;
      this.accounts.set(account.username, account);
      this.byName.set(account.username, {
        username: account.username,
        chargedTo: account.chargedTo ?? account.username,
        devices: new Map(fleet.filter(sees).map((device) => [device.id, device])),
      });
    }
  }

  /** Undefined for a user who cannot log in. */
  principal(username: string): Principal | undefined {
    const known = this.byName.get(username);
    if (known) return known;
    const device = this.byDevice.get(username);
    return device && { username, chargedTo: username, devices: new Map([[username, device]]) };
  }

  /** Devices of an account whose subscription goes on. */
  validDevices(username: string): number {
    return [...(this.principal(username)?.devices.values() ?? [])].filter((d) => !d.expired).length;
  }

  /** A new token, or null when the credentials are wrong. `md5` is the password's hash in hex. */
  login(username: string, md5: string, type: 'USER' | 'DEVICE', now: number): TokenEntry | null {
    const password =
      type === 'DEVICE'
        ? this.byDevice.has(username) && this.scenario.devicePassword
        : this.accounts.get(username)?.password;
    if (!password || createHash('md5').update(password).digest('hex') !== md5.toLowerCase()) {
      this.refused++;
      return null;
    }
    const entry: TokenEntry = {
      type: 'token',
      token: randomBytes(16).toString('hex'),
      serverid: String(1 + ((randomBytes(1)[0] ?? 0) % SERVERS)),
      username,
      issuedAt: now,
      expiresAt: now + this.lifetimeSeconds * 1000,
    };
    if (this.scenario.tokens.single) this.dropTokens(username);
    this.keep(entry);
    this.record(entry);
    return entry;
  }

  /** Whose token it is; `expired` names it too, for the log. A wrong server does not know a token. */
  check(
    token: string,
    serverid: string | null,
    now: number,
  ): { readonly status: 'good' | 'expired'; readonly principal: Principal } | { readonly status: 'unknown' } {
    const entry = this.tokens.get(token);
    const principal = entry && this.principal(entry.username);
    if (!entry || !principal || (serverid !== null && serverid !== entry.serverid))
      return { status: 'unknown' };
    const cutOff = Math.max(this.expiredUpTo.get('*') ?? 0, this.expiredUpTo.get(entry.username) ?? 0);
    const expired = now >= entry.expiresAt || entry.issuedAt <= cutOff;
    return { status: expired ? 'expired' : 'good', principal };
  }

  isSuspended(username: string): boolean {
    return this.suspended.has(username);
  }

  suspend(usernames: readonly string[]): void {
    for (const username of usernames) this.suspended.add(username);
  }

  restore(usernames: readonly string[]): void {
    for (const username of usernames) this.suspended.delete(username);
  }

  /** Makes every token given out so far an expired one, of these accounts or of all. */
  expire(usernames: readonly string[] | true, now: number): void {
    for (const username of usernames === true ? ['*'] : usernames) this.expiredUpTo.set(username, now);
  }

  /** Forgets tokens, so that they are not found any more: of these accounts or of all. */
  forget(usernames: readonly string[] | true): void {
    if (usernames === true) this.tokens.clear();
    else for (const username of usernames) this.dropTokens(username);
  }

  /** Tokens given out so far, by username. */
  issuedByAccount(): Record<string, number> {
    return Object.fromEntries(this.issued);
  }

  /** True when the entry was one of ours. */
  replay(entry: unknown): boolean {
    const parsed = tokenEntrySchema.safeParse(entry);
    if (!parsed.success) return false;
    if (this.scenario.tokens.single) this.dropTokens(parsed.data.username);
    this.keep(parsed.data);
    return true;
  }

  private keep(entry: TokenEntry): void {
    this.tokens.set(entry.token, entry);
    this.issued.set(entry.username, (this.issued.get(entry.username) ?? 0) + 1);
  }

  private dropTokens(username: string): void {
    this.tokens = new Map([...this.tokens].filter(([, entry]) => entry.username !== username));
  }
}
