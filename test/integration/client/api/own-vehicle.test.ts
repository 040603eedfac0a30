/** `POST /`: a vehicle for whoever knows its user's credentials, and for nobody else. */
import { stringify } from 'yaml';
import { createPool } from '../../../../store/db';
import { type MyBmwSimulator, startMyBmwSimulator } from '../../../../vendors/bmw-mybmw/simulator';
import { type ApiProcess, startApi } from '../../../support/api-process';
import { type TestDatabase, testDatabase } from '../../../support/embedded';

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
  api = await startApi(
    stringify({
      database: { url: database.url },
      accounts: { car: { vendor: 'bmw-mybmw', baseUrl: simulator.url } },
    }),
  );
});
afterAll(async () => {
  await api?.end();
  await simulator?.close();
  await database.drop();
});

async function ask(body: Record<string, unknown>) {
  const answer = await fetch(`${api.url}/`, {
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

test.each([
  [{ ...OWNER }, '/wkn'],
  [{ ...OWNER, email: '', wkn: 'x' }, '/email'],
  [{ email: OWNER.email, wkn: 'x' }, '/password'],
  [{ ...OWNER, wkn: 'x', captcha: 1 }, '/captcha'],
])('%j is refused', async (body, field) => {
  expect(await ask(body)).toMatchObject({ status: 400, body: { field } });
});
