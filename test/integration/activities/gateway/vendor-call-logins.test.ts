/** Tokens and logins of calls: who logs in, how often, and what a refused login stops. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent } from 'undici';
import { CallFailed, PoolClosed } from '../../../../activities/gateway/call-errors';
import type { CallTerms, TokenSource } from '../../../../activities/gateway/call-terms';
import { createTokenSource } from '../../../../activities/gateway/credentials/login';
import type { CallableAccount } from '../../../../settings/accounts/accounts';
import { listLimits } from '../../../../store/permits/permits';
import { applyPoolEvent, readPool, registerPool } from '../../../../store/pools/pools';
import { KeyRing } from '../../../../store/secrets/keyring';
import { TokenStore } from '../../../../store/secrets/tokens';
import { failure, scriptedCalls } from '../../../support/scripted-calls';
import { type Said, termsOf } from '../../../support/scripted-gateway';

const { rig, newAccount, call } = scriptedCalls();
const OK: Said = { kind: 'ok' };
const EXPIRED: Said = { kind: 'auth', reason: 'expired' };
const RATE: Said = { kind: 'rate', statedWaitMs: null, limit: 'ip-per-minute' };

/** Hands out the next version each time one is called stale. */
function tokens(): TokenSource & { version: number } {
  return {
    version: 1,
    async token(stale) {
      if (stale >= this.version) this.version = stale + 1;
      return { accessToken: `token ${this.version}`, version: this.version };
    },
  };
}

describe('a token that the vendor calls expired', () => {
  test('is fetched again, and classify gets freshLogin until the new one has worked', async () => {
    const account = newAccount();
    const terms = termsOf(account, { auth: tokens() });
    await call(terms, EXPIRED, OK);
    await call(terms, OK);
    await call(terms, EXPIRED, OK);
    expect(rig.scripted.callInfos.map((info) => info.freshLogin ?? false)).toEqual([
      false,
      true,
      false,
      false,
      true,
    ]);
  });

  test('and then called something else after the fresh login: no further login is spent on it', async () => {
    const account = newAccount();
    const auth = tokens();
    const terms = termsOf(account, { auth });
    expect(await failure(call(terms, EXPIRED, RATE))).toMatchObject({ verdict: { kind: 'rate' } });
    // The next caller, or the same one's next try, comes with the token that has not worked yet.
    await failure(call(termsOf(account, { auth, inlineWaitMs: 3_000 }), RATE));
    expect(rig.scripted.callInfos.map((info) => info.freshLogin ?? false)).toEqual([false, true, true]);
    expect(auth.version).toBe(2);
  });
});

describe("a call with an end user's own credentials", () => {
  const QUOTA: Said = { kind: 'quota', statedWaitMs: 60_000, limit: null };

  test.each<Said>([
    QUOTA,
    { kind: 'auth', reason: 'refused' },
    { kind: 'billing' },
    { kind: 'blocked' },
    { kind: 'server', statedWaitMs: null, ambiguous: true },
    { kind: 'invalid' },
  ])("leaves the account's pool as it is after %j, and says what the vendor said", async (said) => {
    const account = newAccount();
    await call(termsOf(account), OK);
    const before = await readPool(rig.db, account.poolKey);
    const error = await failure(call(termsOf(account, { foreign: true }), said));
    expect(error).toBeInstanceOf(CallFailed);
    expect(error).toMatchObject({
      verdict: { ...said, evidence: { code: '8902', operation: 'ask' } },
      ambiguous: said.kind === 'server',
    });
    expect(await readPool(rig.db, account.poolKey)).toEqual(before);
    expect(await call(termsOf(account), OK)).toBeDefined();
  });

  test('is charged to the limits that its attributes name, and slows everybody under them', async () => {
    const account = newAccount();
    await failure(call(termsOf(account, { foreign: true }), RATE));
    const [limit] = await listLimits(rig.db, account.poolKey);
    expect(limit?.used).toBe(1);
    expect(limit?.blockedUntil).toBeGreaterThan(Date.now() + 500);
    const denied = await failure(call(termsOf(account, { inlineWaitMs: 0 }), OK));
    expect(denied).toMatchObject({ name: 'PermitWait', details: { limit: limit?.key } });
  });

  test('goes on while the account has used up its own quota, and is no probe after it', async () => {
    const account = newAccount();
    await failure(call(termsOf(account), QUOTA));
    expect(await call(termsOf(account, { foreign: true }), OK)).toBeDefined();
    expect((await readPool(rig.db, account.poolKey))?.state.state).toBe('quota_paused');
  });

  test("stops at an operator's pause", async () => {
    const account = newAccount();
    await registerPool(rig.db, account.poolKey, account.pool);
    await applyPoolEvent(rig.db, account.poolKey, {
      type: 'pause',
      reason: 'paused by operator',
      until: null,
    });
    const error = await failure(call(termsOf(account, { foreign: true }), OK));
    expect(error).toBeInstanceOf(PoolClosed);
  });
});

