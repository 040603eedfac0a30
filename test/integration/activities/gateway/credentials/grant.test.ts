import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pool } from 'pg';
import {
  GRANT_ANSWER,
  grantSecrets,
  type KeptGrant,
  storeKept,
} from '../../../../../activities/gateway/credentials/grant';
import type { CallableAccount } from '../../../../../settings/accounts/accounts';
import { listEvents } from '../../../../../store/events/events';
import { applyPoolEvent, readPool, registerPool } from '../../../../../store/pools/pools';
import { GrantStore } from '../../../../../store/secrets/grants';
import { listKeyUses } from '../../../../../store/secrets/key-uses';
import { KeyRing } from '../../../../../store/secrets/keyring';
import { createLogin, readLogin } from '../../../../../store/secrets/logins';
import { Vault } from '../../../../../store/secrets/vault';
import { eventually } from '../../../../support/eventually';
import { Child } from '../../../../support/processes/child';
import {
  type GrantCaller,
  grantCaller,
  type KillStep,
  scriptedGrant,
  spoolIn,
} from '../../../../support/processes/grant-caller';
import { answer, termsOf } from '../../../../support/scripted-gateway';
import { uniqueName } from '../../../../support/stacks/embedded';
import { ownDatabase } from '../../../../support/stacks/own-database';
import { OAuthServer } from '../../../../support/vendors/oauth-server';

let db: Pool;
let databaseUrl: string;
let server: OAuthServer;
let caller: GrantCaller;
const key = randomBytes(32).toString('base64');
const keys = KeyRing.parse(key);

ownDatabase({ max: 8 }, (made, url) => {
  [db, databaseUrl] = [made, url];
});

beforeEach(async () => {
  server = await OAuthServer.start();
  caller = newCaller();
  await registerPool(db, caller.account.poolKey, caller.account.pool);
});
afterEach(() => server.close());

const newCaller = (name = uniqueName('account'), more?: Partial<CallableAccount>) =>
  grantCaller(db, keys, name, scriptedGrant(server.url), undefined, more);

/** Somebody has logged in, and the access token has run out. */
async function logIn(refreshToken = server.valid): Promise<void> {
  const { digest } = await grantSecrets({ secrets: {} }, { credentials: {} });
  await caller.grants.storeLogin(caller.account.poolKey, {
    ...{ accessToken: 'access-token-of-the-login', expiresInMs: 0, credentials: digest },
    ...{ refreshToken, refreshExpiresInMs: 86_400 * 1000, subject: 'a person' },
  });
}

const failure = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => error as Error & Record<string, unknown>,
  );
const callOnce = ({ scripted, account, auth } = caller) =>
  scripted.gateway.call({ ...termsOf(account, { auth }), send: async () => answer({ kind: 'ok' }) });
const events = async (kind: string) =>
  (await listEvents(db, { pool: caller.account.poolKey, limit: 50 })).filter((e) => e.kind === kind);
const state = async () => (await readPool(db, caller.account.poolKey))?.state;

test('of many callers one buys a token, and its refresh token is kept', async () => {
  await logIn();
  const others = Array.from({ length: 10 }, () => newCaller(caller.account.name).auth.token(0, undefined));
  expect(new Set((await Promise.all(others)).map(({ accessToken }) => accessToken))).toEqual(
    new Set(['access-token-number-1']),
  );
  expect(server.asked).toEqual(['refresh-token-number-0']);
  const { grant } = await caller.auth.session();
  expect(grant).toMatchObject({ refreshToken: 'refresh-token-number-1', subject: 'a person' });
  // As it came, although it holds what was sent.
  expect(Buffer.from(grant.idToken?.split('.')[1] ?? '', 'base64url').toString()).toContain(
    'refresh-token-number-0',
  );
});

test.each([
  ['a used-up quota', { kind: 'quota', statedWaitMs: 60_000, limit: null }, 'quota_paused'],
  ['a rate', { kind: 'rate', statedWaitMs: null, limit: null }, 'closed'],
])('%s leaves the refresh token as it is, unmarked', async (_, verdict, expected) => {
  await logIn();
  server.mode = verdict;
  expect(await failure(callOnce())).not.toBeNull();
  expect((await state())?.state).toBe(expected);
  expect(await caller.grants.read(caller.account.poolKey)).toMatchObject({
    refreshToken: 'refresh-token-number-0',
    answerAwaited: false,
  });
  if (expected === 'quota_paused') {
    await failure(callOnce());
    expect(server.asked).toHaveLength(1);
    await applyPoolEvent(db, caller.account.poolKey, { type: 'resume' });
  }
  server.mode = 'tokens';
  await callOnce();
  expect(await events('login.needed')).toEqual([]);
});

