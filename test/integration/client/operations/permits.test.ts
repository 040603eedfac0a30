import type { Pool } from 'pg';
import type { Backend } from '../../../../client/operations/backend/backend';
import { sweepPermits } from '../../../../client/operations/permits/desk';
import { reportOutcome } from '../../../../client/operations/permits/outcome';
import { takePermit } from '../../../../client/operations/permits/take';
import { pausePool } from '../../../../client/operations/pools/pools';
import { createPool } from '../../../../store/db';
import { listEvents } from '../../../../store/events/events';
import { applyPoolEvent, readPool } from '../../../../store/pools/pools';
import { type TestDatabase, testDatabase } from '../../../support/stacks/embedded';
import { plainBackend } from '../../../support/stacks/plain-backend';

let database: TestDatabase;
const pools: Pool[] = [];
let db: Pool;

const account = (limits: Record<string, unknown>) => ({
  vendor: 'amazon',
  region: 'na',
  credentials: {
    clientId: 'env:TEST_CLIENT_ID',
    clientSecret: 'env:TEST_CLIENT_SECRET',
    refreshToken: 'env:TEST_CLIENT_ID',
  },
  marketplaces: ['ATVPDKIKX0DER'],
  currency: 'USD',
  limits,
});
const NAMES = [
  'small',
  'asked',
  'refused',
  'used',
  'probing',
  'lost',
  'given',
  'twice',
  'hidden',
  'held',
  'on',
];
const SETTINGS = {
  accounts: {
    ...Object.fromEntries(
      NAMES.map((name) => [name, account({ getReports: { ratePerSecond: 0.05, burst: 2, slackMs: 0 } })]),
    ),
    texts: {
      vendor: 'openai',
      apiKey: 'env:TEST_CLIENT_SECRET',
      limits: { tokens: { ratePerSecond: 0.001, burst: 1000 } },
    },
  },
};

/** An account of each vendor whose calls have attributes of their own, with a limit that counts by one. */
const VENDOR_ACCOUNTS: Readonly<
  Record<string, { settings: object; limit: { operations: string[]; scope: string[] }; given: string }>
> = {
  'by-group': {
    settings: { vendor: 'openai', apiKey: 'env:TEST_CLIENT_SECRET' },
    limit: { operations: ['createResponse'], scope: ['account', 'modelGroup'] },
    given: 'model',
  },
  'by-type': {
    settings: account({}),
    limit: { operations: ['createReport'], scope: ['account', 'reportType'] },
    given: 'reportType',
  },
};

/** As another process has it: with a desk of its own. */
function process(): Backend {
  const own = createPool(database.url, { max: 3, use: 'permits' });
  pools.push(own);
  return plainBackend(own, SETTINGS);
}

let one: Backend;
let other: Backend;

beforeAll(async () => {
  database = await testDatabase({ migrated: true });
  db = createPool(database.url, { max: 2 });
  pools.push(db);
  [one, other] = [process(), process()];
});
afterAll(async () => {
  for (const pool of pools) await pool.end();
  await database.drop();
});

const getReports = (name: string, more: object = {}) => ({ account: name, operation: 'getReports', ...more });
const QUOTA = JSON.stringify({
  errors: [{ code: 'QuotaExceeded', message: 'You exceeded your quota for the requested resource.' }],
});

test('a permit is given until the limit has none left; then it says which, and until when', async () => {
  const first = await takePermit(one, getReports('small'));
  expect(first).toMatchObject({ permit: expect.stringMatching(/^permit_[\w-]{32}$/), probe: false });
  expect(first.expiresAt).toBeGreaterThan(first.departAt);
  await takePermit(other, getReports('small'));
  const denied = takePermit(one, getReports('small'));
  await expect(denied).rejects.toMatchObject({
    code: 'LIMIT_REACHED',
    status: 'limited',
    wait: { limit: 'amazon/small/getReports', until: expect.any(Number) },
  });
  const { rows } = await db.query(
    `select count(*)::int4 as n from outside_permits where terms ->> 'account' = 'small'`,
  );
  expect(rows).toEqual([{ n: 2 }]);
});

