import { temporal } from '@temporalio/proto';
import { Secret } from '../../../settings';
import { generateKey, KeyRing } from '../../../store/secrets/keyring';
import { EncryptionCodec } from '../../../temporal/codec';
import { type CodecServer, startCodecServer } from '../../../temporal/codec-server';

const UI = 'http://localhost:8233';
const { Payloads } = temporal.api.common.v1;
const bytes = (text: string) => Buffer.from(text);

const plain = Payloads.create({
  payloads: [
    { metadata: { encoding: bytes('json/plain') }, data: bytes('"hunter2"') },
    { metadata: { encoding: bytes('binary/null') } },
  ],
});
/** As protobuf's own JSON has it. */
const plainJson = Payloads.toObject(plain, { bytes: String });

let server: CodecServer;
let guarded: CodecServer;

beforeAll(async () => {
  const codec = new EncryptionCodec(KeyRing.parse(generateKey()));
  const common = { codec, host: '127.0.0.1', port: 0, allowOrigins: [UI] };
  server = await startCodecServer({ ...common, token: null });
  guarded = await startCodecServer({ ...common, token: new Secret('let-me-in') });
});

afterAll(async () => {
  await server.close();
  await guarded.close();
});

function post(path: string, body: unknown, headers: Record<string, string> = {}, to = server) {
  return fetch(`${to.url}${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Namespace': 'default', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

test('what is encoded holds nothing readable, and is decoded to what it was', async () => {
  const encoded = (await (await post('/encode', plainJson)).json()) as object;
  const unread = Payloads.fromObject(encoded);
  expect(unread.payloads).toHaveLength(2);
  expect(Buffer.from(Payloads.encode(unread).finish()).toString('latin1')).not.toContain('hunter2');
  const decoded = await post('/decode', encoded);
  expect(decoded.headers.get('cache-control')).toBe('no-store');
  expect(Payloads.fromObject((await decoded.json()) as object)).toEqual(Payloads.fromObject(plainJson));
});

test('what is not encrypted passes; only the end of the path counts; no payloads are none', async () => {
  expect(await (await post('/some/namespace/decode?x=1', plainJson)).json()).toEqual(plainJson);
  expect(await (await post('/decode', {})).json()).toEqual({ payloads: [] });
});

test('a browser may ask from the Web UI, with the headers that it sends, and from nowhere else', async () => {
  const preflight = (origin: string) =>
    fetch(`${server.url}/decode`, {
      method: 'OPTIONS',
      headers: {
        Origin: origin,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'content-type,x-namespace',
        'Access-Control-Request-Private-Network': 'true',
      },
    });
  const allowed = await preflight(UI);
  expect(allowed.status).toBe(204);
  expect(Object.fromEntries(allowed.headers)).toMatchObject({
    'access-control-allow-origin': UI,
    'access-control-allow-methods': 'POST, OPTIONS',
    'access-control-allow-headers': 'content-type,x-namespace',
    'access-control-allow-private-network': 'true',
    vary: 'Origin',
  });
  const answer = await post('/decode', plainJson, { Origin: UI });
  expect(answer.headers.get('access-control-allow-origin')).toBe(UI);

  for (const origin of ['http://evil.example', 'http://localhost:8234', 'null']) {
    const refused = await preflight(origin);
    expect(refused.status).toBe(403);
    expect(refused.headers.get('access-control-allow-origin')).toBeNull();
    const asked = await post('/decode', plainJson, { Origin: origin });
    expect([asked.status, await asked.text()]).toEqual([403, expect.stringContaining(`pages of ${origin}`)]);
  }
});

test.each([
  ['no token', {}, 401],
  ['a wrong token', { Authorization: 'Bearer let-me-out' }, 401],
  ['the right token', { Authorization: 'Bearer let-me-in' }, 200],
])('with a token set, %s', async (_, headers, status) => {
  const answer = await post('/decode', plainJson, headers, guarded);
  expect(answer.status).toBe(status);
  expect(await answer.text()).not.toContain('let-me-in');
});

test('a preflight needs no token, for a browser sends none with it', async () => {
  const answer = await fetch(`${guarded.url}/decode`, { method: 'OPTIONS', headers: { Origin: UI } });
  expect(answer.status).toBe(204);
});

describe('says what is wrong, and never what was sent', () => {
  test.each([
    ['another path', '/', '{}', {}, 404, '/encode or /decode'],
    ['no JSON', '/decode', '{"payloads": hunter2', {}, 400, 'the body is not JSON'],
    ['no payloads', '/decode', '{"payloads": "hunter2"}', {}, 400, 'payloads:'],
    [
      'text where bytes are due',
      '/decode',
      '{"payloads": [{"data": "not base64: hunter2"}]}',
      {},
      400,
      'payloads.0.data: must be base64',
    ],
    ['a form, as any page could send one', '/decode', '{}', { 'Content-Type': 'text/plain' }, 415, 'json'],
    ['more than a history holds', '/decode', ' '.repeat(17 * 1024 * 1024), {}, 413, '16 MiB'],
  ])('%s', async (_, path, body, headers, status, message) => {
    const answer = await post(path, body, headers);
    const text = await answer.text();
    expect([answer.status, text]).toEqual([status, expect.stringContaining(message)]);
    expect(text).not.toContain('hunter2');
  });

  test('another method', async () => {
    const answer = await fetch(`${server.url}/decode`);
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST, OPTIONS']);
  });

  test('a key that is not at hand, and a payload that was changed', async () => {
    const others = new EncryptionCodec(KeyRing.parse(generateKey()));
    const [payload] = await others.encode([...plain.payloads]);
    const foreign = Payloads.toObject(Payloads.create({ payloads: payload ? [payload] : [] }), {
      bytes: String,
    });
    const answer = await post('/decode', foreign);
    expect([answer.status, await answer.text()]).toEqual([
      400,
      expect.stringContaining('was encrypted with key'),
    ]);

    const encoded = (await (await post('/encode', plainJson)).json()) as { payloads: { data: string }[] };
    const [first] = encoded.payloads;
    if (first) first.data = first.data.replace(/.{4}$/, 'AAAA');
    const changed = await post('/decode', encoded);
    expect([changed.status, await changed.text()]).toEqual([400, expect.stringContaining('was changed')]);
  });
});