test('an answer that brings the next refresh token and no access token is reported, and the token kept', async () => {
  await logIn();
  server.mode = { kind: 'ok', refresh_token: 'refresh-token-of-odd-answer' };
  expect(await failure(callOnce())).toMatchObject({
    name: 'PoolClosed',
    message: expect.stringContaining('access_token: is missing'),
  });
  expect(await caller.grants.read(caller.account.poolKey)).toMatchObject({
    refreshToken: 'refresh-token-of-odd-answer',
    answerAwaited: false,
  });
  server.mode = 'tokens';
  server.valid = 'refresh-token-of-odd-answer';
  await applyPoolEvent(db, caller.account.poolKey, { type: 'resume' });
  await callOnce();
  expect(await events('login.needed')).toEqual([]);
});

describe('a refresh outside the metered API', () => {
  const spendDay = (operation: string, statedWaitMs: number) =>
    applyPoolEvent(db, caller.account.poolKey, {
      ...{ type: 'quota', epoch: 1, statedWaitMs, reason: 'used up', jitter: 0 },
      evidence: { vendor: 'scripted', account: caller.account.name, operation },
    });
  beforeEach(async () => {
    const api = scriptedGrant(server.url);
    const { account } = caller;
    caller = grantCaller(db, keys, account.name, api, undefined, {
      vendor: { ...account.vendor, unmetered: [api.operation] },
    });
    await logIn();
    await spendDay('ask', 600_000);
  });

  test('is made while the quota is used up, and no other call is', async () => {
    const { accessToken } = await caller.auth.token(0, undefined);
    expect(accessToken).toBe('access-token-number-1');
    expect(await failure(callOnce())).toMatchObject({ details: { state: 'quota_paused' } });
    expect(caller.scripted.callInfos.filter(({ operation }) => operation === 'ask')).toEqual([]);
    expect(await state()).toMatchObject({ state: 'quota_paused' });
  });

  test.each(['operator', 'blocked', 'login'] as const)('waits while the pool is held: %s', async (cause) => {
    await applyPoolEvent(db, caller.account.poolKey, {
      ...{ type: 'hold', epoch: 2, reason: 'a test', cause },
      evidence: { vendor: 'scripted', account: caller.account.name, operation: 'ask' },
    });
    expect(await failure(caller.auth.token(0, undefined))).toMatchObject({ details: { state: 'held' } });
    expect(server.asked).toEqual([]);
  });

  test('that is refused for a quota stops until that time, and stops nothing else', async () => {
    await applyPoolEvent(db, caller.account.poolKey, { type: 'resume' });
    server.mode = { kind: 'quota', statedWaitMs: 60_000, limit: null };
    expect(await failure(caller.auth.token(0, undefined))).toMatchObject({ name: 'PermitWait' });
    await spendDay('ask', 600_000);
    const again = await failure(newCaller(caller.account.name, caller.account).auth.token(0, undefined));
    expect(again).toMatchObject({ name: 'PermitWait', details: { limit: 'refresh' } });
    expect(server.asked).toHaveLength(1);
    expect((await events('calls.stopped'))[0]?.data).toMatchObject({ operation: 'refresh' });
    expect(await caller.grants.read(caller.account.poolKey)).toMatchObject({ answerAwaited: false });

    server.mode = 'tokens';
    await db.query('update call_kinds set until_ms = now_ms() where pool = $1', [caller.account.poolKey]);
    expect((await caller.auth.token(0, undefined)).accessToken).toBe('access-token-number-2');
    expect(await events('calls.resumed')).toHaveLength(1);
  });
});

