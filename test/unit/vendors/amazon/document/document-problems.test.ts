/** Documents and rows that must not be ingested, each refused with its reason. */
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { openReportDocument } from '../../../../../vendors/amazon/document/document';
import {
  closing,
  documentOf,
  FROM,
  problemOf,
  read,
  row,
  SPECIFICATION,
  sales,
} from '../../../../support/vendors/report-documents';

describe('a row that cannot be used is set aside, and the others are read', () => {
  test.each([
    ['a row that is null', documentOf([row(), 'null']), /reportData\[1\] is null/],
    [
      'units with a fraction',
      documentOf([row({ orderedUnits: '1.5' })]),

      /orderedUnits is 1.5.*an integer/,
    ],
    ['units in quotes', documentOf([row({ orderedUnits: '"1"' })]), /orderedUnits is "1"/],
    ['units beyond bigint', documentOf([row({ orderedUnits: '1'.repeat(20) })]), /orderedUnits/],
    [
      'revenue that is null',
      documentOf([row({ orderedRevenue: 'null' })]),

      /orderedRevenue is null/,
    ],
    [
      'revenue beyond all bounds',
      documentOf([row({ orderedRevenue: '1e9999' })]),

      /orderedRevenue is 1e9999/,
    ],
    ['an empty ASIN', documentOf([row({ asin: '""' })]), /asin is ""/],
    ['an ASIN with U+0000', documentOf([row({ asin: '"a\\u0000"' })]), /asin/],
    ['an ASIN with half a character', documentOf([row({ asin: '"a\\ud83d"' })]), /asin/],
    ['a time without zone', documentOf([row({ startTime: '"2026-11-20T20:00:00"' })]), /startTime/],
    [
      'half an hour',
      documentOf([row({ startTime: '"2026-11-20T20:30:00Z"' })]),

      /not one whole hour/,
    ],
    [
      'a row outside of the span',
      documentOf([row({ startTime: '"2026-11-20T22:00:00Z"', endTime: '"2026-11-20T23:00:00Z"' })]),

      /outside of the requested span/,
    ],
    [
      'a revenue that is missing',
      documentOf([row({ orderedRevenue: 'null' }).replace(',"orderedRevenue":null', '')]),
      /orderedRevenue is missing/,
    ],
    [
      'a revenue that is an object',
      documentOf([row({ orderedRevenue: '{"amount":9.9,"currencyCode":"EUR"}' })]),
      /orderedRevenue is .*it must be a number/,
    ],
    ['a list in place of a row', documentOf(['[1]']), /reportData\[0\] is \[1\]; it must be an object/],
  ])('%s', async (_, text, problem) => {
    const good = row({ asin: '"GOOD"' });
    const { rows, document } = await read((text as string).replace(/\]\}$/, `,${good}]}`));
    expect(rows.at(-1)?.values[0]).toBe('GOOD');
    expect(document.badRows().count).toBe(1);
    expect(document.badRows().rows[0]?.problem).toMatch(problem);
  });

  test('with its place, and what can be read of its key', async () => {
    const source = documentOf([row(), row({ asin: '"B2"', orderedUnits: 'null' }), row({ asin: 'null' })]);
    const { rows, document } = await read(source);
    expect(rows).toHaveLength(1);
    const [units, asin] = document.badRows().rows;
    expect(units).toMatchObject({
      index: 1,
      start: FROM,
      key: ['B2'],
      text: expect.stringContaining('"B2"'),
    });
    expect(Math.abs((units?.position ?? -1) - source.indexOf('},{', source.indexOf('B2')))).toBeLessThan(20);
    expect(asin).toMatchObject({ index: 2, start: FROM, key: null });
  });
});

describe('a document that must not be ingested', () => {
  test.each([
    ['garbage', '<html>Service unavailable</html>', 'json', /not valid JSON/],
    ['garbage after the end', `${documentOf([row()])} {}`, 'json', /not valid JSON/],
    [
      'invalid UTF-8',
      Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
      'json',
      /./,
    ],
    ['an array', '[]', 'schema', /is an array/],
    ['a text', '"x"', 'schema', /is x/],
    ['a missing specification', '{"reportData":[]}', 'schema', /reportSpecification is missing/],
    ['missing data', `{"reportSpecification":${SPECIFICATION}}`, 'schema', /reportData is missing/],
    ['data that is an object', '{"reportData":{"a":{}}}', 'schema', /must be an array/],
    ['data twice', '{"reportData":[],"reportData":[]}', 'schema', /twice/],
    ['another type', documentOf([], SPECIFICATION.replace('SALES', 'TRAFFIC')), 'mismatch', /reportType/],
    [
      'another currency',
      documentOf([], SPECIFICATION.replace('USD', 'EUR')),
      'mismatch',
      /currencyCode is "EUR", but USD/,
    ],
    ['another start', documentOf([], SPECIFICATION.replace('T20', 'T19')), 'mismatch', /dataStartTime/],
    ['another end', documentOf([], SPECIFICATION.replace('T22', 'T23')), 'mismatch', /dataEndTime/],
    [
      'another marketplace',
      documentOf([], SPECIFICATION.replace('ATV', 'A1P')),
      'mismatch',
      /marketplaceIds/,
    ],
    ['errorDetails', '{"errorDetails":"not yet available"}', 'vendor_error', /not yet available/],
    [
      'a reportRequestError behind data',
      `${documentOf([row()]).slice(0, -1)},"reportRequestError":"client error"}`,
      'vendor_error',
      /client error/,
    ],
  ])('%s', async (_, text, code, problem) => {
    const found = await problemOf(read(text));
    expect(found.code).toBe(code);
    expect(found.problem).toMatch(problem);
  });

  test('says near which byte it went wrong', async () => {
    const source = documentOf([row(), row(), row({ orderedUnits: 'x' })]);
    const { position } = await problemOf(read(source));
    expect(Math.abs((position ?? -1) - source.indexOf('"orderedUnits":x'))).toBeLessThan(20);
  });

  test.each([
    ['Zstandard', [0x28, 0xb5, 0x2f, 0xfd, 0x00]],
    ['UTF-16', [0xff, 0xfe, 0x7b, 0x00, 0x0a]],
    ['UTF-16', [0xfe, 0xff, 0x00, 0x7b, 0x00]],
    ['ZIP', [0x50, 0x4b, 0x03, 0x04, 0x00]],
  ])('%s data is named', async (format, bytes) => {
    const { code, problem } = await problemOf(read(Buffer.from(bytes), sales, [], 'ZSTD'));
    expect(code).toBe('gzip');
    expect(problem).toContain(`${format} data (announced as "ZSTD")`);
  });

  test('a document that is compressed over and over again', async () => {
    let bytes = Buffer.from(documentOf([]));
    for (let i = 0; i < 4; i++) bytes = gzipSync(bytes);
    expect((await problemOf(read(bytes))).problem).toMatch(/more than 3 times/);
  });

  test('endless text without a value is given up within bounds', async () => {
    const endless = Readable.from(
      (function* () {
        yield Buffer.from('{"reportData":[{"asin":"');
        for (;;) yield Buffer.alloc(64 * 1024, 0x61);
      })(),
    );
    const closed = closing(endless);
    const { batches } = openReportDocument(endless, sales);
    const reading = async () => {
      for await (const batch of batches) expect(batch).toEqual([]);
    };
    expect((await problemOf(reading())).problem).toMatch(/no complete value/);
    await closed;
  });
});