describe('a login, which is outside the pool', () => {
  const login = (account: CallTerms['account']) =>
    termsOf(account, { operation: 'login', outsidePool: true });

  test.each([
    ['of a stated length', 60_000],
    ['of unknown length', null],
  ])('that meets a used-up quota %s closes the pool as it is now', async (_, statedWaitMs) => {
    const account = newAccount();
    // Some epochs on: the login knows none of them.
    await call(termsOf(account), OK);
    await applyPoolEvent(rig.db, account.poolKey, {
      type: 'pause',
      reason: 'paused by operator',
      until: null,
    });
    await applyPoolEvent(rig.db, account.poolKey, { type: 'resume' });
    const epoch = (await readPool(rig.db, account.poolKey))?.state.epoch ?? 0;
    const error = await failure(call(login(account), { kind: 'quota', statedWaitMs, limit: null }));
    expect(error).toMatchObject({
      name: 'PoolClosed',
      details: { state: 'quota_paused', epoch: epoch + 1 },
      verdict: { kind: 'quota' },
    });
    expect(await failure(call(termsOf(account), OK))).toMatchObject({ details: { state: 'quota_paused' } });
  });
});

describe('a login made for a call', () => {
  /** @param says what the login is answered with. */
  async function withLogin(
    says: () => Said & { readonly token?: string },
    use: (account: CallableAccount, auth: TokenSource) => Promise<void>,
  ): Promise<void> {
    const server = createServer((_, response) => response.end(JSON.stringify(says()))).listen(0, '127.0.0.1');
    const dispatcher = new Agent();
    try {
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const account = newAccount();
      const keys = KeyRing.parse(randomBytes(32).toString('base64'));
      const auth = createTokenSource(
        {
          gateway: rig.scripted.gateway,
          tokens: new TokenStore(rig.db, keys),
          keys,
          secrets: {},
          dispatcher,
          timeoutMs: 5_000,
        },
        account,
        {
          operation: 'login',
          credentials: {},
          request: () => ({ method: 'GET', url: `http://127.0.0.1:${port}/`, headers: {} }),
          parse: (body) => ({
            ok: true,
            value: { accessToken: JSON.parse(body).token, expiresInMs: 3_600_000 },
          }),
        },
      );
      await registerPool(rig.db, account.poolKey, account.pool);
      await use(account, auth);
    } finally {
      await dispatcher.close();
      server.close();
    }
  }

  test('that meets a used-up quota succeeds when that is back: the credentials were not refused', async () => {
    let says: Said & { readonly token?: string } = { kind: 'quota', statedWaitMs: 60_000, limit: null };
    await withLogin(
      () => says,
      async (account, auth) => {
        const paused = await failure(call(termsOf(account, { auth }), OK));
        expect(paused).toMatchObject({ name: 'PoolClosed', details: { state: 'quota_paused' } });

        says = { kind: 'ok', token: 'a token' };
        await applyPoolEvent(rig.db, account.poolKey, { type: 'resume' });
        expect(await call(termsOf(account, { auth }), OK)).toBeDefined();
        expect((await readPool(rig.db, account.poolKey))?.state.state).toBe('closed');
      },
    );
  });

  test('that fails is tried as often as the call, ever more slowly, and opens the breaker like any call', async () => {
    await withLogin(
      () => ({ kind: 'server', statedWaitMs: null, ambiguous: false }),
      async (account, auth) => {
        const failed = (attempt: number) => failure(call(termsOf(account, { auth, attempt }), OK));
        expect(await failed(1)).toMatchObject({ name: 'CallFailed', retryable: true, waitMs: 100 });
        expect(await failed(2)).toMatchObject({ name: 'CallFailed', retryable: false, waitMs: 200 });
        for (let more = 3; more <= 5; more++) await failed(1);
        expect(await failed(1)).toMatchObject({ name: 'PoolClosed', details: { state: 'open' } });
      },
    );
  });

  test('that is too fast is given up after the tries of the call', async () => {
    await withLogin(
      () => ({ kind: 'rate', statedWaitMs: null, limit: null }),
      async (account, auth) => {
        const failed = (attempt: number) => failure(call(termsOf(account, { auth, attempt }), OK));
        expect(await failed(1)).toMatchObject({ name: 'CallFailed', retryable: true });
        expect(await failed(4)).toMatchObject({ name: 'CallFailed', retryable: false, waitMs: 8000 });
      },
    );
  });
});
