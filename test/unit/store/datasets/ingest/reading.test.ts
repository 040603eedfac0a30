import type { IncomingDocument, IncomingRow } from '../../../../../store/datasets/ingest/incoming';
import { DocumentReading } from '../../../../../store/datasets/ingest/reading';

const HOUR = 3_600_000;
const MIB = 2 ** 20;
const span = { from: 0, to: HOUR };
const row = (name: string): IncomingRow => ({ start: 0, end: HOUR, values: [name] });

/** Each batch is told to have taken so many bytes of text. */
function reading(batches: readonly (readonly IncomingRow[])[], bytesEach: number, maxBytes = 1024 * MIB) {
  let bytes = 0;
  const document: IncomingDocument = {
    batches: (async function* () {
      for (const batch of batches) {
        bytes += bytesEach;
        yield batch;
      }
    })(),
    badRows: () => ({ count: 0, rows: [] }),
    head: () => Buffer.alloc(0),
    bytes: () => bytes,
    digest: () => '',
    abort: () => {},
  };
  return new DocumentReading(document, { seriesId: 7, span, maxBytes });
}

async function piecesOf(read: DocumentReading): Promise<string[]> {
  const all: string[] = [];
  for await (const piece of read.pieces()) all.push(Buffer.concat(piece).toString());
  return all;
}

describe('the pieces of a reading', () => {
  test('are lines of COPY, escaped, and counted by their hours', async () => {
    const read = reading([[row('a\tb\\')], [], [row('c')]], 100);
    const times = '1970-01-01T00:00:00.000Z\t1970-01-01T01:00:00.000Z';
    expect(await piecesOf(read)).toEqual([`7\t${times}\ta\\tb\\\\\n7\t${times}\tc\n`]);
    expect(read.rows).toBe(2);
    expect([...read.byHour]).toEqual([[0, 2]]);
  });

  test('come also while nothing can be used: after each 4 MiB of text', async () => {
    const nothing = Array.from({ length: 12 }, () => []);
    expect(await piecesOf(reading(nothing, MIB))).toEqual(['', '', '']);
  });

  test('end with a refusal when the text is too long', async () => {
    const read = reading([[row('a')], [row('b')], [row('c')]], MIB, 2 * MIB);
    await expect(piecesOf(read)).rejects.toMatchObject({ documentProblem: { code: 'too_large' } });
  });

  test('end with a refusal at a row outside of the span', async () => {
    const read = reading([[{ ...row('a'), end: 2 * HOUR }]], 100);
    await expect(piecesOf(read)).rejects.toMatchObject({ documentProblem: { code: 'schema' } });
  });
});
