/** `POST /`: a vehicle for whoever knows its user's credentials, and for nobody else. */
import { stringify } from 'yaml';
import { createPool } from '../../../../store/db';
import { applyPoolEvent, registerPool } from '../../../../store/pools/pools';
import { bmwPool } from '../../../../vendors/bmw/pool';
import { type MyBmwSimulator, startMyBmwSimulator } from '../../../../vendors/bmw-mybmw/simulator';
import { routeOf, send, undocumented } from '../../../support/api-samples';
import { type ApiProcess, startApi } from '../../../support/processes/api-process';
import { closedAddress } from '../../../support/stacks/api-stack';
import { type TestDatabase, testDatabase } from '../../../support/stacks/embedded';

const OWNER = { email: 'demo@example.com', password: 'demo-password-1' };
const OTHER = { email: 'other@example.com', password: 'other-password-1' };

let database: TestDatabase;
let simulator: MyBmwSimulator;
let api: ApiProcess;
const vins: Record<string, string> = {};

beforeAll(async () => {
  database = await testDatabase({ migrated: true });
  simulator = await startMyBmwSimulator({
    users: [OWNER, OTHER],
    cars: [OWNER, OTHER].map(({ email }) => ({
      owner: email,
      parked: true,
      driveTrain: 'COMBUSTION' as const,
    })),
    login: { captchaOnce: true },
  });
  const cars = (await (await fetch(`${simulator.url}/_sim/cars`)).json()) as { vin: string; owner: string }[];
  for (const { vin, owner } of cars) vins[owner] = vin;
  api = await serve();
});
afterAll(async () => {
  await api?.end();
  await simulator?.close();
  await database.drop();
});

const car = () => ({ vendor: 'bmw-mybmw', baseUrl: simulator.url });
const serve = (databaseUrl = database.url, more: object = {}) =>
  startApi(stringify({ database: { url: databaseUrl }, accounts: { car: car() }, ...more }));

async function ask(body: Record<string, unknown>, { url } = api) {
  const answer = await fetch(`${url}/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return {
    status: answer.status,
    retryAfter: answer.headers.get('retry-after'),
    // biome-ignore lint/suspicious/noExplicitAny: whatever was answered
    body: (await answer.json()) as any,
  };
}

test('only credentials that the vendor has accepted, and the account’s own, are shown its vehicle', async () => {
  const wkn = vins[OWNER.email] ?? '';
  const mine = { ...OWNER, wkn };
  expect(await ask(mine)).toMatchObject({
    status: 409,
    body: { code: 'LOGIN_NEEDS_CAPTCHA', field: '/captcha' },
  });
  const wrong = await ask({ ...mine, password: 'wrong-password', captcha: 'one' });
  expect(wrong).toMatchObject({ status: 401, body: { code: 'WRONG_CREDENTIALS' } });
  const shown = await ask({ ...mine, captcha: 'two' });
  expect(shown).toMatchObject({
    status: 200,
    body: { vehicle: { vehicleId: wkn }, read: { read: 'state' } },
  });
  expect(JSON.stringify([wrong, shown])).not.toMatch(/-password/);
  // The same ones again cost no login; a changed password does.
  expect(await ask({ ...mine, wkn: wkn.slice(-7).toLowerCase() })).toMatchObject({ status: 200 });
  expect(await ask({ ...mine, password: 'wrong-password' })).toMatchObject({ status: 409 });
  expect(await ask({ ...mine, password: 'wrong-password', captcha: 'two' })).toMatchObject({
    status: 409,
    body: { code: 'LOGIN_REFUSED' },
  });
  expect(await ask({ ...OTHER, wkn, captcha: 'three' })).toMatchObject({
    status: 409,
    body: { code: 'OTHER_USER' },
  });
  expect(await ask({ ...mine, wkn: vins[OTHER.email] })).toMatchObject({
    status: 404,
    body: { field: '/wkn' },
  });
  expect(await ask(mine)).toMatchObject({ status: 200 });
  const db = createPool(database.url, { max: 1 });
  const { rows } = await db.query('select * from accepted_users');
  await db.end();
  expect(rows).toHaveLength(1);
});

test("a call of another program's carries the deployment's user agent and the token, and shows neither", async () => {
  const sent = await send(api.url, routeOf('callVendor'), {
    ...{ account: 'car', operation: 'state', path: '/eadrax-vcs/v4/vehicles/state' },
    headers: { 'bmw-vin': vins[OWNER.email], 'x-user-agent': 'android(x);bmw;99.0.0(1);row' },
  });
  expect(sent.body).toMatchObject({ status: 200, verdict: 'ok', next: 'use' });
  expect(undocumented(routeOf('callVendor').result as never, sent.body)).toBeNull();
  const calls = await (await fetch(`${simulator.url}/_sim/calls`)).text();
  expect(calls).not.toContain('99.0.0(1)');
});

test('answers about vehicles and logins are as the document says', async () => {
  const vehicle = vins[OWNER.email] ?? '';
  const asked = {
    ...{ showOwnVehicle: { ...OWNER, wkn: vehicle }, listVehicles: {}, showVehicle: { vehicle } },
    ...{ readVehicle: { vehicle, read: 'state' }, listLogins: {}, listPools: {} },
    explainWork: { id: `read:car:${vehicle}:state` },
  };
  for (const [id, sample] of Object.entries(asked)) {
    const { result } = routeOf(id);
    const sent = await send(api.url, routeOf(id), sample);
    expect([id, sent.status]).toEqual([id, 200]);
    expect(result && undocumented(result, sent.body)).toBeNull();
  }
});

test('a used-up quota is 429 with when to come again, and a database that is away 503', async () => {
  const mine = { ...OWNER, wkn: vins[OWNER.email] ?? '' };
  const db = createPool(database.url, { max: 1 });
  // Nothing is known that could be shown instead.
  await db.query('truncate vehicles, reads cascade');
  const { rows } = await db.query<{ key: string; epoch: number }>('select key, epoch from pools');
  const [pool] = rows;
  await applyPoolEvent(db, pool?.key ?? '', {
    ...{ type: 'quota', epoch: pool?.epoch ?? 1, statedWaitMs: 600_000, reason: 'used up', jitter: 0 },
    evidence: { vendor: 'bmw-mybmw', account: 'car', operation: 'vehicles', message: 'used up' },
  });
  await db.end();
  // One that remembers nothing.
  const fresh = await serve();
  const paused = await ask(mine, fresh);
  await fresh.end();
  expect(paused).toMatchObject({
    status: 429,
    body: { code: 'QUOTA_PAUSED', until: expect.stringMatching(/Z$/) },
  });
  expect(Number(paused.retryAfter)).toBeGreaterThan(500);
  const nowhere = await serve(`postgres://nobody@${await closedAddress()}/none`);
  const away = await ask(mine, nowhere);
  await nowhere.end();
  expect(away).toMatchObject({ status: 503, body: { code: 'DATABASE_UNAVAILABLE' } });
  expect(Number(away.retryAfter)).toBeGreaterThan(0);
});

