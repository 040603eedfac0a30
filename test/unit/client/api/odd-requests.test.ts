/** Requests that two readers could understand differently: each is refused, with where it is wrong and what would be right. */
import { connect } from 'node:net';
import { parseJsonBody } from '../../../../client/api/json-body';
import type { ApiError } from '../../../../client/api/problem';
import { type BareApi, startBareApi } from '../../../support/stacks/bare-api';

let api: BareApi;

beforeAll(async () => {
  api = await startBareApi();
});
afterAll(() => api.close());

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly field: string | null;
  readonly detail: string;
}

/** As it is written on the wire; the server is asked to close. */
function send(head: readonly string[], body: Buffer | string = ''): Promise<Refusal> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const inChunks = head.some((line) => line.startsWith('transfer-encoding'));
    const length = `content-length: ${Buffer.byteLength(body)}`;
    const socket = connect(api.port, '127.0.0.1', () => {
      socket.write([...head, 'connection: close', ...(inChunks ? [] : [length]), '', ''].join('\r\n'));
      socket.write(body);
    });
    socket.on('data', (part) => parts.push(part)).on('error', reject);
    socket.on('close', () => {
      const [first = '', json = ''] = Buffer.concat(parts).toString().split('\r\n\r\n');
      expect(first).toContain('application/problem+json');
      resolve({ ...JSON.parse(json), status: Number(first.split(' ')[1]) });
    });
  });
}

const POST = 'POST /api/v1/pools/acme/pause HTTP/1.1';
const HOST = 'host: 127.0.0.1';
const JSON_TYPE = 'content-type: application/json';
const ASKED = '{"reason": "a"}';
const post = (body: Buffer | string, type = JSON_TYPE, ...more: string[]) =>
  send([POST, HOST, type, ...more], body);

test.each<[string, Buffer | string, string, RegExp]>([
  ['a name twice', '{"reason": "a", "reason": "b"}', '/reason', /"reason" stands twice/],
  [
    'a name that all objects have',
    '{"reason": "a", "__proto__": {"x": 1}}',
    '/__proto__',
    /no name that a field may have/,
  ],
  ['a prototype by another way', '{"constructor": {"prototype": {}}}', '/constructor', /no name/],
  ['no JSON', '{"reason": NaN}', '', /^the body is not JSON: Unexpected token 'N'$/],
  ['more than JSON', `${ASKED}{}`, '', /not JSON: .*position 15/],
  ['no UTF-8', Buffer.from('{"reason": "\xff"}', 'latin1'), '', /not UTF-8/],
  ['null', 'null', '', /must be a JSON object/],
  ['nothing', '', '', /is empty/],
  [
    'a number that would be another one',
    '{"reason": 12345678901234567891}',
    '/reason',
    /^12345678901234567891 is no number that is read as it is written; send it as text, "12345678901234567891"$/,
  ],
  ['half a character', '{"reason": "\\ud800"}', '/reason', /half a character/],
])('%s in a body', async (_, body, field, detail) => {
  expect(await post(body)).toMatchObject({ status: 400, field, detail: expect.stringMatching(detail) });
});

test('a body that is too long is told how long it may be', async () => {
  expect(await post(`{"reason": "${'a'.repeat(1000)}"}`)).toMatchObject({
    ...{ status: 413, code: 'TOO_LARGE', field: '' },
    detail: 'the body is longer than 1000 bytes',
  });
});

