import { Client } from 'pg';
import { openPermits, PermitError, type Permits, type PermitsOptions } from '../../../library/permits';
import { createPool } from '../../../store/db';
import { migrate } from '../../../store/migrate';
import { applyPoolEvent, registerPool } from '../../../store/pools/pools';
import { vendorOf } from '../../../vendors/registry';
import { STEADY_ZONE } from '../../support/stacks/due-hours';
import { type TestDatabase, testDatabase } from '../../support/stacks/embedded';

let database: TestDatabase;
const opened: Permits[] = [];

beforeAll(async () => {
  database = await testDatabase({ migrated: true });
});
afterEach(async () => {
  for (const permits of opened.splice(0)) await permits.close();
});
afterAll(() => database.drop());

async function open(name: string, options: Partial<PermitsOptions> = {}): Promise<Permits> {
  const window = { kind: 'rolling', count: 3, ms: 60_000 } as const;
  const permits = await openPermits({
    databaseUrl: database.url,
    name,
    limits: [{ name: 'requests', window }],
    ...options,
  });
  opened.push(permits);
  return permits;
}

test('two programs that give the same name share one limit, and learn when there is room again', async () => {
  const [one, other] = [await open('shared'), await open('shared')];
  await Promise.all([one.take(), other.take(), one.take()]);
  await expect(other.take({ maxWaitMs: 100 })).rejects.toMatchObject({
    name: 'PermitError',
    code: 'not-yet',
    limit: 'shared/requests',
    until: expect.any(Number),
  });
  expect(await other.status()).toMatchObject([{ key: 'shared/requests', limit: 3, used: 3, left: 0 }]);
});

test('a call that waits in vain ends with its signal, or with the permits', async () => {
  const permits = await open('ending');
  for (let i = 0; i < 3; i++) await permits.take();
  const reason = new Error('enough');
  const aborted = new AbortController();
  const first = permits.take({ signal: aborted.signal, maxWaitMs: 3_600_000 });
  const second = permits.take({ maxWaitMs: 3_600_000 });
  aborted.abort(reason);
  await expect(first).rejects.toBe(reason);
  await Promise.all([expect(second).rejects.toMatchObject({ code: 'closed' }), permits.close()]);
  await expect(permits.take()).rejects.toMatchObject({ code: 'closed' });
});

test('a refusal that one program reports stops the others for as long as the vendor says', async () => {
  const [one, other] = [await open('refused'), await open('refused')];
  const permit = await one.take();
  const until = await permit.refused(20_000, 'HTTP 429');
  expect(until).toBeGreaterThan(permit.departAt + 19_000);
  await expect(other.take({ maxWaitMs: 100 })).rejects.toMatchObject({ code: 'not-yet', until });
  expect(await other.status()).toMatchObject([{ blockedUntil: until, blockedReason: 'HTTP 429' }]);
});

test('tokens are charged as an estimate and trued up; a call that can never fit is refused at once', async () => {
  const window = { kind: 'calendar', count: 1000, per: 'day', zone: STEADY_ZONE } as const;
  const permits = await open('texts', { limits: [{ name: 'tokens', unit: 'tokens', window }] });
  const permit = await permits.take({ tokens: 600 });
  await permit.done(150);
  expect(await permits.status()).toMatchObject([{ used: 150 }]);
  await (await permits.take({ tokens: 100 })).learned('tokens', { remaining: 400 });
  expect(await permits.status()).toMatchObject([{ left: 400 }]);
  await expect(permits.take({ tokens: 1001 })).rejects.toMatchObject({
    code: 'never-fits',
    limit: 'texts/tokens',
  });
});

test('no permit comes while the pool of an account is held', async () => {
  const pool = 'openai/held';
  const db = createPool(database.url, { max: 1 });
  const { pool: policy } = vendorOf('openai').rules;
  await registerPool(db, pool, policy);
  const permits = await open('beside', { pool });
  await permits.take();
  await applyPoolEvent(db, pool, { type: 'pause', reason: 'stock-taking', until: null });
  await db.end();
  await expect(permits.take()).rejects.toMatchObject({ code: 'stopped', limit: pool, until: null });
});

test.each<[Partial<PermitsOptions>, RegExp]>([
  [{ name: '' }, /^name: /],
  [{ limits: [] }, /^limits: /],
  [{ limits: [{ name: 'a', window: { kind: 'rolling', count: 0, ms: 1 } }] }, /^limits\.0\.window\.count: /],
  [
    { limits: [{ name: 'a', window: { kind: 'calendar', count: 1, per: 'day', zone: 'Mars' } }] },
    /^limits\.0\.window\.zone: is no IANA/,
  ],
  [
    { limits: [1, 2].map(() => ({ name: 'a', window: { kind: 'spacing', ms: 5 } })) },
    /^limits: "a" is there twice/,
  ],
])('%j is refused by name', async (options, message) => {
  await expect(open('odd', options)).rejects.toMatchObject({
    code: 'invalid',
    message: expect.stringMatching(message),
  });
});

test('options of a call are checked, and a shared limit that nobody has registered is named', async () => {
  const permits = await open('checked', { sharedLimits: [{ key: 'none/at/all', unit: 'calls' }] });
  await expect(permits.take({ tokens: Number.NaN })).rejects.toBeInstanceOf(PermitError);
  await expect(permits.take({ priority: 'soon' as 'live' })).rejects.toMatchObject({ code: 'invalid' });
  await expect(permits.take()).rejects.toMatchObject({
    code: 'unknown-limit',
    message: expect.stringContaining('none/at/all'),
  });
});

test('a program in another language shares the limit by the SQL of docs/permits-in-sql.md', async () => {
  await migrate(database.url);
  const permits = await open('plain');
  const client = new Client({ connectionString: database.url, options: '-c search_path=sluice' });
  await client.connect();
  const take = async () => {
    const request = { pool: null, rank: 2, charges: [{ key: 'plain/requests', units: 1 }] };
    const { rows } = await client.query(
      'select granted, depart_at, retry_at, denied_by, now from take_permits($1, 0)',
      [JSON.stringify([request])],
    );
    return rows[0];
  };
  const granted = await take();
  expect(granted).toMatchObject({ granted: true, denied_by: null });
  await permits.take();
  await permits.take();
  expect(await take()).toMatchObject({ granted: false, denied_by: 'plain/requests' });
  await client.query(`select report_refused(array['plain/requests'], $1, 5000, 'HTTP 429')`, [
    granted.depart_at,
  ]);
  expect(await permits.status()).toMatchObject([{ blockedReason: 'HTTP 429' }]);
  await expect(client.query(`select report_refused(array['plain/requests'], 0, -1)`)).rejects.toMatchObject({
    code: '22023',
  });
  await client.end();
});