test.each([
  [{ account: 'nobody', operation: 'getReports' }, 'account', 'UNKNOWN_NAME'],
  [{ account: 'asked', operation: 'getReprots' }, 'operation', 'UNKNOWN_NAME'],
  [
    { account: 'asked', operation: 'getReports', attributes: { sellerId: 'X' } },
    'attributes.sellerId',
    'NOT_APPLICABLE',
  ],
  [
    { account: 'asked', operation: 'getReports', attributes: { colour: 'red' } },
    'attributes.colour',
    'UNKNOWN_NAME',
  ],
  [{ account: 'asked', operation: 'getReports', waitMs: -1 }, 'waitMs', 'INVALID_INPUT'],
  [{ account: 'asked', operation: 'getReports', tokens: 0.5 }, 'tokens', 'INVALID_INPUT'],
  [{ account: 'asked', operation: 'getReports', priority: 'urgent' }, 'priority', 'INVALID_INPUT'],
  [{ account: 'asked' }, 'operation', 'MISSING_INPUT'],
  [{ account: 'asked', operation: 'getReports', caller: 'a\0b' }, 'caller', 'INVALID_INPUT'],
])('bad input names its field: %j', async (input, field, code) => {
  await expect(takePermit(one, input as never)).rejects.toMatchObject({ field, code });
});

test('a refusal that one program reports stops all others; the same outcome again is answered alike', async () => {
  const { permit } = await takePermit(one, getReports('refused'));
  const outcome = {
    id: permit,
    status: 429,
    headers: { 'Retry-After': '30', 'x-amzn-RequestId': 'r-1' },
    body: '',
  };
  const answer = await reportOutcome(other, outcome);
  expect(answer).toMatchObject({ next: expect.stringMatching(/retry|stop/), requestId: 'r-1' });
  expect(answer.until).toBeGreaterThan(Date.now() + 25_000);
  expect(await reportOutcome(one, outcome)).toEqual(answer);
  await expect(reportOutcome(one, { ...outcome, status: 200 })).rejects.toMatchObject({
    code: 'ALREADY_REPORTED',
  });
  await expect(takePermit(one, getReports('refused'))).rejects.toMatchObject({ status: 'limited' });
});

test('the same outcome reported by two at once is applied once and answered alike; what is secret in it is kept nowhere', async () => {
  const { permit } = await takePermit(one, getReports('twice'));
  const outcome = { id: permit, status: 200 };
  const [first, second] = await Promise.all([reportOutcome(one, outcome), reportOutcome(other, outcome)]);
  expect(first).toEqual(second);
  const hidden = await takePermit(one, getReports('hidden'));
  const reported = await reportOutcome(one, {
    ...{ id: hidden.permit, status: 403, body: '{"errors":[{"code":"Unauthorized","message":"no"}]}' },
    headers: { Authorization: 'Bearer TOKEN-1', 'x-amz-access-token': 'TOKEN-2', 'Set-Cookie': ['TOKEN-3'] },
  });
  const { rows } = await db.query<{ name: string }>(
    `select tablename as name from pg_tables where schemaname = current_schema()`,
  );
  const kept = await Promise.all(rows.map(({ name }) => db.query(`select * from ${name}`)));
  expect(JSON.stringify([reported, kept.map((found) => found.rows)])).not.toContain('TOKEN-');
});

test('whoever goes away while it waits leaves no permit behind', async () => {
  await takePermit(one, getReports('given'));
  await takePermit(one, getReports('given'));
  await db.query(`update limits set tat = tat - 19000 where pool = 'amazon/given'`);
  const gone = new AbortController();
  const waits = Array.from({ length: 5 }, () =>
    takePermit(one, getReports('given', { waitMs: 20_000 }), gone.signal),
  );
  setTimeout(() => gone.abort(new Error('gone')), 300);
  for (const wait of await Promise.allSettled(waits)) expect(wait.status).toBe('rejected');
  const { rows } = await db.query(
    `select count(*)::int4 as n from outside_permits where terms ->> 'account' = 'given'`,
  );
  expect(rows).toEqual([{ n: 2 }]);
});

