/** Report documents: links that expire, and bodies written and compressed while they are sent. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { HOUR_MS } from '../../../quota/durations';
import { hash32, unitOf } from '../../kit/random';
import type { SimAnswer } from '../../kit/vendor';
import type { SeriesKey, SimRow, SimWorld } from './data';
import { storeDenied } from './errors';
import type { AmazonScenario } from './options';
import { printInstant } from './report-types';
import { datasetOf, fullHours, marketplaceKey, type SimReport } from './reports';

/** Where the store of documents lives on the simulator. */
export const STORE_PATH = '/document-store/';

/** Rows are handed on in pieces of about this many characters, so that other calls are judged in between. */
const PIECE = 64 * 1024;

export class DocumentStore {
  urlLifetimeSeconds: number;
  extraFields: boolean;
  downloads = 0;
  expired = 0;
  /** Links made up to this instant are expired. */
  private expiredUpTo = 0;

  constructor(
    private readonly scenario: AmazonScenario,
    private readonly world: SimWorld,
  ) {
    this.urlLifetimeSeconds = scenario.documents.urlLifetimeSeconds;
    this.extraFields = scenario.data.extraFields;
  }

  /** The body of getReportDocument. `origin` is where the caller reached the simulator. */
  describe(report: SimReport, origin: string, now: number): Record<string, string> {
    const made = Math.floor(now);
    const until = made + this.urlLifetimeSeconds * 1000;
    const query = new URLSearchParams({
      'X-Amz-Date': String(made),
      'X-Amz-Expires': String(until),
      'X-Amz-Signature': this.sign(report.documentId, made, until),
    });
    return {
      reportDocumentId: report.documentId,
      url: `${this.scenario.documents.origin ?? origin}${STORE_PATH}${encodeURIComponent(report.documentId)}?${query}`,
      ...(this.saidCompressed(report) ? { compressionAlgorithm: 'GZIP' } : {}),
    };
  }

  /** Answers a download. */
  download(report: SimReport, query: URLSearchParams, now: number): SimAnswer {
    const made = Number(query.get('X-Amz-Date'));
    const until = Number(query.get('X-Amz-Expires'));
    const signature = this.sign(report.documentId, made, until);
    if (!sameText(signature, query.get('X-Amz-Signature') ?? '')) {
      return storeDenied('SignatureDoesNotMatch', 'The request signature we calculated does not match.');
    }
    if (now >= until || made <= this.expiredUpTo) {
      this.expired++;
      return storeDenied('AccessDenied', 'Request has expired');
    }
    this.downloads++;
    const gzip = this.compressed(report);
    return {
      status: 200,
      headers: { 'content-type': gzip ? 'application/gzip' : 'application/json;charset=UTF-8' },
      body: () => {
        const text = Readable.from(this.text(report), { objectMode: true, highWaterMark: 4 });
        if (!gzip) return text;
        const zipped = createGzip({ level: 1 });
        text.once('error', (error) => zipped.destroy(error));
        zipped.once('close', () => text.destroy());
        return text.pipe(zipped);
      },
    };
  }

  /** Makes every link given out so far an expired one. */
  expireUrls(now: number): void {
    this.expiredUpTo = now;
  }

  /** The document in pieces of JSON. Its rows are what Amazon knew when the report was made. */
  private *text(report: SimReport): Generator<Buffer> {
    const { document } = report;
    if (document?.holds === 'failure') {
      yield Buffer.from(JSON.stringify({ [document.field]: document.text }));
      return;
    }
    const { zone } = report;
    const specification = {
      reportType: report.reportType,
      dataStartTime: printInstant(report.dataStart ?? 0, zone),
      dataEndTime: printInstant(report.dataEnd ?? 0, zone),
      marketplaceIds: report.marketplaceIds,
      reportOptions: report.options,
    };
    let piece = `{"reportSpecification":${JSON.stringify(specification)},"reportData":[`;
    let first = true;
    const rowsOf = document?.holds === 'rows' ? document : null;
    const hours = rowsOf ? fullHours(report.dataStart, report.dataEnd) : [];
    let written = 0;
    const key = seriesOf(report);
    const extra = this.extraFields ? ',"fulfilmentChannel":"FBA","notes":{"revision":null}' : '';
    for (const hour of hours) {
      const times = `{"startTime":"${printInstant(hour, zone)}","endTime":"${printInstant(hour + HOUR_MS, zone)}"`;
      for (const [index, row] of [...this.world.rows(key, hour, report.endsAt)].entries()) {
        const { share = 1, badRows, duplicates } = rowsOf ?? {};
        if (share < 1 && unitOf(hash32(this.scenario.seed, report.id, hour, index, 'share')) >= share)
          continue;
        let text = `${times},${printRow(row)}${extra}}`;
        const isTwice = duplicates !== undefined && written < duplicates.count;
        if (badRows !== undefined && written < badRows.count)
          text = withValue(text, badRows.field, badRows.value);
        piece += `${first ? '' : ','}${text}`;
        if (isTwice) piece += `,${duplicates?.differ ? withValue(text, numberField(row), '987654') : text}`;
        first = false;
        written++;
        if (piece.length < PIECE) continue;
        yield Buffer.from(piece);
        piece = '';
      }
    }
    yield Buffer.from(`${piece}]}`);
  }

  /** What getReportDocument says of it. */
  private saidCompressed(report: SimReport): boolean {
    const lie = report.document?.holds === 'rows' ? report.document.lie : undefined;
    return lie === undefined ? this.compressed(report) : lie === 'plain-as-gzip';
  }

  private compressed(report: SimReport): boolean {
    const lie = report.document?.holds === 'rows' ? report.document.lie : undefined;
    if (lie !== undefined) return lie === 'gzip-as-plain';
    const { seed, documents } = this.scenario;
    return unitOf(hash32(seed, report.documentId, 'compression')) >= documents.uncompressedShare;
  }

  private sign(documentId: string, made: number, until: number): string {
    return createHmac('sha256', `simulator ${this.scenario.seed}`)
      .update(`${documentId}\n${made}\n${until}`)
      .digest('hex');
  }
}

export function seriesOf(report: SimReport): SeriesKey {
  return {
    account: report.account,
    marketplace: marketplaceKey(report.marketplaceIds),
    dataset: datasetOf(report),
  };
}

/** The fields of a row after its times. Revenue goes out with the very digits it has. */
function printRow(row: SimRow): string {
  if ('orderedUnits' in row) {
    return `"asin":"${row.asin}","orderedUnits":${row.orderedUnits},"orderedRevenue":${row.orderedRevenue}`;
  }
  if ('glanceViews' in row) return `"asin":"${row.asin}","glanceViews":${row.glanceViews}`;
  return `"asin":"${row.asin}","highlyAvailableInventory":${row.highlyAvailableInventory}`;
}

function numberField(row: SimRow): string {
  return Object.keys(row).find((field) => field !== 'asin') ?? 'asin';
}

/** A row's JSON text with another value of one field. */
function withValue(text: string, field: string, value: string): string {
  return text.replace(new RegExp(`"${field}":("[^"]*"|[^,}]*)`), () => `"${field}":${value}`);
}

function sameText(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
