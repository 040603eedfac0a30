/** Who is let in, and what is answered to whoever is not: names, pages, keys, floods, and bytes that are no requests. */
import { connect as connectTcp } from 'node:net';
import { stringify } from 'yaml';
import { createKey } from '../../../../store/api/keys';
import { connect, createPool } from '../../../../store/db';
import { eventually } from '../../../support/eventually';
import { type ApiProcess, startApi } from '../../../support/processes/api-process';
import { TEST_ENV } from '../../../support/stacks/core-stack';
import { type TestDatabase, testDatabase } from '../../../support/stacks/embedded';

const PAGE = 'https://console.example.com';
const MOST = 20;
const TEXTS = { vendor: 'openai', baseUrl: 'http://127.0.0.1:9/v1', apiKey: 'env:TEST_CLIENT_SECRET' };
const NARROW = { operations: ['getBatch'], ratePerSecond: 0.02, burst: 1 };

let database: TestDatabase;
let db: ReturnType<typeof createPool>;
/** On this machine, with nothing set. */
let plain: ApiProcess;
/** Two processes that need a key, and let a page in. */
let keyed: readonly ApiProcess[];
const log = () => [plain, ...keyed].map((one) => one.log()).join('');

beforeAll(async () => {
  database = await testDatabase({ migrated: true });
  db = createPool(database.url, { max: 4 });
  const serve = (api: object, host?: string) =>
    startApi(
      stringify({
        api,
        log: { level: 'debug' },
        database: { url: database.url },
        accounts: { texts: TEXTS, narrow: { ...TEXTS, limits: { one: NARROW } } },
      }),
      {},
      host,
    );
  await key('first');
  const open = { endUserRequestsPerMinute: 10, corsOrigins: [PAGE], allowedHosts: ['sluice.example.com'] };
  [plain, ...keyed] = (await Promise.all([
    serve({ maxInFlight: MOST }),
    serve(open, '0.0.0.0'),
    serve(open, '0.0.0.0'),
  ])) as [ApiProcess, ...ApiProcess[]];
});
afterAll(async () => {
  await Promise.all([plain, ...keyed].map((one) => one.end()));
  await db.end();
  await database.drop();
});

const key = async (name: string, more: object = {}) =>
  (
    await createKey(db, {
      name,
      scope: 'admin',
      requestsPerMinute: null,
      expiresAt: null,
      by: 'test',
      ...more,
    })
  )?.key ?? '';

interface Raw {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  // biome-ignore lint/suspicious/noExplicitAny: whatever was answered
  readonly body: any;
  readonly text: string;
}

/** What comes back for these very bytes, until the server closes. */
function raw(bytes: string, { url } = plain, forMs = 2_000): Promise<Raw[]> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connectTcp(Number(new URL(url).port), '127.0.0.1', () => socket.write(bytes));
    const timer = setTimeout(() => socket.destroy(), forMs);
    socket.setEncoding('utf8').on('data', (piece) => {
      text += piece;
    });
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(
        text
          .split(/(?=HTTP\/1\.1 \d{3} )/)
          .filter(Boolean)
          .map(parsed),
      );
    });
  });
}

function parsed(text: string): Raw {
  const [head = '', body = ''] = text.split('\r\n\r\n');
  const [first = '', ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  );
  const isJson = /json/.test(headers['content-type'] ?? '');
  return { status: Number(first.split(' ')[1]), headers, body: isJson ? JSON.parse(body) : body, text };
}

const request = (
  path: string,
  headers: Readonly<Record<string, string>> = {},
  { method = 'GET', body = '' } = {},
) => {
  const all: Record<string, string> = { host: '127.0.0.1', connection: 'close', ...headers };
  if (body !== '') all['content-length'] = String(Buffer.byteLength(body));
  return `${method} ${path} HTTP/1.1\r\n${Object.entries(all)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n${body}`;
};

const ask = async (...args: Parameters<typeof request>): Promise<Raw> => first(await raw(request(...args)));
const askOpen = async (...args: Parameters<typeof request>): Promise<Raw> =>
  first(await raw(request(...args), keyed[0]));
const first = ([answer]: readonly Raw[]): Raw => {
  if (answer === undefined) throw new Error('no answer');
  return answer;
};

