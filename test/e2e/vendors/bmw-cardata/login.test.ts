import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { findAccount } from '../../../../settings/accounts/accounts';
import { listEvents } from '../../../../store/events/events';
import { applyPoolEvent, readPool, registerPool } from '../../../../store/pools/pools';
import { type CarDataSimulator, startCarDataSimulator } from '../../../../vendors/bmw-cardata/simulator';
import { type Cli, cliFor } from '../../../support/cli';
import { eventually } from '../../../support/eventually';
import { type CoreStack, startCore } from '../../../support/stacks/core-stack';
import { uniqueName } from '../../../support/stacks/embedded';

const ACCOUNT = uniqueName('cars');
const HASTY = uniqueName('hasty');
const ODD = uniqueName('odd');
const LOSING = uniqueName('losing');
const UNLUCKY = uniqueName('unlucky');
const LATE = uniqueName('late');
const IDLE = uniqueName('idle');
const TEXTS = uniqueName('texts');

let stack: CoreStack & { readonly vendor: CarDataSimulator };
let sluice: Cli;
/** Its codes are good for a moment: everybody comes too late. */
let hasty: CarDataSimulator;

/** A login whose answers go wrong, then ask for more patience, then bring tokens; or, for another client, are lost with them. */
const odd = {
  url: '',
  polls: [] as number[],
  codes: 0,
  asked: new Map<string, number>(),
  unentered: new Map<string, number>(),
  close: () => undefined as unknown,
};

