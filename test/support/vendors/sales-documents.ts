/** Sales report documents as the vendor sends them, for tests of the store. */
import { Readable } from 'node:stream';
import type { Span } from '../../../quota/windows/chunks';
import { ArrivingDocument } from '../../../store/datasets/ingest/document-spool';
import { RT_SALES } from '../../../vendors/amazon/datasets';
import { openReportDocument } from '../../../vendors/amazon/document/document';

export const HOUR = 3_600_000;
/** Midnight of a day in the past; all spans of these tests count hours from it. */
export const DAY_START = Date.parse('2026-11-20T00:00:00Z');
export const PARTITION = { marketplaceId: 'ATVPDKIKX0DER', currencyCode: 'USD' };

export function hours(from: number, to: number): Span {
  return { from: DAY_START + from * HOUR, to: DAY_START + to * HOUR };
}

export interface SalesRow {
  readonly hour: number;
  readonly asin: string;
  readonly units?: number;
  readonly revenue?: string;
}

export function salesText(span: Span, rows: readonly SalesRow[]): string {
  const iso = (epochMs: number) => new Date(epochMs).toISOString();
  const data = rows.map(
    ({ hour, asin, units = 1, revenue = '1.00' }) =>
      `{"startTime":"${iso(DAY_START + hour * HOUR)}","endTime":"${iso(DAY_START + (hour + 1) * HOUR)}",` +
      `"asin":${JSON.stringify(asin)},"orderedUnits":${units},"orderedRevenue":${revenue}}`,
  );
  const specification = {
    reportType: RT_SALES.reportType,
    dataStartTime: iso(span.from),
    dataEndTime: iso(span.to),
    marketplaceIds: [PARTITION.marketplaceId],
    reportOptions: { currencyCode: PARTITION.currencyCode },
  };
  return `{"reportSpecification":${JSON.stringify(specification)},"reportData":[${data.join(',')}]}`;
}

export function openText(source: string | Readable, span: Span): ArrivingDocument {
  const stream = typeof source === 'string' ? Readable.from([Buffer.from(source)]) : source;
  return new ArrivingDocument(stream, (text) =>
    openReportDocument(text, { dataset: RT_SALES, span, partition: PARTITION }),
  );
}

export function salesDocument(span: Span, rows: readonly SalesRow[]): ArrivingDocument {
  return openText(salesText(span, rows), span);
}
