import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { RT_TRAFFIC } from '../../../../../vendors/amazon/datasets';
import { openReportDocument, readErrorDocument } from '../../../../../vendors/amazon/document/document';
import { parseInstant } from '../../../../../vendors/amazon/document/value';
import type { DatasetRow } from '../../../../../vendors/dataset';
import fc from '../../../../support/run/properties';
import {
  closing,
  documentOf,
  FROM,
  HOUR,
  pieces,
  problemOf,
  read,
  row,
  SPECIFICATION,
  sales,
} from '../../../../support/vendors/report-documents';

test.each([
  ['an error', new Error('the connection broke')],
  ['no word', undefined],
])('a download that ends with %s while its first bytes are read fails', async (_, error) => {
  const source = new Readable({ read() {} });
  const { batches } = openReportDocument(source, sales);
  // In the same turn as the bytes arrive, before whoever waits for them goes on.
  source.once('readable', () => source.destroy(error));
  source.push('{"reportSpecification"');
  const reading = (async () => {
    for await (const _batch of batches);
  })();
  await expect(reading).rejects.toThrow(error?.message ?? 'the download was given up');
});

describe('a good report document', () => {
  test('gives rows with times as instants and amounts as written', async () => {
    const { rows } = await read(
      documentOf([
        row({ orderedRevenue: '12345678901234567890.123456789012345678' }),
        row({
          startTime: '"2026-11-20T21:00:00+00:00"',
          endTime: '"2026-11-20T22:00:00.000Z"',
          orderedUnits: '-3',
        }),
        row({ asin: '"B0 ümläut 🛒 \\u00e9"', orderedRevenue: '-0.0' }),
      ]),
    );
    expect(rows).toEqual([
      {
        start: FROM,
        end: FROM + HOUR,
        values: ['B00ABCD123', '1', '12345678901234567890.123456789012345678'],
      },
      { start: FROM + HOUR, end: FROM + 2 * HOUR, values: ['B00ABCD123', '-3', '167.14'] },
      { start: FROM, end: FROM + HOUR, values: ['B0 ümläut 🛒 é', '1', '-0.0'] },
    ]);
  });

  test('may have its parts in any order, a byte order mark and fields unknown to us', async () => {
    const text =
      '\uFEFF{"new":{"reportData":[{"asin":1}]},"reportData":[' +
      `${row({ extra: '[1,{"a":null}]' })}],"also":"reportData","reportSpecification":${SPECIFICATION}} \n`;
    expect((await read(text)).rows).toHaveLength(1);
  });

  test('may have no rows', async () => {
    expect((await read(documentOf([]))).rows).toEqual([]);
  });

  test('is read through GZIP, with digest, size and head of the plain text', async () => {
    const text = documentOf(Array.from({ length: 2_000 }, (_, index) => row({ asin: `"B${index}"` })));
    const { rows, document } = await read(gzipSync(text), sales, [], 'GZIP');
    expect(rows).toHaveLength(2_000);
    expect(document.bytes()).toBe(text.length);
    expect(document.head().toString()).toBe(text.slice(0, 64 * 1024));
    expect(document.digest()).toBe(createHash('sha256').update(text).digest('hex'));
  });

  test.each([
    ['announced as GZIP and plain', false, 'GZIP'],
    ['announced as plain and GZIP', true, undefined],
    ['announced as something nobody knows and plain', false, 'ZSTD'],
    ['announced as something nobody knows and GZIP', true, 'ZSTD'],
  ])('is read by its bytes when it is %s, wherever it is cut', async (_, gzip, said) => {
    const text = documentOf([row(), row({ asin: '"B2"' })]);
    const bytes = gzip ? gzipSync(text) : Buffer.from(text);
    for (const cuts of [[], [1], [0, 1, 2], [...bytes.keys()]]) {
      expect((await read(bytes, sales, cuts, said)).rows).toHaveLength(2);
    }
    expect((await read(gzipSync(gzipSync(text)), sales, [], said)).rows).toHaveLength(2);
  });

  test.each([
    ['Brotli, as the download says', brotliCompressSync, 'br'],
    ['Brotli among others', brotliCompressSync, 'identity, BR'],
    ['Brotli that nobody speaks of', brotliCompressSync, undefined],
    ['bare deflate', deflateRawSync, 'deflate'],
    ["zlib's format, whatever is said", deflateSync, undefined],
    ['nothing, whatever is said', Buffer.from, 'br'],
  ] as const)('is read when it is compressed with %s', async (_, pack, contentEncoding) => {
    const bytes = pack(documentOf([row(), row({ asin: '"B2"' })]));
    const document = openReportDocument(pieces(bytes, [1, 2]), sales, { contentEncoding });
    const rows: DatasetRow[] = [];
    for await (const batch of document.batches) rows.push(...batch);
    expect(rows).toHaveLength(2);
  });

  test('of a type without options needs no options', async () => {
    const specification = SPECIFICATION.replace('SALES', 'TRAFFIC').replace('{"currencyCode": "USD"}', '{}');
    const expected = { ...sales, dataset: RT_TRAFFIC, partition: { marketplaceId: 'ATVPDKIKX0DER' } };
    const { rows } = await read(documentOf([row({ glanceViews: '7' })], specification), expected);
    expect(rows[0]?.values).toEqual(['B00ABCD123', '7']);
  });
});

