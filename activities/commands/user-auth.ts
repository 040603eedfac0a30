/**
 * Checks an end user's own credentials at the vendor: a login of that user, and the devices that the user sees. The
 * password goes to the vendor and nowhere else: it is in no table, log, workflow or error.
 *
 * Both calls are charged to the limits of the egress IP, at interactive priority, and to the day of the user. They
 * are `foreign` to the account: what the vendor says of this user leaves the account's pool as it is.
 */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { describeEvidence, type Evidence } from '../../quota/verdict';
import type { EndUserAccount } from '../../settings/accounts/commands';
import type { EndUserDevice } from '../../vendors/capabilities/end-users';
import type { CallResult } from '../../vendors/contract';
import type { HttpRequest, Parsed } from '../../vendors/http';
import { CallFailed, PermitWait, PoolClosed } from '../gateway/call-errors';
import { sendForText } from '../gateway/http/http';
import type { VendorGateway } from '../gateway/vendor-call';

export interface UserAuthDeps {
  readonly gateway: VendorGateway;
  readonly dispatcher: Dispatcher;
}

export interface UserCredentials {
  readonly username: string;
  readonly password: string;
}

export type UserAuthResult =
  /** `acceptedAt`, epoch ms: the vendor accepted them then, and was not called now. */
  | { readonly kind: 'ok'; readonly devices: readonly EndUserDevice[]; readonly acceptedAt?: number }
  /** The vendor refuses the user: wrong credentials, or an account that may not be used. */
  | { readonly kind: 'refused'; readonly message: string; readonly code: string }
  /** Too many calls, of ours or as the vendor says; `until` is epoch ms. */
  | { readonly kind: 'limited'; readonly message: string; readonly until: number }
  /** No calls are made now; `until` is null when an operator has to end that. */
  | { readonly kind: 'closed'; readonly message: string; readonly until: number | null }
  /** The vendor gives no usable answer. */
  | { readonly kind: 'unavailable'; readonly message: string };

/**
 * Users fall into this many classes by a hash of their name, each with a day's calls of one user. One row a user would
 * grow without end; that two users share a class costs nothing, for the IP's limit allows far fewer calls than a class.
 */
const USER_CLASSES = 256;

/** What stands for a user in a limit's scope, e.g. `u7f`: no name is stored. */
export function userClass(username: string): string {
  const byte = createHash('sha256').update(username, 'utf8').digest()[0] ?? 0;
  return `u${(byte % USER_CLASSES).toString(16).padStart(2, '0')}`;
}

/** @param waitMs longest wait for permits and between tries. Throws only what the database throws. */
export async function authenticateUser(
  deps: UserAuthDeps,
  account: EndUserAccount,
  { username, password }: UserCredentials,
  waitMs: number,
): Promise<UserAuthResult> {
  const { endUsers } = account;
  const { operations } = endUsers;
  const check = new UserCheck(deps, account, username, performance.now() + waitMs);
  try {
    const asUser = endUsers.login(username, password, Date.now());
    const login = await check.call(operations.login, asUser, endUsers.parseLogin, [password]);
    const devices = await check.call(
      operations.devices,
      endUsers.authorize(endUsers.devices(username), login.accessToken),
      (body) => endUsers.parseDevices(body),
      [password, login.accessToken],
    );
    return { kind: 'ok', devices };
  } catch (error) {
    return resultOf(error);
  }
}

class Unreadable extends Error {
  override readonly name = 'Unreadable';
}

class UserCheck {
  constructor(
    private readonly deps: UserAuthDeps,
    private readonly account: EndUserAccount,
    private readonly username: string,
    private readonly deadline: number,
  ) {}

  /** One call, again as often as the policy and the time allow. */
  async call<T>(
    operation: string,
    request: HttpRequest,
    parse: (body: string) => Parsed<T>,
    secrets: readonly string[],
  ): Promise<T> {
    const { endUsers } = this.account;
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await this.deps.gateway.call<CallResult>({
          account: this.account,
          operation,
          attributes: { [endUsers.attribute]: userClass(this.username) },
          priority: 'interactive',
          caller: endUsers.caller,
          auth: null,
          foreign: true,
          secrets,
          attempt,
          inlineWaitMs: Math.max(0, this.deadline - performance.now()),
          send: (_, __, pass) =>
            sendForText(request, { dispatcher: this.deps.dispatcher, timeoutMs: endUsers.timeoutMs, pass }),
        });
        const parsed = parse(result.kind === 'response' ? result.response.body : '');
        if (parsed.ok) return parsed.value;
        throw new Unreadable(`the answer to ${operation} cannot be read: ${parsed.problem}`);
      } catch (error) {
        const again = error instanceof CallFailed && error.retryable;
        if (!again || performance.now() + error.waitMs > this.deadline) throw error;
        await delay(error.waitMs);
      }
    }
  }
}

function resultOf(error: unknown): UserAuthResult {
  if (error instanceof PermitWait) {
    return { kind: 'limited', message: error.message, until: error.details.until };
  }
  if (error instanceof PoolClosed) {
    return { kind: 'closed', message: error.message, until: error.details.until };
  }
  if (error instanceof Unreadable) return { kind: 'unavailable', message: error.message };
  if (!(error instanceof CallFailed)) throw error;
  const { verdict, waitMs } = error;
  switch (verdict.kind) {
    case 'rate':
    case 'quota':
      return {
        kind: 'limited',
        message: describeEvidence(verdict.evidence),
        until: Date.now() + (waitMs || verdict.statedWaitMs || 0),
      };
    case 'server':
    case 'pending':
    case 'invalid':
      return { kind: 'unavailable', message: describeEvidence(verdict.evidence) };
    default:
      return { kind: 'refused', ...wordsOf(verdict.evidence) };
  }
}

function wordsOf(evidence: Evidence): { readonly message: string; readonly code: string } {
  return { message: evidence.message ?? describeEvidence(evidence), code: evidence.code ?? '' };
}
