/**
 * Access tokens, fetched through the gateway: one caller of all processes refreshes a token, and none does while the
 * pool is closed.
 */
import type { Dispatcher } from 'undici';
import { clipMessage } from '../../../quota/verdict';
import type { SecretRef } from '../../../settings';
import { resolveSecret, type SecretSources } from '../../../settings';
import type { CallableAccount } from '../../../settings/accounts/accounts';
import { freshToken } from '../../../store/secrets/fresh-token';
import type { KeyRing } from '../../../store/secrets/keyring';
import type { TokenStore } from '../../../store/secrets/tokens';
import type { LoginApi } from '../../../vendors/capabilities/login';
import type { CallResult } from '../../../vendors/contract';
import { PoolClosed } from '../call-errors';
import type { TokenSource } from '../call-terms';
import { sendForText } from '../http/http';
import type { VendorGateway } from '../vendor-call';

export interface LoginDeps {
  readonly gateway: VendorGateway;
  readonly tokens: TokenStore;
  readonly keys: KeyRing;
  readonly secrets: SecretSources;
  readonly dispatcher: Dispatcher;
  readonly timeoutMs: number;
}

/** How long a login waits here for the limits that it falls under, ms: others wait for its lease. */
const LOGIN_WAIT_MS = 5_000;

/**
 * The token source of one account. Logging in is charged to limits but not governed by the pool, and is not retried
 * here: the caller's retry serves. It is served as the most important callers are, for those may be waiting for it.
 * @param caller under which the logins are counted.
 */
export function createTokenSource(
  deps: LoginDeps,
  account: CallableAccount,
  login: LoginApi,
  caller = 'login',
): TokenSource {
  return {
    async reconsider(since) {
      await deps.tokens.clearRefusal(account.poolKey, since);
    },

    async token(staleVersion, signal) {
      const secrets: Record<string, string> = {};
      for (const [name, ref] of Object.entries(login.credentials)) {
        secrets[name] = (await resolveSecret(ref as SecretRef, deps.secrets)).reveal();
      }
      const key = { account: account.poolKey, fingerprint: deps.keys.fingerprint(Object.values(secrets)) };
      return freshToken(deps.tokens, {
        key,
        staleVersion,
        refresh: async () => {
          const closed = await deps.gateway.whyClosed(account, login.operation);
          if (closed) throw closed;
          let sentAt = performance.now();
          try {
            const result = await deps.gateway.call({
              account,
              operation: login.operation,
              priority: 'interactive',
              caller,
              auth: null,
              outsidePool: true,
              secrets: Object.values(secrets),
              attempt: 1,
              inlineWaitMs: LOGIN_WAIT_MS,
              ...(signal ? { signal } : {}),
              send: (_, abort, pass) => {
                sentAt = performance.now();
                return sendForText(login.request(secrets, Date.now()), {
                  dispatcher: deps.dispatcher,
                  timeoutMs: deps.timeoutMs,
                  signal: abort,
                  pass,
                });
              },
            });
            const body = result.kind === 'response' ? result.response.body : '';
            const parsed = login.parse(body);
            if (!parsed.ok)
              throw await noToken(deps, account, login.operation, caller, result, parsed.problem);
            const { accessToken, expiresInMs } = parsed.value;
            // The vendor counts from its answer, or from before it.
            return { kind: 'token', accessToken, expiresInMs: expiresInMs - (performance.now() - sentAt) };
          } catch (error) {
            const refused = refusalOf(error);
            if (refused !== null) return { kind: 'refused', reason: refused };
            throw error;
          }
        },
      });
    },
  };
}

/** An answer that counts as good and holds no token concerns the account, not what the token was wanted for. */
export function noToken(
  { gateway }: Pick<LoginDeps, 'gateway'>,
  account: CallableAccount,
  operation: string,
  caller: string,
  result: CallResult,
  problem: string,
): Promise<Error> {
  const httpStatus = result.kind === 'response' ? result.response.status : undefined;
  const evidence = {
    vendor: account.vendor.id,
    account: account.name,
    operation,
    ...(httpStatus !== undefined && { httpStatus }),
    message: clipMessage(`the login was answered without a token: ${problem}`),
  };
  const terms = { account, operation, priority: 'interactive', caller, auth: null, attempt: 1 } as const;
  return gateway.apply(
    { ...terms, outsidePool: true, inlineWaitMs: LOGIN_WAIT_MS },
    { kind: 'blocked', reason: 'configuration', evidence },
  );
}

/** The vendor's words when it refused the credentials themselves; null for any other failure, a used-up quota say. */
function refusalOf(error: unknown): string | null {
  if (!(error instanceof PoolClosed) || error.verdict?.kind !== 'auth') return null;
  const { code, message } = error.verdict.evidence;
  return [code, message].filter(Boolean).join(': ');
}
