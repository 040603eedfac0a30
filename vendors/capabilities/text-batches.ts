/**
 * Vendors that take many requests as one file and answer them within a day, at a lower price. What differs between
 * such vendors is described here; cutting, permits, polling, adopting and storing are shared.
 */
import type { HttpRequest, Parsed } from '../http';
import type { TextRequest } from './texts';

/** USD for a million tokens. */
export interface TokenPrice {
  readonly input: number;
  readonly output: number;
}

/** Why a vendor would not begin a batch at all. */
export type BatchProblem =
  /** More tokens would wait than the vendor lets wait; `limit` as it states it. */
  | { readonly kind: 'queue full'; readonly limit: number | null; readonly text: string }
  /** Somebody has to pay or to raise a limit first. */
  | { readonly kind: 'billing'; readonly text: string }
  /** What all requests have in common, e.g. the model. */
  | { readonly kind: 'refused'; readonly text: string }
  /** One request; lines count from 1. */
  | { readonly kind: 'line'; readonly line: number; readonly text: string }
  /** The vendor's own trouble. */
  | { readonly kind: 'service'; readonly text: string };

/** Why a batch was not made of an uploaded file. All but `refused` may pass, and cost nothing. */
export type BatchRefusal =
  | { readonly kind: 'queue full'; readonly limit: number | null; readonly text: string }
  /** It was uploaded, and is not known yet, or not any more. */
  | { readonly kind: 'file missing'; readonly text: string }
  | { readonly kind: 'file not ready'; readonly text: string }
  /** What all requests have in common. */
  | { readonly kind: 'refused'; readonly text: string }
  | { readonly kind: 'unknown'; readonly text: string };

export interface VendorBatch {
  readonly id: string;
  /** The vendor's status, for people. */
  readonly status: string;
  /** It has passed the vendor's first checks, and so the queue has taken it. */
  readonly begun: boolean;
  /** An unknown state: polled on, as one that has not ended. */
  readonly strange: boolean;
  /** Null while it may still change. Results of whatever was answered exist for all but `failed`. */
  readonly end: 'completed' | 'expired' | 'cancelled' | 'failed' | null;
  /** True when it has been asked to end, or is about to end by itself. */
  readonly ending: boolean;
  /** Epoch ms; null when it does not say. */
  readonly createdAt: number | null;
  readonly expiresAt: number | null;
  /** The file that it was made of; null when it does not say. */
  readonly inputFileId: string | null;
  /** As given at its creation; some vendors do not give them back. */
  readonly labels: Readonly<Record<string, string>>;
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
  readonly outputFileId: string | null;
  readonly errorFileId: string | null;
  readonly problems: readonly BatchProblem[];
}

/** A record of the vendor's list that cannot be used as a whole. */
export interface UnusableBatch {
  readonly id: string | null;
  readonly inputFileId: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly problem: string;
}

export interface VendorBatchList {
  readonly batches: readonly VendorBatch[];
  readonly unusable: readonly UnusableBatch[];
  /** To be given for the next page; null when there is none. */
  readonly after: string | null;
}

/** One line of a file of results. */
export type BatchResult = { readonly customId: string } & (
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly requestId: string;
      /** As the same request would have been answered by itself. */
      readonly body: string;
    }
  /** It was not begun: the time was over, or somebody cancelled. */
  | { readonly kind: 'expired' | 'cancelled'; readonly reason: string }
  | { readonly kind: 'error'; readonly code: string; readonly reason: string }
);

/** A form with one file in it: `head`, the file's bytes, `tail`. */
export interface FileUpload {
  readonly request: HttpRequest;
  readonly head: string;
  readonly tail: string;
}

export interface TextBatchApi {
  /** Operation names, as the limits know them. */
  readonly operations: {
    readonly upload: string;
    readonly create: string;
    readonly get: string;
    readonly list: string;
    readonly cancel: string;
    readonly download: string;
  };
  /** Requests in one file. */
  readonly maxRequests: number;
  readonly maxBytes: number;
  /** Longest wait for an answer, ms. */
  readonly timeoutMs: number;
  /** Between two polls of a batch: grows from the first to the last, ms. */
  readonly poll: { readonly firstMs: number; readonly maxMs: number };
  /** How long an unanswered creation may take to show in the vendor's list, ms. */
  readonly settleMs: number;
  /** Input tokens that may wait at the vendor at once; null when unknown. */
  enqueuedTokens(model: string): number | null;
  /** What of the usual price is charged, e.g. 0.5. */
  readonly priceShare: number;
  /** The usual price; null when the settings name none. */
  priceOf(model: string): TokenPrice | null;
  /** Tokens of a request as they count in the queue. */
  inputTokens(request: TextRequest): number;
  /** The request as a line of the file, with its line feed. */
  line(customId: string, request: TextRequest): string;
  authorize(request: HttpRequest, key: string): HttpRequest;
  /** @param bytes of the file alone. */
  upload(name: string, bytes: number): FileUpload;
  create(fileId: string, labels: Readonly<Record<string, string>>): HttpRequest;
  get(id: string): HttpRequest;
  /** Newest first. @param after the last id of the page before; null for the first page. */
  list(after: string | null): HttpRequest;
  cancel(id: string): HttpRequest;
  download(fileId: string): HttpRequest;
  /** @returns the file's id. */
  parseFile(body: string): Parsed<string>;
  parseBatch(body: string): Parsed<VendorBatch>;
  parseList(body: string): Parsed<VendorBatchList>;
  /** @param body of the answer that refuses to make a batch. */
  parseRefusal(body: string): BatchRefusal;
  parseResult(line: string): Parsed<BatchResult>;
}
