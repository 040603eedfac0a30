/**
 * What a dataset is: a vendor's data with a time axis, described as data. Adding a dataset is adding a
 * description; tables, views, parsing, planning and ingest all read it.
 */
import type { ChunkPolicy } from '../quota/windows/chunks';

/** How a value is checked in the document and stored. Decimals keep every digit and never become floats. */
export type ColumnKind = 'integer' | 'decimal' | 'text';

export interface DatasetColumn {
  /** SQL name, e.g. `ordered_revenue`. */
  readonly name: string;
  /** Name in the vendor's document, e.g. `orderedRevenue`. */
  readonly field: string;
  readonly kind: ColumnKind;
  readonly sqlType: 'bigint' | 'numeric' | 'text';
  /** Part of the row's key, together with the series and the start time. */
  readonly key: boolean;
  readonly title: string;
}

/** What splits a dataset of one account into series, each with its own ledger. */
export interface PartitionColumn {
  /** Name in the series' partition and, when it is one, the vendor's report option: e.g. `currencyCode`. */
  readonly name: string;
  /** SQL name in the view, e.g. `currency`. */
  readonly column: string;
  readonly title: string;
}

export interface DatasetDescription {
  /** `vendor/name`, e.g. `amazon/rt-sales`. */
  readonly id: string;
  readonly vendor: string;
  readonly title: string;
  /** The vendor's name of the report. */
  readonly reportType: string;
  /** Name of the SQL view; the table behind it has the prefix `fact_`. */
  readonly table: string;
  readonly columns: readonly DatasetColumn[];
  readonly partition: readonly PartitionColumn[];
  /** Options the report type defines. One that it does not define must never be sent. */
  readonly options: readonly string[];
  /** How far back the vendor answers, milliseconds before the request. */
  readonly lookbackMs: number;
  /** Longest span of one report, milliseconds. */
  readonly maxSpanMs: number;
  /** Spans and rows lie on this grid of the UTC clock, milliseconds. */
  readonly gridMs: number;
  /** The vendor refuses a span that ends later than this before the request, milliseconds. 0 when it does not. */
  readonly endLagMs: number;
  /** How the dataset is cut into reports, unless the settings say otherwise. */
  readonly chunks: ChunkPolicy;
}

/** One row of a document. Values are in the order of `columns`, as the exact text that goes to the database. */
export interface DatasetRow {
  /** Epoch milliseconds. */
  readonly start: number;
  /** Epoch milliseconds. */
  readonly end: number;
  readonly values: readonly string[];
}

/** A row of a document that cannot be used. */
export interface BadRow {
  /** Place in the document, counted from 0. */
  readonly index: number;
  /** Byte of the uncompressed text at which it ends. */
  readonly position: number;
  readonly problem: string;
  /** Epoch milliseconds at which the row begins, and its key's values; null where they cannot be read. */
  readonly start: number | null;
  readonly key: readonly string[] | null;
  /** The row as it came, cut. */
  readonly text: string;
}

/**
 * - `gzip` / `json`: the bytes are not what they claim to be, or stop in the middle;
 * - `schema`: well-formed, but its frame is missing or of the wrong type, or too many of its rows are bad;
 * - `too_large`: longer than what is taken in at once;
 * - `mismatch`: a good document, but not the requested one (type, span, currency, marketplace);
 * - `vendor_error`: the vendor's error document in place of data.
 */
export type DocumentErrorCode = 'gzip' | 'json' | 'schema' | 'too_large' | 'mismatch' | 'vendor_error';

/** A document that must not be ingested. Thrown while it is read; failures of the transport are not this. */
export class DocumentError extends Error {
  override readonly name = 'DocumentError';
  /** What the store keeps as evidence. Its presence distinguishes a bad document from a failed download. */
  readonly documentProblem: {
    readonly code: DocumentErrorCode;
    /** Byte of the uncompressed text near which reading stopped; null when it is about the whole. */
    readonly position: number | null;
    readonly problem: string;
  };

  constructor(code: DocumentErrorCode, position: number | null, problem: string, options?: ErrorOptions) {
    super(
      position === null ? `${problem} (${code})` : `${problem} (${code}, near byte ${position})`,
      options,
    );
    this.documentProblem = { code, position, problem };
  }
}
