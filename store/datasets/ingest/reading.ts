/** One reading of a document: its rows as COPY text, and what they are counted by. */
import { HOUR_MS } from '../../../quota/durations';
import { toTimestamptz } from '../../db';
import { type Span, spanText } from '../span';
import { tooLong } from './document-spool';
import type { IncomingDocument, IncomingRow } from './incoming';
import { refusal } from './refusal';

export interface ReadingTerms {
  readonly seriesId: number;
  readonly span: Span;
  /** Longest text, bytes. */
  readonly maxBytes: number;
}

/** Rows as text, bytes. */
const PIECE_BYTES = 1 << 19;
/** Text of the document after which a piece is given even if it holds few rows or none, bytes. */
const QUIET_BYTES = 4 << 20;

export class DocumentReading {
  rows = 0;
  /** Rows by the start of their hour, epoch ms. */
  readonly byHour = new Map<number, number>();
  private readonly times = new Map<number, string>();

  constructor(
    readonly document: IncomingDocument,
    private readonly terms: ReadingTerms,
  ) {}

  /**
   * All rows, in pieces of whole ones; to be consumed once. A piece may be empty, so that whoever takes them hears from
   * the reader also while it meets nothing that can be used.
   * @throws what the document fails with.
   */
  async *pieces(): AsyncGenerator<readonly Buffer[]> {
    const { document, terms } = this;
    let piece: Buffer[] = [];
    let size = 0;
    let givenAt = 0;
    for await (const batch of document.batches) {
      // Each by itself: one long text of all would have to be copied together, and takes far more memory.
      const lines = Buffer.from(this.encode(batch));
      if (lines.length > 0) piece.push(lines);
      size += lines.length;
      const bytes = document.bytes();
      if (bytes > terms.maxBytes) throw tooLong(terms.maxBytes);
      if (size < PIECE_BYTES && bytes - givenAt < QUIET_BYTES) continue;
      yield piece;
      piece = [];
      size = 0;
      givenAt = bytes;
    }
    if (piece.length > 0) yield piece;
  }

  private encode(batch: readonly IncomingRow[]): string {
    const { seriesId, span } = this.terms;
    let text = '';
    for (const row of batch) {
      if (row.start < span.from || row.end > span.to) {
        throw refusal(
          'schema',
          `row ${this.rows}: ${spanText({ from: row.start, to: row.end })} is outside of the requested span ${spanText(span)}`,
        );
      }
      text += `${seriesId}\t${this.time(row.start)}\t${this.time(row.end)}`;
      for (const value of row.values) text += `\t${/[\\\t\n\r]/.test(value) ? escaped(value) : value}`;
      text += '\n';
      this.rows += 1;
      const hour = Math.floor(row.start / HOUR_MS) * HOUR_MS;
      this.byHour.set(hour, (this.byHour.get(hour) ?? 0) + 1);
    }
    return text;
  }

  private time(epochMs: number): string {
    let text = this.times.get(epochMs);
    if (text === undefined) {
      text = toTimestamptz(epochMs);
      this.times.set(epochMs, text);
    }
    return text;
  }
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

function escaped(value: string): string {
  return value.replace(/[\\\t\n\r]/g, (character) => ESCAPES[character] ?? character);
}