test('a used-up quota closes the pool for everybody', async () => {
  const { permit } = await takePermit(one, getReports('used'));
  const answer = await reportOutcome(one, { id: permit, status: 429, body: QUOTA });
  expect(answer).toMatchObject({
    verdict: 'quota',
    next: 'stop',
    pool: 'amazon/used',
    reason: expect.stringContaining('QuotaExceeded'),
  });
  expect(answer.until).toBeGreaterThan(Date.now());
  await expect(takePermit(other, getReports('used', { waitMs: 200 }))).rejects.toMatchObject({
    code: 'QUOTA_PAUSED',
    wait: { pool: 'amazon/used', until: answer.until },
  });
});

test('a stop that only a person ends has no wait, and says what stops the pool, who, and since when', async () => {
  const { permit } = await takePermit(one, getReports('held'));
  const { permit: late } = await takePermit(one, getReports('held'));
  await pausePool(one, { pool: 'held', reason: 'stock-taking' });
  const quota = { id: permit, status: 429, body: QUOTA };
  const answer = await reportOutcome(one, quota);
  expect(answer).toMatchObject({
    ...{ next: 'stop', waitMs: null, until: null, pool: 'amazon/held' },
    stop: {
      ...{ pool: 'amazon/held', state: 'held', reason: 'stock-taking', by: one.caller },
      since: expect.any(Number),
    },
  });
  expect(await reportOutcome(other, quota)).toEqual(answer);
  expect(reportOutcome.json(answer)).toMatchObject({
    waitMs: null,
    stop: { since: expect.stringMatching(/Z$/) },
  });
  // A good answer is good whatever stops the next call, and has no permit for it.
  const good = { id: late, status: 200, nextWaitMs: 0 };
  expect(await reportOutcome(one, good)).toMatchObject({ next: 'use', waitMs: 0, stop: null, permit: null });
});

test('an outcome brings the permit for the next call, after a good answer alone', async () => {
  const { permit: first } = await takePermit(one, getReports('on'));
  const report = (id: string, more: object) => reportOutcome(one, { id, nextWaitMs: 0, ...more });
  const went = await report(first, { status: 200 });
  expect(went).toMatchObject({
    next: 'use',
    permit: { permit: expect.stringMatching(/^permit_/), probe: false },
  });
  const second = went.permit?.permit ?? '';
  // The limit of two is used up.
  expect(await report(first, { status: 200 })).toEqual({ ...went, permit: null });
  await db.query(`update limits set tat = tat - 60000 where pool = 'amazon/on'`);
  expect(await report(second, { error: { sent: false } })).toMatchObject({ next: 'retry', permit: null });
  const { rows } = await db.query(
    `select terms from outside_permits where terms ->> 'account' = 'on' order by depart_at`,
  );
  expect(rows).toHaveLength(2);
  expect(rows[1]).toEqual(rows[0]);
});

test('one call probes a pool that opens; when its outcome never comes, another one may', async () => {
  await takePermit(one, getReports('probing'));
  await applyPoolEvent(db, 'amazon/probing', {
    type: 'pause',
    reason: 'a test',
    until: Date.now() + 150,
  } as never);
  const probe = await takePermit(one, getReports('probing', { waitMs: 3_000 }));
  expect(probe.probe).toBe(true);
  await expect(takePermit(other, getReports('probing'))).rejects.toMatchObject({ code: 'POOL_STOPPED' });
  await db.query(`update outside_permits set expires_at = 0 where id = $1`, [probe.permit]);
  expect(await sweepPermits(one)).toBe(1);
  await db.query(`update limits set tat = 0 where pool = 'amazon/probing'`);
  const next = await takePermit(other, getReports('probing'));
  expect(next.probe).toBe(true);
  await reportOutcome(other, { id: next.permit, status: 200 });
  expect((await readPool(db, 'amazon/probing'))?.state.state).toBe('closed');
});

