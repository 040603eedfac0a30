/** Files of requests and of results: what fits into one, how lines are distinguished, what a batch's plan says of them. */
import { Readable } from 'node:stream';
import { FileMeasure } from '../../../../activities/batches/files/cut';
import { textLines } from '../../../../activities/batches/files/results';
import { customIdOf, seqOf } from '../../../../activities/batches/files/types';
import { batchPrice } from '../../../../quota/batches/price';
import { parseSettings } from '../../../../settings';
import { accountParts } from '../../../../vendors/registry';

describe('what fits into a file', () => {
  const bounds = { requests: 3, bytes: 100, tokens: 50 };

  test.each([
    ['requests', [10, 1], 3],
    ['bytes', [40, 1], 2],
    ['tokens', [10, 20], 2],
  ] as const)('%s', (_, [bytes, tokens], taken) => {
    const measure = new FileMeasure(bounds);
    while (measure.add(bytes, tokens));
    expect(measure.requests).toBe(taken);
    expect(measure).toMatchObject({ bytes: taken * bytes, tokens: taken * tokens });
  });

  test('what does not fit leaves the measure as it was, and a smaller one may still fit', () => {
    const measure = new FileMeasure(bounds);
    expect(measure.add(90, 1)).toBe(true);
    expect(measure.add(11, 1)).toBe(false);
    expect(measure.add(10, 1)).toBe(true);
    expect(measure.full).toBe(true);
  });

  test('a single request goes although it needs more tokens than there is room for, but never more bytes', () => {
    expect(new FileMeasure(bounds).add(10, 500)).toBe(true);
    expect(new FileMeasure(bounds).add(101, 1)).toBe(false);
  });
});

describe('lines of a stream', () => {
  async function lines(...chunks: (string | Buffer)[]): Promise<(string | null)[]> {
    const all: (string | null)[] = [];
    for await (const line of textLines(Readable.from(chunks.map((c) => Buffer.from(c))))) all.push(line);
    return all;
  }

  test('are whole however the stream is cut, also within a character', async () => {
    const text = Buffer.from('{"a":"ü"}\n{"b":"😀"}\n\n{"c":1}');
    for (let at = 1; at < text.length; at++) {
      expect(await lines(text.subarray(0, at), text.subarray(at))).toEqual([
        '{"a":"ü"}',
        '{"b":"😀"}',
        '{"c":1}',
      ]);
    }
  });

  test('end at line feeds alone: other separators stand within texts', async () => {
    expect(await lines('{"a":"x\u2028y\u0085z"}\r\n{"b":1}\n')).toEqual([
      '{"a":"x\u2028y\u0085z"}',
      '{"b":1}',
    ]);
  });

  test('that are too long are reported without being held in memory, and the next ones are read', async () => {
    const all: (string | null)[] = [];
    const chunks = ['{"a":1}\n{"b":"', 'x'.repeat(20), 'y'.repeat(20), '"}\n{"c":1}', '\n', 'z'.repeat(31)];
    for await (const line of textLines(Readable.from(chunks.map((c) => Buffer.from(c))), 30)) all.push(line);
    expect(all).toEqual(['{"a":1}', null, '{"c":1}', null]);
  });
});

test('an item’s name in a file leads back to it, and another name to none', () => {
  expect(seqOf(customIdOf(42_887))).toBe(42_887);
  for (const name of ['42', 'item-', 'item-1x', 'item-9999999999']) expect(seqOf(name)).toBeNull();
});

function byFiles() {
  const yaml = `
accounts:
  a:
    vendor: openai
    apiKey: env:KEY
    baseUrl: http://127.0.0.1:1/v1
    project: proj
    batchApi: { enqueuedTokens: { gpt-x: 1000 } }
    prices: { gpt-x: { input: 2, output: 8 } }
`;
  const settings = parseSettings(yaml, { file: null, baseDir: process.cwd(), env: {} });
  const api = settings.accounts.a && accountParts(settings.accounts.a).textBatches;
  if (!api) throw new Error('no files');
  return api;
}

test('a request is one line with its name, and the form around a file is as long as it says', () => {
  const api = byFiles();
  const line = api.line('item-7', { model: 'gpt-x', input: 'a\nb' });
  expect(line.indexOf('\n')).toBe(line.length - 1);
  expect(JSON.parse(line)).toEqual({
    custom_id: 'item-7',
    method: 'POST',
    url: '/v1/responses',
    body: { model: 'gpt-x', input: 'a\nb' },
  });
  const { request, head, tail } = api.upload('x.jsonl', line.length);
  expect(request.headers['content-length']).toBe(String(head.length + line.length + tail.length));
  expect(head).toContain('name="purpose"\r\n\r\nbatch\r\n');
  expect(api.authorize(request, 'sk').headers).toMatchObject({
    authorization: 'Bearer sk',
    'openai-project': 'proj',
  });
});

test('the settings name the queue’s limit and the price by model; what they do not name is unknown', () => {
  const api = byFiles();
  expect([api.enqueuedTokens('gpt-x'), api.enqueuedTokens('gpt-y')]).toEqual([1000, null]);
  expect([api.priceOf('gpt-x'), api.priceOf('gpt-y')]).toEqual([{ input: 2, output: 8 }, null]);
  expect(
    batchPrice({
      items: 1000,
      inputTokens: 500,
      outputTokens: 250,
      price: { input: 2, output: 8 },
      fileShare: 0.5,
    }),
  ).toEqual({ calls: 3, files: 1.5, saved: 1.5 });
});
