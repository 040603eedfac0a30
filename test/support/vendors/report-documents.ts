/** Documents of sales as Amazon writes them, and how they are read. */
import { Readable } from 'node:stream';
import { RT_SALES } from '../../../vendors/amazon/datasets';
import { openReportDocument, type ReportExpectation } from '../../../vendors/amazon/document/document';
import { type DatasetRow, DocumentError } from '../../../vendors/dataset';

export const FROM = Date.parse('2026-11-20T20:00:00Z');
export const HOUR = 3_600_000;
export const sales: ReportExpectation = {
  dataset: RT_SALES,
  span: { from: FROM, to: FROM + 2 * HOUR },
  partition: { marketplaceId: 'ATVPDKIKX0DER', currencyCode: 'USD' },
};

export const SPECIFICATION = `{
  "reportType": "GET_VENDOR_REAL_TIME_SALES_REPORT",
  "dataStartTime": "2026-11-20T20:00:00Z", "dataEndTime": "2026-11-20T22:00:00+00:00",
  "marketplaceIds": ["ATVPDKIKX0DER"], "reportOptions": {"currencyCode": "USD"}}`;
export const row = (fields: Record<string, string> = {}) => {
  const all = {
    startTime: '"2026-11-20T20:00:00Z"',
    endTime: '"2026-11-20T21:00:00Z"',
    asin: '"B00ABCD123"',
    orderedUnits: '1',
    orderedRevenue: '167.14',
    ...fields,
  };
  return `{${Object.entries(all)
    .map(([name, text]) => `"${name}":${text}`)
    .join(',')}}`;
};
export const documentOf = (rows: readonly string[], specification = SPECIFICATION) =>
  `{"reportSpecification":${specification},"reportData":[${rows.join(',')}]}`;

/** Cuts bytes at the given places, wherever they fall. */
export function pieces(bytes: Buffer, cuts: readonly number[] = []): Readable {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return Readable.from(places.slice(1).map((end, index) => bytes.subarray(places[index], end)));
}

export async function read(
  text: string | Buffer,
  expected = sales,
  cuts: readonly number[] = [],
  algorithm?: string,
) {
  const document = openReportDocument(pieces(Buffer.from(text), cuts), expected, {
    compressionAlgorithm: algorithm,
  });
  const rows: DatasetRow[] = [];
  for await (const batch of document.batches) rows.push(...batch);
  return { rows, document };
}

/** Unlike events.once, minds no error: a source that is given up ends with one. */
export const closing = (source: Readable) =>
  new Promise<void>((resolve) => source.once('close', () => resolve()));

export async function problemOf(reading: Promise<unknown>) {
  const error: unknown = await reading.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof DocumentError)) throw new Error(`expected a DocumentError, got ${String(error)}`);
  return error.documentProblem;
}