test.each([
  [['content-type: text/plain'], 'Content-Type', '"text/plain" is not taken here; send application/json'],
  [['x-none: 1'], 'Content-Type', 'is missing; send application/json'],
  [
    ['content-type: application/json; charset=utf-16'],
    'Content-Type',
    'charset "utf-16" is not read; send UTF-8',
  ],
  [
    [JSON_TYPE, 'content-encoding: gzip'],
    'Content-Encoding',
    '"gzip" is not unpacked; send the body as it is',
  ],
])('a body with %j', async (head, field, detail) => {
  expect(await send([POST, HOST, ...head], ASKED)).toMatchObject({
    ...{ status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' },
    ...{ field, detail },
  });
});

test.each([
  ['no', []],
  ['two', [HOST, 'host: evil.example']],
])('%s names for this server', async (_, hosts) => {
  const refused = { status: 400, code: 'BAD_REQUEST', field: 'Host' };
  expect(await send(['GET /api/v1/pools HTTP/1.1', ...hosts])).toMatchObject(refused);
});

test('a body that is packed for the way is refused as one that is packed for good', async () => {
  const head = [POST, HOST, JSON_TYPE, 'transfer-encoding: gzip, chunked'];
  const body = ['2', '{}', '0', '', ''].join('\r\n');
  expect(await send(head, body)).toMatchObject({
    ...{ status: 415, code: 'UNSUPPORTED_MEDIA_TYPE', field: 'Transfer-Encoding' },
    detail: '"gzip, chunked" is not unpacked; send the body as it is',
  });
});

test('HEAD is answered as GET without its body; another method hears what goes', async () => {
  const at = `http://127.0.0.1:${api.port}`;
  for (const path of ['/livez', '/api/v1/accounts']) {
    const [got, head] = [await fetch(`${at}${path}`), await fetch(`${at}${path}`, { method: 'HEAD' })];
    const length = got.headers.get('content-length');
    expect([head.status, await head.text(), head.headers.get('content-length')]).toEqual([200, '', length]);
  }
  const wrong = await fetch(`${at}/api/v1/accounts`, { method: 'PATCH' });
  expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  expect(await wrong.json()).toMatchObject({ detail: 'PATCH does not go here; send GET or HEAD' });
  const stream = await fetch(`${at}/api/v1/events/stream`, { method: 'HEAD' });
  expect([stream.status, stream.headers.get('allow')]).toEqual([405, 'GET']);
});

test.each([
  [
    'GET /api/v1/events/stream HTTP/1.1',
    'Last-Event-ID',
    '1.5',
    /^"1.5" is no id of an event; send the whole number/,
  ],
  ['POST /api/v1/polling HTTP/1.1', 'Idempotency-Key', 'a b', /^"a b" must be 1 to 255 visible characters/],
])('%s with an odd %s is told its value', async (line, field, value, detail) => {
  expect(await send([line, HOST, `${field}: ${value}`])).toMatchObject({
    ...{ status: 400, field, detail: expect.stringMatching(detail) },
  });
});

test('an expectation that nobody knows changes nothing', async () => {
  expect(await post('[]', JSON_TYPE, 'expect: 200-maybe')).toMatchObject({ status: 400, field: '' });
});

describe('parseJsonBody', () => {
  const at = (json: string) => {
    try {
      parseJsonBody(Buffer.from(json));
      return null;
    } catch (error) {
      return (error as ApiError).details.field;
    }
  };

  test('finds a name that stands twice wherever it is, however it is written', () => {
    expect(at('{"rows": [{"a": 1}, {"b": [], "a~/": 1, "a~\\u002f": {"b": 2}}]}')).toBe('/rows/1/a~0~1');
    expect(at('{"a": {"b": 1}, "c": {"b": 1}, "d": ["b", "b", "\\"b\\": {"]}')).toBeNull();
  });

  test('takes no number that would be read as another one, wherever it is', () => {
    expect(at('{"rows": [{"id": 1}, {"id": 9007199254740993}]}')).toBe('/rows/1/id');
    expect(at('{"a": {"b": [[], -12345678901234567891]}}')).toBe('/a/b/1');
    expect(at('{"a": [1, {"b": 1e400}]}')).toBe('/a/1/b');
    expect(at('{"a": [1, {"b": -1E+309}]}')).toBe('/a/1/b');
    // Rounded as every reader of JSON rounds it; or no number at all.
    for (const right of ['0.30000000000000004', '3.14159265358979323846', '1e300', '9007199254740992']) {
      expect(at(`{"a": ${right}}`)).toBeNull();
    }
    expect(at('{"12345678901234567891": "12345678901234567891 1e400", "b": ["\\\\", "1e400"]}')).toBeNull();
  });

  test('reads what is nested however deep, and a text that begins with a mark of its order', () => {
    expect(at(`{"a": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`)).toBeNull();
    expect(parseJsonBody(Buffer.from('\ufeff{"a": 1}'))).toEqual({ a: 1 });
  });
});