test('a permit whose outcome never comes counts as spent, and is reported once', async () => {
  const { permit } = await takePermit(one, getReports('lost', { caller: 'nightly.py' }));
  await db.query(`update outside_permits set expires_at = 0 where id = $1`, [permit]);
  await sweepPermits(one);
  await sweepPermits(other);
  const reported = (await listEvents(db, { pool: 'amazon/lost', limit: 10 })).filter(
    ({ kind }) => kind === 'permit.unreported',
  );
  expect(reported).toMatchObject([
    {
      data: {
        account: 'lost',
        operation: 'getReports',
        caller: 'nightly.py',
        permits: 1,
        departedAt: expect.any(Number),
      },
    },
  ]);
  await takePermit(one, getReports('lost'));
  await expect(takePermit(one, getReports('lost'))).rejects.toMatchObject({ code: 'LIMIT_REACHED' });
  await expect(reportOutcome(one, { id: 'permit_x', status: 200 })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
});

test.each([
  [{}, 'status', 'MISSING_INPUT'],
  [{ status: 200, unused: true }, 'status', 'NOT_APPLICABLE'],
  [{ status: 99 }, 'status', 'INVALID_INPUT'],
  [{ status: 200, headers: { a: 1 } }, 'headers.a', 'INVALID_INPUT'],
  [{ status: 200, tokensUsed: -1 }, 'tokensUsed', 'INVALID_INPUT'],
  [{ error: { sent: 'no' } }, 'error.sent', 'INVALID_INPUT'],
])('an outcome that cannot be right names its field: %j', async (outcome, field, code) => {
  await expect(reportOutcome(one, { id: 'permit_x', ...outcome } as never)).rejects.toMatchObject({
    field,
    code,
  });
});

test('tokens are trued up once, whichever process gets the report', async () => {
  const ask = { account: 'texts', operation: 'createResponse', attributes: { model: 'm' }, tokens: 600 };
  const { permit } = await takePermit(one, ask);
  await expect(takePermit(one, ask)).rejects.toMatchObject({ code: 'LIMIT_REACHED' });
  const outcome = { id: permit, status: 200, tokensUsed: 100 };
  expect(await reportOutcome(other, outcome)).toMatchObject({ verdict: 'ok', next: 'use', waitMs: 0 });
  await reportOutcome(one, outcome);
  await takePermit(one, ask);
  await expect(takePermit(one, { ...ask, tokens: 500 })).rejects.toMatchObject({ code: 'LIMIT_REACHED' });
  await expect(takePermit(one, { ...ask, tokens: 5000 })).rejects.toMatchObject({ field: 'tokens' });
});

test.each([
  ['a model is wanted, from which its group follows', {}, 'MISSING_INPUT', 'attributes.model'],
  [
    'a group that is not the model’s',
    { model: 'm', modelGroup: 'g' },
    'INVALID_INPUT',
    'attributes.modelGroup',
  ],
  ['no attribute of calls', { deviceId: 'd' }, 'UNKNOWN_NAME', 'attributes.deviceId'],
  ['the account’s own', { account: 'a' }, 'NOT_APPLICABLE', 'attributes.account'],
])('attributes of a permit: %s', async (_, attributes, code, field) => {
  const asked = takePermit(one, { account: 'texts', operation: 'createResponse', attributes } as never);
  await expect(asked).rejects.toMatchObject({ code, field });
});

test('whatever attribute a limit of any vendor counts by and a call lacks, it is one that can be given', async () => {
  const own = Object.fromEntries(
    Object.entries(VENDOR_ACCOUNTS).map(([name, { settings, limit }]) => [
      name,
      { ...settings, limits: { own: { ...limit, count: 5, per: 'day' } } },
    ]),
  );
  const backend = plainBackend(db, { accounts: own });
  for (const [account, { limit, given }] of Object.entries(VENDOR_ACCOUNTS)) {
    const [operation = ''] = limit.operations;
    const asked = await takePermit(backend, { account, operation }).catch((error: unknown) => error);
    expect(asked).toMatchObject({
      code: 'MISSING_INPUT',
      field: `attributes.${given}`,
      message: expect.stringContaining(operation),
    });
    const taken = await takePermit(backend, { account, operation, attributes: { [given]: 'x1' } });
    expect(taken).toMatchObject({ permit: expect.stringMatching(/^permit_/) });
  }
});
