import { findAccount } from '../../../../settings/accounts/accounts';
import { listEvents } from '../../../../store/events/events';
import { applyPoolEvent, readPool, registerPool } from '../../../../store/pools/pools';
import { type CarDataSimulator, startCarDataSimulator } from '../../../../vendors/bmw-cardata/simulator';
import { type Cli, cliFor } from '../../../support/cli';
import { type CoreStack, startCore } from '../../../support/core-stack';
import { eventually } from '../../../support/eventually';

let stack: CoreStack & { readonly vendor: CarDataSimulator };
let sluice: Cli;

const LOGIN = { intervalSeconds: 1, expiresSeconds: 4, slowDownSeconds: 5 };

beforeAll(async () => {
  stack = await startCore({
    name: 'cardata-login',
    env: {},
    startVendor: () => startCarDataSimulator({ login: LOGIN }),
    settings: ({ url }) => ({
      accounts: {
        cars: { vendor: 'bmw-cardata', baseUrl: url, loginUrl: url, clientId: 'client-of-the-test' },
        texts: { vendor: 'openai', apiKey: 'env:SLUICE_VAULT_KEY' },
      },
    }),
  });
  sluice = cliFor(stack);
  await stack.startWorker();
});
afterAll(() => stack.close());

interface Shown {
  readonly state: string;
  readonly url: string;
  readonly message: string;
}
const shown = (out: string): Shown[] => {
  const texts = out.split(/(?<=^\})\n/m).filter((text) => text.trim() !== '');
  return texts.map((text) => JSON.parse(text) as Shown);
};
const pool = async () => (await readPool(stack.db, 'bmw-cardata/cars'))?.state;

/** Runs a login, and follows its link as the person does. */
async function login(query = '') {
  const running = sluice(['login', 'bmw-cardata', '--json']);
  const url = await eventually('the code is shown', async () => {
    const { rows } = await stack.db.query<{ url: string }>("select url from logins where state = 'waiting'");
    return rows[0]?.url;
  });
  if (query !== 'nobody') await fetch(`${url}${query}`);
  const ran = await running;
  return { ...ran, last: shown(ran.out).at(-1) };
}

test('a person who enters the code is logged in, and the pool that waited for that is free', async () => {
  const account = findAccount(stack.settings, 'cars');
  await registerPool(stack.db, account.poolKey, account.pool);
  await applyPoolEvent(stack.db, account.poolKey, {
    ...{ type: 'hold', epoch: 1, reason: 'needs a login', cause: 'login' },
    evidence: { vendor: 'bmw-cardata', account: 'cars', operation: 'login' },
  });
  const { code, out, err, last } = await login();
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(shown(out).map(({ state }) => state)).toEqual(['waiting', 'done']);
  expect(last).toMatchObject({ account: 'cars', state: 'done' });
  await eventually('the pool is free', async () => (await pool())?.state === 'half_open');

  const listed = JSON.parse((await sluice(['logins', '--json'])).out);
  expect(listed[0]).toMatchObject({ account: 'cars', by: 'device-code', state: 'ready', reason: null });
  expect(Date.parse(listed[0].refreshGoodUntil)).toBeGreaterThan(Date.now() + 13 * 86_400 * 1000);
  expect((await listEvents(stack.db, { limit: 50 })).map(({ kind }) => kind)).toContain('login.done');

  // What was paid for with a person's time is in no history.
  const { rows } = await stack.db.query<{ id: number }>('select id from logins order by id desc limit 1');
  const handle = stack.client.workflow.getHandle(`login:cars:${rows[0]?.id}`);
  const history = JSON.stringify(await handle.fetchHistory(), (_, value) =>
    value?.type === 'Buffer' ? Buffer.from(value.data).toString() : value,
  );
  expect(history).not.toMatch(/device_code|access_token|refresh_token|verifier/);
});

test('who refuses, or does not come, is told so', async () => {
  const denied = await login('&decision=deny');
  expect(denied.code).toBe(4);
  expect(denied.last).toMatchObject({ state: 'refused' });
  const late = await login('nobody');
  expect(late.code).toBe(1);
  expect(late.last).toMatchObject({
    state: 'expired',
    message: expect.stringContaining('not entered in time'),
  });
  expect((await pool())?.state).not.toBe('held');
});

test('an account with a key has nothing to log in to', async () => {
  const ran = await sluice(['login', 'texts']);
  expect(ran.code).toBe(2);
  expect(ran.err).toContain('nothing to log in to');
  expect((await sluice(['login', 'nobody'])).err).toContain('is not in the settings');
});
