/**
 * Writes a document's rows as COPY text to a spool file while the document is read, so that no connection is held
 * meanwhile.
 */

import { HOUR_MS } from '../../../quota/durations';
import { toTimestamptz } from '../../db';
import { Spool, SpoolFull } from '../../spool';
import { type Span, spanText } from '../span';
import type { IncomingDocument, IncomingRow } from './types';

export interface SpooledRows {
  readonly spool: Spool;
  readonly rows: number;
  /** Rows by the start of their hour, epoch ms. */
  readonly byHour: ReadonlyMap<number, number>;
}

export interface SpoolTerms {
  readonly seriesId: number;
  readonly span: Span;
  /** Of the text, and of the rows as they are spooled. */
  readonly maxBytes: number;
}

/** Reads the document to its end. The caller closes the spool. @throws what the document or its download fails with. */
export async function spoolRows(document: IncomingDocument, terms: SpoolTerms): Promise<SpooledRows> {
  const spool = await Spool.open(terms.maxBytes);
  try {
    const encoder = new CopyEncoder(terms);
    for await (const batch of document.batches) {
      await spool.write(encoder.encode(batch));
      if (document.bytes() > terms.maxBytes) throw new SpoolFull('the text is too long');
    }
    return { spool, rows: encoder.rows, byHour: encoder.byHour };
  } catch (error) {
    await spool.close();
    if (!(error instanceof SpoolFull)) throw error;
    const most = `${Math.round(terms.maxBytes / 1024 / 1024)} MiB (reports.maxDocumentMb)`;
    throw refusal('too_large', `the document is longer than ${most}`);
  }
}

class CopyEncoder {
  rows = 0;
  readonly byHour = new Map<number, number>();
  private readonly times = new Map<number, string>();

  constructor(private readonly terms: SpoolTerms) {}

  encode(batch: readonly IncomingRow[]): Buffer {
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
    return Buffer.from(text);
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

/** An error that refuses the document; `problemOf` of ingest.ts knows it. */
export function refusal(code: string, problem: string): Error {
  return Object.assign(new Error(problem), { documentProblem: { code, position: null, problem } });
}