test.each([
  [{ ...OWNER }, '/wkn'],
  [{ ...OWNER, email: '', wkn: 'x' }, '/email'],
  [{ email: OWNER.email, wkn: 'x' }, '/password'],
  [{ ...OWNER, wkn: 'x', captcha: 1 }, '/captcha'],
])('%j is refused', async (body, field) => {
  expect(await ask(body)).toMatchObject({ status: 400, body: { field } });
});

test('of several accounts with vehicles none is the main one, in any of the endpoints, unless it is named', async () => {
  const accounts = { first: car(), second: car() };
  const several = await serve(database.url, { accounts });
  const named = await serve(database.url, { accounts, api: { mainAccount: 'second' } });
  const metrics = async ({ url }: ApiProcess) => (await fetch(`${url}/metrics`)).json();
  const evidence = { vendor: 'bmw-mybmw', account: 'first', operation: 'any', message: 'no' };
  const pool = 'bmw-mybmw/first';
  const db = createPool(database.url, { max: 1 });
  try {
    expect(await ask({ ...OWNER, wkn: 'any' }, several)).toMatchObject({
      status: 400,
      body: { code: 'AMBIGUOUS_NAME', detail: expect.stringContaining('api.mainAccount') },
    });
    await registerPool(db, pool, bmwPool);
    await applyPoolEvent(db, pool, { type: 'hold', epoch: 1, reason: 'no', cause: 'credentials', evidence });
    const agent = { user_agent: expect.stringMatching(/\/[0-9a-f]{16}$/) };
    expect(await metrics(several)).toMatchObject({
      ...{ main_account: null, circuit_breaker_state: 'HELD', user_agent_info: agent },
    });
    expect(await metrics(named)).toMatchObject({ main_account: 'second', circuit_breaker_state: 'CLOSED' });
    expect(await ask({ ...OWNER, wkn: 'any' }, named)).toMatchObject({
      body: { code: 'LOGIN_NEEDS_CAPTCHA' },
    });
  } finally {
    await Promise.all([several.end(), named.end(), db.end()]);
  }
});
