/** A document as it is read: its rows, and what is wrong with it. */

/** One row: times in epoch milliseconds, values in the order of the dataset's columns as exact text. */
export interface IncomingRow {
  readonly start: number;
  readonly end: number;
  readonly values: readonly string[];
}

/** A row that cannot be used, as its reader describes it. */
export interface IncomingBadRow {
  /** Place in the document, counted from 0. */
  readonly index: number;
  readonly problem: string;
  /** Epoch milliseconds, and the key's values in the columns' order; null where they cannot be read. */
  readonly start: number | null;
  readonly key: readonly string[] | null;
  readonly text: string;
}

/** A document that is being read. The vendors' readers have this shape. */
export interface IncomingDocument {
  /** Consumed once, with back-pressure. A batch may be empty. An error with `documentProblem` refuses the document. */
  readonly batches: AsyncIterable<readonly IncomingRow[]>;
  /** Valid once `batches` has ended: how many rows cannot be used, and the first of them. */
  badRows(): { readonly count: number; readonly rows: readonly IncomingBadRow[] };
  /** The first 64 KiB that have been read. */
  head(): Buffer;
  bytes(): number;
  /** SHA-256 of the text, hex; valid once `batches` has ended. */
  digest(): string;
  /** Makes `batches` throw the error, even when the download has stalled. */
  abort(error: Error): void;
}

/** Why a document was refused. */
export interface DocumentProblem {
  /** As the reader says, or `schema` when too many rows are bad or the database refuses one. */
  readonly code: string;
  /** Byte of the text, or null when it is about the whole. */
  readonly position: number | null;
  readonly problem: string;
}