const SAFE = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'content-security-policy': expect.stringContaining("default-src 'none'"),
  'x-frame-options': expect.any(String),
  'cross-origin-resource-policy': 'same-origin',
  'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
};

test('every answer has the headers that keep browsers from doing more with it, and every error is a problem', async () => {
  const cases: readonly [string, number, string | null][] = [
    [request('/livez'), 200, null],
    [request('/api/v1/accounts'), 200, null],
    [request('/nowhere'), 404, 'NO_SUCH_ROUTE'],
    [request('/api/v1/accounts', {}, { method: 'DELETE' }), 405, 'METHOD_NOT_ALLOWED'],
    [request('/api/v1/accounts', {}, { method: 'OPTIONS' }), 405, 'METHOD_NOT_ALLOWED'],
    [request('/api/v1/accounts/%zz'), 400, 'BAD_REQUEST'],
    [request('/api/v1/accounts/none'), 400, 'UNKNOWN_NAME'],
    [request(`/api/v1/accounts/${'x'.repeat(3_000)}`), 400, 'INVALID_INPUT'],
    [request('/api/v1/accounts', { 'x-long': 'x'.repeat(20_000) }), 431, 'HEADERS_TOO_LARGE'],
    ['GARBAGE\r\n\r\n', 400, 'BAD_REQUEST'],
    [request('/api/v1/accounts', { host: 'evil.example' }), 403, 'FORBIDDEN'],
    [
      request(
        '/api/v1/pools/texts/pause',
        { 'content-type': 'application/json' },
        { method: 'POST', body: '{"reason":' },
      ),
      400,
      'BAD_REQUEST',
    ],
    [
      request(
        '/api/v1/pools/texts/pause',
        { 'content-type': 'application/json' },
        { method: 'POST', body: '{"__proto__": {"reason": "x"}}' },
      ),
      400,
      'BAD_REQUEST',
    ],
    [
      request(
        '/api/v1/calls',
        { 'content-type': 'application/json' },
        {
          method: 'POST',
          body: `{"account":"texts","operation":"getBatch","path":"/","body":{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}}`,
        },
      ),
      400,
      'INVALID_INPUT',
    ],
  ];
  for (const [bytes, status, code] of cases) {
    const [answer, ...more] = await raw(bytes);
    expect({ asked: bytes.slice(0, 80), more, ...answer }).toMatchObject({ status, headers: SAFE, more: [] });
    if (code === null) continue;
    expect(answer?.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(answer?.body).toMatchObject({ code, status, requestId: answer?.headers['x-request-id'] });
  }
});

test.each([
  [{ host: '127.0.0.1:8480' }, 200],
  [{ host: 'localhost' }, 200],
  [{ host: 'LocalHost.:80' }, 200],
  [{ host: '[::1]:8480' }, 200],
  [{ host: '127.0.0.1.evil.example' }, 403],
  [{ host: 'localhost.evil.example' }, 403],
  [{ host: 'evil.example:8480' }, 403],
  [{ host: '[::1].evil.example' }, 403],
  [{ host: '0x7f000001' }, 403],
  [{ host: '' }, 403],
  [{ origin: 'https://evil.example' }, 403],
  [{ origin: 'null' }, 403],
  [{ origin: 'http://127.0.0.1' }, 200],
  [{ origin: 'http://127.0.0.1:3000' }, 403],
  [{ 'sec-fetch-site': 'cross-site' }, 403],
  [{ 'sec-fetch-site': 'same-site' }, 403],
  [{ 'sec-fetch-site': 'same-origin' }, 200],
  [{ 'sec-fetch-site': 'none' }, 200],
  [{ 'x-forwarded-for': '10.0.0.9' }, 401],
  [{ via: '1.1 proxy' }, 401],
  [{ forwarded: 'for=10.0.0.9' }, 401],
] as readonly [Record<string, string>, number][])(
  'on this machine, without a key: %j is answered %i',
  async (headers, status) => {
    const answer = await ask('/api/v1/accounts', headers);
    expect(answer).toMatchObject({ status, headers: SAFE });
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
  },
);

test('what pages can send without asking does nothing, wherever it says that it comes from', async () => {
  const types = ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data; boundary=x'];
  for (const type of types) {
    const form = await ask(
      '/api/v1/pools/texts/pause',
      { 'content-type': type },
      { method: 'POST', body: '{"reason":"x"}' },
    );
    expect([type, form.status, form.body.code]).toEqual([type, 415, 'UNSUPPORTED_MEDIA_TYPE']);
  }
  const typeless = await ask('/api/v1/pools/texts/pause', {}, { method: 'POST', body: '{"reason":"x"}' });
  expect(typeless.status).toBe(415);
  expect((await ask('/api/v1/pools/texts')).body.state).toBe('closed');
  // The reference page may be linked to.
  expect((await ask('/api/docs/', { 'sec-fetch-site': 'cross-site' })).status).toBe(200);
});

test('CORS: a page that the settings name may ask with a key, and no other', async () => {
  const admin = await key('cors');
  const asks = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' };
  const before = await askOpen('/api/v1/pools/texts/pause', { origin: PAGE, ...asks }, { method: 'OPTIONS' });
  expect(before).toMatchObject({
    status: 204,
    headers: {
      'access-control-allow-origin': PAGE,
      'access-control-allow-methods': expect.stringContaining('POST'),
      'access-control-allow-headers': expect.stringContaining('Authorization'),
      vary: expect.stringContaining('Origin'),
    },
  });
  expect(before.headers).not.toHaveProperty('access-control-allow-credentials');
  for (const origin of ['https://evil.example', 'null', `${PAGE}.evil.example`, PAGE.toUpperCase()]) {
    const refused = await askOpen('/api/v1/pools', { origin, ...asks }, { method: 'OPTIONS' });
    expect([origin, refused.status]).toEqual([origin, 403]);
    expect(refused.headers).not.toHaveProperty('access-control-allow-origin');
    expect(refused.headers.vary).toBe('Origin');
  }
  const cross = { origin: PAGE, 'sec-fetch-site': 'cross-site' };
  expect(await askOpen('/api/v1/pools', { ...cross, authorization: `Bearer ${admin}` })).toMatchObject({
    status: 200,
    headers: { 'access-control-allow-origin': PAGE, 'cross-origin-resource-policy': 'cross-origin' },
  });
  // The page shows what is wrong, too.
  expect(await askOpen('/api/v1/pools', cross)).toMatchObject({
    status: 401,
    headers: { 'access-control-allow-origin': PAGE, vary: 'Origin' },
  });
  for (const [host, status] of [
    ['sluice.example.com:443', 200],
    ['SLUICE.example.com.', 200],
    ['other.example', 403],
  ] as const) {
    const named = await askOpen('/api/v1/pools', { host, authorization: `Bearer ${admin}` });
    expect([host, named.status]).toEqual([host, status]);
  }
});

test('two lengths, a length beside chunks, and half a request are no request', async () => {
  const bad = [
    'POST /api/v1/keys HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{}aaa',
    'POST /api/v1/keys HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /api/v1/pools HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n',
    'POST /api/v1/keys HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n',
    'GET /api/v1/pools HTTP/1.1\r\nhost: 127.0.0.1\r\nx: a\r\n b: c\0\r\n\r\n',
  ];
  for (const bytes of bad) {
    const answers = await raw(bytes);
    expect(answers.map(({ status }) => status)).toEqual([400]);
  }
});

test('a flood is asked to come again, probes are answered meanwhile, and all is well afterwards', async () => {
  const blocker = await connect(database.url);
  await blocker.query('begin; set local idle_in_transaction_session_timeout = 0');
  await blocker.query('lock table pools in access exclusive mode');
  const flood = Array.from({ length: 10 * MOST }, () => fetch(`${plain.url}/api/v1/pools`));
  const settled: Response[] = [];
  for (const one of flood) one.then((answer) => settled.push(answer)).catch(() => undefined);
  await eventually('the others are answered', () => settled.length >= 9 * MOST);
  for (const answer of settled.slice(0, 9 * MOST)) {
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(((await answer.json()) as { code: string }).code).toBe('OVERLOADED');
  }
  expect((await ask('/livez')).status).toBe(200);
  const { status } = await ask('/api/v1/accounts');
  // Those that hold the room are let go, too, after a while.
  if (settled.length === 9 * MOST) expect(status).toBe(503);
  await blocker.query('rollback');
  await blocker.end();
  expect(new Set((await Promise.all(flood)).map(({ status }) => status))).toEqual(new Set([200, 503]));
  await eventually('there is room', async () => (await ask('/api/v1/accounts')).status === 200);
});

test('a key: its rate holds over processes together, its end over all of them at once, and it is nowhere to be read', async () => {
  const [one, other] = keyed as [ApiProcess, ApiProcess];
  const slow = await key('slow', { requestsPerMinute: 30 });
  const use = (server: ApiProcess, shown: string) =>
    fetch(`${server.url}/api/v1/accounts`, {
      headers: { authorization: `Bearer ${shown}`, host: 'sluice.example.com' },
    });
  const asked = await Promise.all(Array.from({ length: 80 }, (_, i) => use(i % 2 ? one : other, slow)));
  const passed = asked.filter(({ status }) => status === 200).length;
  expect(passed).toBeLessThanOrEqual(30);
  // What a process has taken and not used is a twentieth.
  expect(passed).toBeGreaterThanOrEqual(28);
  for (const late of asked.filter(({ status }) => status !== 200)) {
    expect(late.status).toBe(429);
    expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(30);
  }
  const gone = await key('gone');
  expect((await use(one, gone)).status).toBe(200);
  expect((await use(other, gone)).status).toBe(200);
  const revoke = await fetch(`${one.url}/api/v1/keys/gone`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${await key('admin')}` },
  });
  expect(revoke.status).toBe(200);
  expect([(await use(one, gone)).status, (await use(other, gone)).status]).toEqual([401, 401]);
  const tables = await db.query(`select tablename from pg_tables where schemaname = 'sluice'`);
  for (const { tablename } of tables.rows) {
    const { rows } = await db.query(`select t::text as row from ${tablename} t`);
    for (const { row } of rows) expect(row).not.toMatch(/slc_[A-Za-z0-9_-]{43}/);
  }
  expect(log()).not.toMatch(/slc_[A-Za-z0-9_-]{20}/);
  expect(log()).not.toContain(TEST_ENV.TEST_CLIENT_SECRET);
});

test('wrong keys and requests of one end user are counted over processes together, and nobody else pays for them', async () => {
  const good = await key('good');
  const send = (at: number, path: string, shown: string) =>
    fetch(`${keyed[at % keyed.length]?.url}${path}`, {
      headers: { authorization: `Bearer ${shown}`, host: 'sluice.example.com' },
    });
  const outcomes = async (asked: readonly Promise<Response>[], let_in: number) => {
    const answers = await Promise.all(asked);
    const refused = answers.filter(({ status }) => status === 429);
    for (const one of refused) {
      expect(Number(one.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await one.json()).toMatchObject({ code: 'TOO_MANY_REQUESTS', until: expect.any(String) });
    }
    expect(refused.length + answers.filter(({ status }) => status === let_in).length).toBe(answers.length);
    return answers.length - refused.length;
  };
  const user = (name: string) => `/api/v1/vehicles/none/reads/state?user=${name}`;
  const ofUser = await outcomes(
    Array.from({ length: 40 }, (_, i) => send(i, user('ann@example.com'), good)),
    400,
  );
  expect(ofUser).toBeLessThanOrEqual(10);
  expect(ofUser).toBeGreaterThanOrEqual(9);
  expect((await send(0, user('bob@example.com'), good)).status).toBe(400);
  const { rows } = await db.query<{ key: string }>('select key from api_key_use');
  expect(rows.map((row) => row.key).join()).not.toContain('example.com');
  const wrong = await outcomes(
    Array.from({ length: 80 }, (_, i) => send(i, '/api/v1/accounts', `slc_${'x'.repeat(43)}`)),
    401,
  );
  expect(wrong).toBeLessThanOrEqual(30);
  expect(wrong).toBeGreaterThanOrEqual(27);
  expect((await send(1, '/api/v1/accounts', good)).status).toBe(200);
});

test('those who wait for permits keep nobody from looking', async () => {
  const gone = new AbortController();
  const wait = { account: 'narrow', operation: 'getBatch', waitMs: 55_000 };
  const post = () =>
    fetch(`${plain.url}/api/v1/permits`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(wait),
      signal: gone.signal,
    });
  expect((await post()).status).toBe(200);
  const waiting = Array.from({ length: MOST + 1 }, () => post().catch(() => null));
  // One finds all places of those who wait taken.
  expect((await Promise.race(waiting))?.status).toBe(503);
  expect((await ask('/api/v1/accounts')).status).toBe(200);
  gone.abort();
  await Promise.all(waiting);
});