describe('a process that is killed', () => {
  async function killAt(
    killAt: KillStep,
    whenAsked?: () => void,
    spoolDir: string | null = null,
  ): Promise<void> {
    await logIn();
    const { name: account } = caller.account;
    const options = { databaseUrl: databaseUrl, key, account, url: server.url, killAt, spoolDir };
    const child = new Child('grant-caller.ts', options);
    try {
      expect(await child.hear()).toBe('asking');
      if (whenAsked) {
        await eventually('the refresh has arrived', () => server.asked.length > 0);
        await child.end();
        whenAsked();
      } else await expect(child.hear()).rejects.toThrow('SIGKILL');
    } finally {
      await child.end();
    }
    // Nobody waits for the lease of a process that is gone for longer than this; the test does not wait at all.
    await db.query('update tokens set lease_until = now() where account = $1', [caller.account.poolKey]);
  }

  test.each<[KillStep, number, boolean]>([
    ['before', 1, false],
    ['marked', 1, true],
    ['committed', 1, false],
  ])('at "%s" has lost nothing', async (step, asked, marked) => {
    await killAt(step);
    expect(await caller.grants.read(caller.account.poolKey)).toMatchObject({ answerAwaited: marked });
    await callOnce();
    expect(server.asked).toHaveLength(asked);
    expect(await events('login.needed')).toEqual([]);
  });

  test.each<[string, () => Promise<void>]>([
    ['between the call and its answer', () => withMode('silent', () => killAt('never', () => undefined))],
    ['between the answer and the commit', () => killAt('answered')],
  ])(
    '%s: the token is tried once more, and where it is used up a login is asked for, once',
    async (_, kill) => {
      await kill();
      expect(await caller.grants.read(caller.account.poolKey)).toMatchObject({ answerAwaited: true });
      const refused = await failure(callOnce());
      expect(refused).toMatchObject({ name: 'PoolClosed', details: { state: 'held', until: null } });
      expect(refused?.message).toMatch(/needs a login.*was lost/);
      expect(refused?.message).not.toContain('refresh-token-number');
      await failure(callOnce());
      await failure(callOnce(newCaller(caller.account.name)));
      expect(server.asked).toEqual(['refresh-token-number-0', 'refresh-token-number-0']);
      expect(await events('login.needed')).toHaveLength(1);

      // An operator's word is worth one more try, and no second event.
      await applyPoolEvent(db, caller.account.poolKey, { type: 'resume' });
      await failure(callOnce());
      await failure(callOnce());
      expect(server.asked).toHaveLength(3);
      expect(await events('login.needed')).toHaveLength(1);
      expect(await state()).toMatchObject({ state: 'held', cause: 'login' });

      server.valid = 'refresh-token-of-a-new-login';
      await logIn();
      await caller.scripted.gateway.credentialsRenewed(caller.account);
      await callOnce();
      expect(await state()).toMatchObject({ state: 'closed' });
    },
  );

  test('between the answer and the commit, at a vendor that takes the token again, has lost nothing', async () => {
    server.lenient = true;
    await killAt('answered');
    await callOnce();
    expect(await events('login.needed')).toEqual([]);
  });

  test('after the answer was read has lost nothing: what it left on disk is found by whoever misses it', async () => {
    const root = mkdtempSync(join(tmpdir(), 'spool-'));
    const spool = spoolIn(root, keys);
    spool.on(GRANT_ANSWER, async (data) => {
      await storeKept(caller.grants, data as KeptGrant, 0);
    });
    try {
      await killAt('answered', undefined, root);
      caller = grantCaller(db, keys, caller.account.name, scriptedGrant(server.url), undefined, {}, spool);
      await callOnce();
      expect(server.asked).toHaveLength(1);
      expect(await events('login.needed')).toEqual([]);
      expect((await caller.auth.session()).grant.refreshToken).toBe('refresh-token-number-1');
      expect(readdirSync(root, { recursive: true }).filter((f) => String(f).endsWith('.entry'))).toEqual([]);
    } finally {
      await spool.stop();
      rmSync(root, { recursive: true, force: true });
    }
  });

  async function withMode(mode: OAuthServer['mode'], work: () => Promise<void>): Promise<void> {
    server.mode = mode;
    await work();
    server.mode = 'tokens';
  }
});

