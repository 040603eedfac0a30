/**
 * Vendors that hand out data as reports: ask for one, wait until it is made, fetch its document. What differs
 * between such vendors is described here; permits, verdicts, ledger and ingest are shared.
 */
import type { Readable } from 'node:stream';
import type { Span } from '../../quota/windows/chunks';
import type { VendorResponse } from '../contract';
import type { BadRow, DatasetDescription, DatasetRow } from '../dataset';
import type { HttpRequest, Parsed } from '../http';

/** One series of a dataset: its partition, e.g. shop and currency. */
export type Partition = Readonly<Record<string, string>>;

export interface ReportRequest {
  readonly dataset: DatasetDescription;
  readonly partition: Partition;
  readonly span: Span;
}

/** A report as the vendor describes it, in our words. Times are epoch milliseconds. */
export interface ReportStatus {
  readonly reportId: string;
  readonly reportType: string;
  readonly status: 'pending' | 'done' | 'cancelled' | 'fatal';
  /** The vendor's own name for it; empty when there is none. */
  readonly said: string;
  readonly span: Span | null;
  /** What the vendor names as the report's series (its shops, say); read by `matches` alone. */
  readonly series: readonly string[];
  readonly createdAt: number;
  /** Present when there is a document: data when done, an explanation when fatal. */
  readonly documentId: string | null;
}

export interface DocumentLocation {
  readonly url: string;
  readonly compressionAlgorithm: string | undefined;
  /** What the download itself says; only known while it is read. */
  readonly contentEncoding?: string | undefined;
}

/** A document on its way in. `head`, `bytes` and `digest` grow while `batches` is consumed. */
export interface ReportDocument {
  /**
   * Rows in document order, to be consumed once. A batch may be empty, so that whoever reads hears from a long part
   * without rows that can be used. The next piece is read only when the last was taken.
   * Throws DocumentError for a document that must not be ingested; an error of the source passes through.
   */
  readonly batches: AsyncIterable<readonly DatasetRow[]>;
  /** Rows that cannot be used: how many, and the first 10,000 of them. Grows like the rest. */
  badRows(): { readonly count: number; readonly rows: readonly BadRow[] };
  /** The first 64 KiB of the uncompressed text that has been read. */
  head(): Buffer;
  /** Uncompressed bytes read. */
  bytes(): number;
  /** SHA-256 of the uncompressed text, hex. Only valid once `batches` has ended. */
  digest(): string;
  /** Stops reading, even of a source that has stalled: `batches` throws the error. */
  abort(error: Error): void;
}

/** What a FATAL report's text means for what to do next. */
export type FatalClass = 'not-yet' | 'no-data' | 'configuration' | 'unknown';

/** The calls of one account at such a vendor. */
export interface ReportApi {
  /** Operation names, as the limits know them. */
  readonly operations: {
    readonly create: string;
    readonly list: string;
    readonly get: string;
    readonly document: string;
    readonly download: string;
  };
  /** Attributes by which limits distinguish calls about a dataset's reports. */
  attributes(dataset: DatasetDescription): Readonly<Record<string, string>>;
  /** Adds the token to a request. */
  authorize(request: HttpRequest, token: string, nowMs: number): HttpRequest;
  create(request: ReportRequest): HttpRequest;
  parseCreate(body: string): Parsed<{ reportId: string }>;
  /** The vendor's own id of a call, for its support to find it by. Undefined when the answer names none. */
  requestId(response: Pick<VendorResponse, 'headers'>): string | undefined;
  get(reportId: string): HttpRequest;
  parseGet(body: string): Parsed<ReportStatus>;
  /** Reports of a type made since `createdSince` (epoch ms), newest first; a page at a time. */
  list(query: { reportType: string; createdSince: number } | { nextToken: string }): HttpRequest;
  parseList(body: string): Parsed<{ reports: readonly ReportStatus[]; nextToken: string | null }>;
  document(documentId: string): HttpRequest;
  parseDocument(body: string): Parsed<DocumentLocation>;
  /** Where documents may be fetched from. */
  readonly documents: { readonly baseUrl: string; readonly hosts?: readonly string[] | undefined };
  /** How long a document's URL lasts, ms. */
  readonly urlLifetimeMs: number;
  /** Whether a listed report is the one that `request` would make. */
  matches(report: ReportStatus, request: ReportRequest): boolean;
  openDocument(source: Readable, request: ReportRequest, location: DocumentLocation): ReportDocument;
  readErrorDocument(source: Readable, location: DocumentLocation): Promise<string | null>;
  classifyFatal(text: string | null): FatalClass;
}