async function startOdd(): Promise<void> {
  const server = createServer(async (request, response) => {
    let form = '';
    for await (const part of request) form += part;
    if (request.url?.endsWith('/device/code')) {
      const code = {
        device_code: 'a-device-code-of-the-test',
        user_code: `ABCD${++odd.codes}`,
        interval: 1,
        expires_in: form.includes('client-that-is-late') ? 3 : 60,
      };
      response.end(JSON.stringify({ ...code, verification_uri: odd.url }));
      return;
    }
    const [, nobody] = /client-that-is-(late|idle)/.exec(form) ?? [];
    if (nobody !== undefined) {
      const asked = (odd.unentered.get(nobody) ?? 0) + 1;
      odd.unentered.set(nobody, asked);
      if (asked === 1) return void request.socket.destroy();
      const [status, error] =
        nobody === 'idle' && asked === 2 ? [403, 'authorization_pending'] : [401, 'expired_token'];
      return void response.writeHead(status).end(JSON.stringify({ error }));
    }
    const [loser] = /client-that-loses-(?:once|twice)/.exec(form) ?? [];
    const asked = (odd.asked.get(loser ?? '') ?? 0) + 1;
    if (loser !== undefined) {
      odd.asked.set(loser, asked);
      if (asked === 1 || (asked === 3 && loser.endsWith('twice'))) return void request.socket.destroy();
      if (asked !== 3) return void response.writeHead(400).end(JSON.stringify({ error: 'invalid_grant' }));
    }
    if (loser === undefined) odd.polls.push(Date.now());
    if (odd.polls.length === 1) request.socket.destroy();
    else if (odd.polls.length === 2) {
      response.statusCode = 400;
      response.end(JSON.stringify({ error: 'slow_down' }));
    } else {
      const tokens = { access_token: 'an-access-token-of-the-test', expires_in: 3600, gcid: 'somebody' };
      response.end(JSON.stringify({ ...tokens, refresh_token: 'a-refresh-token-of-the-test' }));
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  odd.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  odd.close = () => server.close();
}

beforeAll(async () => {
  await startOdd();
  hasty = await startCarDataSimulator({ login: { intervalSeconds: 1, expiresSeconds: 2 } });
  stack = await startCore({
    name: 'cardata-login',
    env: {},
    startVendor: () => startCarDataSimulator({ login: { intervalSeconds: 1 } }),
    settings: ({ url }) => ({
      accounts: {
        [ACCOUNT]: { vendor: 'bmw-cardata', baseUrl: url, loginUrl: url, clientId: 'client-of-the-test' },
        [HASTY]: {
          vendor: 'bmw-cardata',
          baseUrl: hasty.url,
          loginUrl: hasty.url,
          clientId: 'client-of-the-test',
        },
        [ODD]: { vendor: 'bmw-cardata', baseUrl: url, loginUrl: odd.url, clientId: 'client-of-the-test' },
        [LOSING]: {
          vendor: 'bmw-cardata',
          baseUrl: url,
          loginUrl: odd.url,
          clientId: 'client-that-loses-once',
        },
        [UNLUCKY]: {
          vendor: 'bmw-cardata',
          baseUrl: url,
          loginUrl: odd.url,
          clientId: 'client-that-loses-twice',
        },
        [LATE]: { vendor: 'bmw-cardata', baseUrl: url, loginUrl: odd.url, clientId: 'client-that-is-late' },
        [IDLE]: { vendor: 'bmw-cardata', baseUrl: url, loginUrl: odd.url, clientId: 'client-that-is-idle' },
        [TEXTS]: { vendor: 'openai', apiKey: 'env:SLUICE_VAULT_KEY' },
      },
    }),
  });
  sluice = cliFor(stack);
  await stack.startWorker();
});
afterAll(async () => {
  await stack?.close();
  await hasty?.close();
  odd.close();
});

interface Shown {
  readonly state: string;
  readonly url: string;
  readonly userCode: string;
  readonly message: string;
}
const shown = (out: string): Shown[] => {
  const texts = out.split(/(?<=^\})\n/m).filter((text) => text.trim() !== '');
  return texts.map((text) => JSON.parse(text) as Shown);
};
const pool = async () => (await readPool(stack.db, `bmw-cardata/${ACCOUNT}`))?.state;

/** Runs a login, and follows its link as the person does. */
async function login(query = '') {
  const running = sluice(['login', 'bmw-cardata', '--account', ACCOUNT, '--json']);
  const url = await eventually('the code is shown', async () => {
    const { rows } = await stack.db.query<{ url: string }>("select url from logins where state = 'waiting'");
    return rows[0]?.url;
  });
  await fetch(`${url}${query}`);
  const ran = await running;
  return { ...ran, last: shown(ran.out).at(-1) };
}

test('a person who enters the code is logged in, and the pool that waited for that is free', async () => {
  const account = findAccount(stack.settings, ACCOUNT);
  await registerPool(stack.db, account.poolKey, account.pool);
  await applyPoolEvent(stack.db, account.poolKey, {
    ...{ type: 'hold', epoch: 1, reason: 'needs a login', cause: 'login' },
    evidence: { vendor: 'bmw-cardata', account: ACCOUNT, operation: 'login' },
  });
  const { code, out, err, last } = await login();
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(shown(out).map(({ state }) => state)).toEqual(['waiting', 'done']);
  expect(last).toMatchObject({ account: ACCOUNT, state: 'done' });
  await eventually('the pool is free', async () => (await pool())?.state === 'half_open');

  const listed = JSON.parse((await sluice(['logins', '--json'])).out);
  expect(listed[0]).toMatchObject({ account: ACCOUNT, by: 'device-code', state: 'ready', reason: null });
  expect(Date.parse(listed[0].refreshGoodUntil)).toBeGreaterThan(Date.now() + 13 * 86_400 * 1000);
  expect((await listEvents(stack.db, { limit: 50 })).map(({ kind }) => kind)).toContain('login.done');

  // What was paid for with a person's time is in no history.
  const { rows } = await stack.db.query<{ id: number }>('select id from logins order by id desc limit 1');
  const handle = stack.client.workflow.getHandle(`login:${ACCOUNT}:${rows[0]?.id}`);
  const history = JSON.stringify(await handle.fetchHistory(), (_, value) =>
    value?.type === 'Buffer' ? Buffer.from(value.data).toString() : value,
  );
  expect(history).not.toMatch(/device_code|access_token|refresh_token|verifier/);
});

test('a person who refuses, or does not come, sees that as the outcome', async () => {
  const denied = await login('&decision=deny');
  expect(denied.code).toBe(4);
  expect(denied.last).toMatchObject({ state: 'refused' });
  const late = await sluice(['login', HASTY, '--json']);
  expect(late.code).toBe(1);
  expect(shown(late.out).at(-1)).toMatchObject({
    state: 'expired',
    message: expect.stringContaining('not entered in time'),
  });
  expect((await pool())?.state).not.toBe('held');
});

test('a lost answer is one poll less, and "slow down" makes the polls five seconds slower', async () => {
  const ran = await sluice(['login', 'bmw-cardata', '--account', ODD]);
  expect(ran).toMatchObject({ code: 0, out: expect.stringContaining(`${ODD}: logged in`) });
  const [first = 0, second = 0, third = 0] = odd.polls;
  expect(second - first).toBeGreaterThanOrEqual(950);
  expect(third - second).toBeGreaterThanOrEqual(5_950);
  expect(JSON.parse((await sluice(['logins', '--json'])).out)[2]).toMatchObject({ subject: 'somebody' });
});

test('a code that is used up by a poll whose answer was lost is asked for again, once', async () => {
  const ran = await sluice(['login', LOSING, '--json']);
  const codes = shown(ran.out).map(({ state, userCode }) => ({ state, userCode }));
  expect(codes.map(({ state }) => state)).toEqual(['waiting', 'waiting', 'done']);
  expect(codes[1]?.userCode).not.toBe(codes[0]?.userCode);
  expect(ran).toMatchObject({ code: 0, err: expect.stringContaining('was lost') });

  const unlucky = await sluice(['login', UNLUCKY, '--json']);
  expect(unlucky.code).toBe(1);
  expect(shown(unlucky.out).map(({ state }) => state)).toEqual(['waiting', 'waiting', 'failed']);
  expect(shown(unlucky.out).at(-1)?.message).toContain('was lost: log in again');
  expect([...odd.asked.values()]).toEqual([3, 4]);
});

test.each([
  ['by its age', LATE],
  ['and a later poll said that it had not been entered', IDLE],
])('a code that expires after an unanswered poll has expired, %s: nothing was lost', async (_, account) => {
  const ran = await sluice(['login', account, '--json']);
  expect(shown(ran.out).map(({ state }) => state)).toEqual(['waiting', 'expired']);
  // On a busy machine no poll may come after the unanswered one: then that is said, too.
  expect(shown(ran.out).at(-1)?.message).toMatch(
    /^the code was not entered in time(?:; the last answer was none|$)/,
  );
  expect(ran.err).not.toContain('lost');
});

test('an account with a key has nothing to log in to', async () => {
  const ran = await sluice(['login', TEXTS]);
  expect(ran.code).toBe(2);
  expect(ran.err).toContain('nothing to log in to');
  expect((await sluice(['login', 'nobody'])).err).toContain('is not in the settings');
});
