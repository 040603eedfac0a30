/**
 * Vendors that hand out data as reports: ask for one, wait until it is made, fetch its document. What differs
 * between such vendors is described here; permits, verdicts, ledger and ingest are shared.
 */
import type { Readable } from 'node:stream';
import type { Span } from '../../quota/windows/chunks';
import type { ReportDocument } from '../amazon/document';
import type { VendorResponse } from '../contract';
import type { DatasetDescription } from '../dataset';
import type { HttpRequest, Parsed } from '../http';

/** One series of a dataset: its partition, e.g. marketplace and currency. */
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
  /** The vendor's own word for it; empty when there is none. */
  readonly said: string;
  readonly span: Span | null;
  readonly marketplaceIds: readonly string[];
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
  /** What limits tell calls about a dataset's reports apart by. */
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