describe('any document, cut anywhere', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).filter((s) => !s.includes('\0'));
  const decimal = fc
    .tuple(
      fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }),
      fc.stringMatching(/^(\.[0-9]{1,12})?([eE][+-]?[0-9])?$/),
    )
    .map(([whole, rest]) => `${whole}${rest}`);
  const item = fc.record({
    asin: text,
    escaped: fc.boolean(),
    units: fc.integer(),
    revenue: decimal,
    extra: fc.jsonValue(),
  });
  const escapeAll = (s: string) =>
    `"${[...Array(s.length).keys()].map((i) => `\\u${s.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`;

  test('says the same as JSON.parse, and keeps every digit', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(item, { maxLength: 6 }),
        fc.array(fc.nat({ max: 5_000 }), { maxLength: 40 }),
        fc.boolean(),
        fc.boolean(),
        async (items, cuts, dataFirst, gzip) => {
          const rows = items.map((one) =>
            row({
              extra: JSON.stringify(one.extra),
              asin: one.escaped ? escapeAll(one.asin) : JSON.stringify(one.asin),
              orderedUnits: String(one.units),
              orderedRevenue: one.revenue,
            }),
          );
          const parts = [`"reportSpecification":${SPECIFICATION}`, `"reportData":[${rows.join(' ,\n')}]`];
          const source = `{${(dataFirst ? parts.reverse() : parts).join(',')}}`;
          const bytes = gzip ? gzipSync(source) : Buffer.from(source);
          const got = await read(bytes, sales, cuts, gzip ? 'GZIP' : undefined);
          const parsed = JSON.parse(source) as { reportData: { asin: string; orderedUnits: number }[] };
          expect(got.rows.map((r) => [r.values[0], Number(r.values[1])])).toEqual(
            parsed.reportData.map((r) => [r.asin, r.orderedUnits]),
          );
          expect(got.rows.map((r) => r.values[2])).toEqual(items.map((one) => one.revenue));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('every byte alone gives the same rows', async () => {
    const source = Buffer.from(
      documentOf([row({ asin: '"ü🛒\\ud83d\\uded2\\n"', orderedRevenue: '1.5e-3' })]),
    );
    const { rows } = await read(source, sales, [...source.keys()]);
    expect(rows[0]?.values).toEqual(['ü🛒🛒\n', '1', '1.5e-3']);
  });

  test('a document cut off after any byte is an error, never a shorter document', async () => {
    const source = Buffer.from(documentOf([row(), row({ asin: '"B2"' })]));
    for (let length = 0; length < source.length; length += 7) {
      expect((await problemOf(read(source.subarray(0, length)))).code).toBe('json');
    }
    const zipped = gzipSync(source);
    for (let length = 2; length < zipped.length; length += 7) {
      expect((await problemOf(read(zipped.subarray(0, length), sales, [], 'GZIP'))).code).toBe('gzip');
    }
  });
});

test('a broken download is not a bad document: the error of the source passes through', async () => {
  const failing = (gzip: boolean) =>
    Readable.from(
      (async function* () {
        const bytes = Buffer.from(documentOf([row()]));
        yield (gzip ? gzipSync(bytes) : bytes).subarray(0, 60);
        throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
      })(),
    );
  for (const gzip of [false, true]) {
    const options = gzip ? { compressionAlgorithm: 'GZIP' } : {};
    const { batches } = openReportDocument(failing(gzip), sales, options);
    await expect(batches[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'ECONNRESET' });
  }
});

test('nothing is read ahead of the consumer but what the streams buffer', async () => {
  let pulled = 0;
  const line = `${row()},`.repeat(100);
  const source = Readable.from(
    (function* () {
      yield Buffer.from(`{"reportSpecification":${SPECIFICATION},"reportData":[`);
      for (; pulled < 1_000; pulled++) yield Buffer.from(line);
    })(),
  );
  const iterator = openReportDocument(source, sales).batches[Symbol.asyncIterator]();
  await iterator.next();
  await new Promise((resolve) => setImmediate(resolve));
  expect(pulled).toBeLessThan(50);
  const closed = closing(source);
  await iterator.return?.(undefined);
  await closed;
});

describe('the document of a FATAL report', () => {
  const readText = (text: string | Buffer, algorithm?: string) =>
    readErrorDocument(pieces(Buffer.from(text)), { compressionAlgorithm: algorithm });

  test('is read for its explanation only', async () => {
    expect(await readText('{"errorDetails":"not yet"}')).toBe('not yet');
    expect(await readText(gzipSync('{"reportRequestError":"A client error occurred"}'), 'GZIP')).toMatch(
      /client error/,
    );
    expect(await readText(documentOf([]))).toBeNull();
    expect(await readText('<html>')).toBeNull();
    expect(await readText('no gzip', 'GZIP')).toBeNull();
  });
});

describe('instants', () => {
  test.each([
    ['2026-11-20T20:00:00Z', FROM],
    ['2026-11-20T20:00:00+00:00', FROM],
    ['2026-11-20T20:00Z', FROM],
    ['2026-11-20T20:00:00.000000Z', FROM],
    ['2026-11-21T01:30:00+05:30', FROM],
    ['2026-11-20T12:00:00-0800', FROM],
  ])('%s', (text, instant) => expect(parseInstant(text)).toBe(instant));

  test.each(['2026-11-20', '2026-02-30T00:00:00Z', '2026-11-20T24:00:00Z', '2026-11-20T20:00:00', '1', ''])(
    '%s is none',
    (text) => expect(parseInstant(text)).toBeNull(),
  );

  test('any instant reads as JavaScript prints it', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }),
        (date) => {
          expect(parseInstant(date.toISOString())).toBe(date.getTime());
        },
      ),
    );
  });
});