test('who was frozen and comes back with the answer frees the account again', async () => {
  await logIn();
  server.mode = 'late';
  const late = caller.auth.token(0, undefined);
  await eventually('the refresh has arrived', () => server.asked.length > 0);
  server.mode = 'tokens';
  // Its lease has run out, and another caller takes the token for lost.
  await db.query("update tokens set lease_until = now(), lease_owner = 'gone' where account = $1", [
    caller.account.poolKey,
  ]);
  expect(await failure(callOnce(newCaller(caller.account.name)))).toMatchObject({ name: 'PoolClosed' });
  server.release();
  expect((await late).accessToken).toBe('access-token-number-1');
  expect(await state()).toMatchObject({ state: 'half_open' });
  await callOnce();
  expect(await caller.grants.read(caller.account.poolKey)).toMatchObject({ answerAwaited: false });
});

test('an account that nobody has logged in to is held, with one event and without a call', async () => {
  expect(await failure(callOnce())).toMatchObject({
    name: 'PoolClosed',
    message: expect.stringContaining('`login '),
  });
  await failure(callOnce());
  expect(server.asked).toEqual([]);
  expect(await events('login.needed')).toHaveLength(1);
});

test('a token called expired is renewed by one caller, and one that lives shorter than the margin serves', async () => {
  await logIn();
  server.expiresInMs = 40_000;
  const first = await caller.auth.token(0, undefined);
  expect((await caller.auth.token(0, undefined)).version).toBe(first.version);
  const after = await Promise.all([1, 2, 3].map(() => caller.auth.token(first.version, undefined)));
  expect(new Set(after.map(({ version }) => version)).size).toBe(1);
  expect(server.asked).toHaveLength(2);
  // As it is three quarters of its life later.
  await db.query(
    `update tokens set expires_at = expires_at - interval '31 s', updated_at = updated_at - interval '31 s'
     where account = $1`,
    [caller.account.poolKey],
  );
  expect((await caller.auth.token(0, undefined)).version).toBeGreaterThan(after[0]?.version ?? 0);
});

test('what was kept on disk and is stored again after a crash replaces nothing newer', async () => {
  const { digest } = await grantSecrets({ secrets: {} }, { credentials: {} });
  const account = caller.account.poolKey;
  const tokens = (n: number) => ({
    ...{
      accessToken: `access-${n}`,
      expiresInMs: 60_000,
      refreshToken: `refresh-of-${n}`,
      credentials: digest,
    },
    refreshExpiresInMs: 60_000,
  });
  const { id } = await createLogin(db, { account, kind: 'device-code', askedBy: 'a test' });
  const login: KeptGrant = { account, generation: null, bought: tokens(1), login: id };
  const refresh: KeptGrant = { account, generation: 1, bought: tokens(2) };
  expect(await storeKept(caller.grants, login, 0)).toMatchObject({ version: 1 });
  expect(await readLogin(db, id)).toMatchObject({ state: 'done' });
  expect(await storeKept(caller.grants, refresh, 0)).toMatchObject({ version: 2 });
  expect(await storeKept(caller.grants, login, 0)).toBeNull();
  expect(await storeKept(caller.grants, refresh, 0)).toBeNull();
  expect(await caller.grants.read(account)).toMatchObject({ refreshToken: 'refresh-of-2', generation: 2 });
  // A token whose answer is older than its life is stored, and not used.
  await storeKept(caller.grants, { account, generation: 2, bought: tokens(3) }, 61_000);
  server.valid = 'refresh-of-3';
  expect((await caller.auth.token(0, undefined)).accessToken).toBe('access-token-number-1');
});

test('a new key reads and rotates a grant, and a wrong one says that it is the wrong one', async () => {
  await logIn();
  const next = randomBytes(32).toString('base64');
  const both = KeyRing.parse(`${next},${key}`);
  const stranger = new GrantStore(db, KeyRing.parse(randomBytes(32).toString('base64')));
  await expect(stranger.read(caller.account.poolKey)).rejects.toMatchObject({ code: 'unknown-key' });
  expect((await new Vault(db, both).rotate()).grants).toBeGreaterThanOrEqual(1);
  expect((await listKeyUses(db)).filter(({ what }) => what === 'grants')).toEqual([
    { what: 'grants', keyId: both.currentId, rows: expect.any(Number) },
  ]);
  expect(await new GrantStore(db, KeyRing.parse(next)).read(caller.account.poolKey)).toMatchObject({
    refreshToken: 'refresh-token-number-0',
  });
});
