/**
 * Detects the format of an input file from its beginning, before any row is read: rows, with their delimiter; or
 * something else, which the error names.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { invalid } from '../errors';
import { DEFAULT_COLUMNS, isHeader } from './input-header';

export interface InputForm {
  readonly delimiter: string;
  /** Blanks stand around quoted fields: they are no part of any field. */
  readonly trimmed: boolean;
  /** The first line is `sep=;`, as a spreadsheet writes it. */
  readonly hasSepLine: boolean;
  /** The first rows that are no comments. */
  readonly sample: readonly (readonly string[])[];
}

const HEAD_BYTES = 64 * 1024;
const DELIMITERS = [',', ';', '\t', '|'] as const;
/** Rows by which the delimiter is recognised. */
const SAMPLED_ROWS = 20;
export const RECORD_ENDS = ['\r\n', '\n', '\r'];

const LEADING_COMMENTS = /^(?:\s*#[^\r\n]*(?:[\r\n]+|$))+/;

const SIGNATURES: readonly (readonly [string, string])[] = [
  ['1f8b', 'compressed (gzip): unpack it first'],
  ['504b0304', 'an Excel workbook or another ZIP archive: save the sheet as CSV (UTF-8)'],
  ['d0cf11e0a1b11ae1', 'an old Excel workbook: save the sheet as CSV (UTF-8)'],
  ['28b52ffd', 'compressed (zstd): unpack it first'],
  ['425a68', 'compressed (bzip2): unpack it first'],
  ['fd377a585a00', 'compressed (xz): unpack it first'],
  ['377abcaf271c', 'compressed (7z): unpack it first'],
  ['526172211a07', 'compressed (RAR): unpack it first'],
  ['25504446', 'a PDF: a CSV file is needed'],
  ['7b5c727466', 'a text of a word processor (RTF): a CSV file is needed'],
  ['50415231', 'a Parquet file: export it as CSV'],
  ['53514c69746520666f726d6174', 'an SQLite database: export the table as CSV'],
];

/** @throws OperationError that says what the file is instead. A file that cannot be read is left to its reader. */
export function formOf(file: string): InputForm {
  const head = headOf(file);
  const hex = head.subarray(0, 16).toString('hex');
  const is = (what: string) => invalid('input', `${file} is ${what}`);
  const signature = SIGNATURES.find(([start]) => hex.startsWith(start));
  if (signature) throw is(signature[1]);
  const binary = binaryText(head);
  if (binary !== null) throw is(binary);
  const text = head.toString('utf8').replace(/^\ufeff/, '');
  const isCut = head.length === HEAD_BYTES;
  const start = text.replace(LEADING_COMMENTS, '').trimStart();
  if (/^<(?:!doctype html|html|head|body|table|!--)/i.test(start)) {
    throw is('an HTML page, as a login or an error page is when it is saved: a CSV file is needed');
  }
  if (/^<\?xml|^<[a-z][\w:-]*[\s>]/i.test(start)) throw is('XML: a CSV file is needed');
  if (/^[[{]/.test(start)) {
    const json = jsonText(start);
    if (json !== null) throw is(json);
  }
  const sep = /^"?sep=(?: +(?=[^\s"]))?(\\t|[^\r\n"])"?[ \t]*(?:[\r\n]|$)/i.exec(text);
  if (sep?.[1] !== undefined) {
    const delimiter = sep[1].replace(/^\\t$/i, '\t');
    return { ...rowsFormOf(text.slice(sep[0].length), delimiter, isCut), hasSepLine: true };
  }
  return { ...rowsFormOf(text, delimiterOf(text, isCut), isCut), hasSepLine: false };
}

function rowsFormOf(text: string, delimiter: string, isCut: boolean): Omit<InputForm, 'hasSepLine'> {
  const trimmed = isSpaced(text, delimiter, isCut);
  return { delimiter, trimmed, sample: sampleOf(text, delimiter, isCut, trimmed) };
}

/** Bytes that no text of any encoding for CSV holds: a share of them shows that it is some other kind of file. */
const BINARY_SHARE = 0.02;

/** What a file without a known signature is when it is no text; null when it may be one. */
function binaryText(head: Buffer): string | null {
  const zeros = [0, 0];
  let controls = 0;
  for (const [i, byte] of head.entries()) {
    if (byte === 0) zeros[i % 2] = (zeros[i % 2] ?? 0) + 1;
    else if (byte < 0x20 && ![0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1a, 0x1b].includes(byte)) controls++;
  }
  const [even = 0, odd = 0] = zeros;
  const half = head.length / 2;
  // Without its mark, too: every other byte of Latin text is 0.
  if (Math.max(even, odd) > half * 0.4 && Math.min(even, odd) < half * 0.1) return 'UTF-16: save it as UTF-8';
  const odds = even + odd + controls;
  return odds > 2 && odds > head.length * BINARY_SHARE
    ? 'no text but a binary file: a CSV file is needed'
    : null;
}

function headOf(file: string): Buffer {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    return Buffer.alloc(0);
  }
  try {
    const bytes = Buffer.alloc(HEAD_BYTES);
    let size = 0;
    for (let read = 1; read > 0 && size < HEAD_BYTES; size += read) {
      read = readSync(descriptor, bytes, size, HEAD_BYTES - size, null);
    }
    return bytes.subarray(0, size);
  } catch {
    return Buffer.alloc(0);
  } finally {
    closeSync(descriptor);
  }
}

/** Null for what only begins like JSON. */
function jsonText(start: string): string | null {
  const [line = ''] = start.split(/[\r\n]/, 1);
  if (/^\[\s*(?:[[{"\d]|$)/.test(start)) return 'a JSON array: a CSV file is needed, a row an item';
  try {
    const value = JSON.parse(line) as Record<string, unknown>;
    return 'custom_id' in value && 'body' in value
      ? "JSON Lines of requests as OpenAI's Batch API takes them: give the rows as CSV and the prompt apart, and Sluice makes the requests"
      : 'JSON Lines: a CSV file is needed, a row an item';
  } catch {
    return /^\{\s*(?:"|$)/.test(start) ? 'JSON: a CSV file is needed, a row an item' : null;
  }
}

/**
 * The one by which the first rows have most evenly more than one field; of several, one that makes the first row a header, or
 * rows of a file without one. A comma where none does: then each row is one field.
 */
function delimiterOf(text: string, isCut: boolean): string {
  let best: { readonly delimiter: string; readonly even: number; readonly fit: number } | null = null;
  for (const delimiter of DELIMITERS) {
    const rows = sampleOf(text, delimiter, isCut);
    const fields = mostCommon(rows);
    // The header speaks for all: what does not part it parts nothing.
    if (fields < 2 || rows[0]?.length === 1) continue;
    const even = evenness(rows);
    const fit = isHeader(rows[0] ?? []) ? 2 : fields === DEFAULT_COLUMNS.length ? 1 : 0;
    const isBetter = best === null || fit > best.fit || (fit === best.fit && even > best.even);
    if (isBetter) best = { delimiter, even, fit };
  }
  return best?.delimiter ?? ',';
}

/** The first rows that are no comments, as far as can be told before it is known how many fields there are. */
function sampleOf(text: string, delimiter: string, isCut: boolean, trim = false): string[][] {
  try {
    const rows = parse(text, {
      delimiter,
      record_delimiter: RECORD_ENDS,
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
      trim,
      to: SAMPLED_ROWS * 2,
    }) as string[][];
    const whole = isCut && rows.length > 1 && rows.length < SAMPLED_ROWS * 2 ? rows.slice(0, -1) : rows;
    const data = whole.filter(([first = ''], i) => (i > 0 ? true : !first.startsWith('#')));
    const plain = data.filter(([first = '']) => !first.startsWith('#'));
    return (plain.length > 0 ? plain : data).slice(0, SAMPLED_ROWS);
  } catch {
    // A quote that is open at the cut, or for good: the lines as they stand.
    const lines = text.split(/\r\n|\n|\r/).filter((line) => line !== '' && !line.startsWith('#'));
    return lines.slice(0, SAMPLED_ROWS).map((line) => line.split(delimiter));
  }
}

/** The share of the rows that have as many fields as most have. */
function evenness(rows: readonly string[][]): number {
  const fields = mostCommon(rows);
  return rows.filter((row) => row.length === fields).length / rows.length;
}

function mostCommon(rows: readonly string[][]): number {
  const tally = new Map<number, number>();
  for (const { length } of rows) tally.set(length, (tally.get(length) ?? 0) + 1);
  return [...tally].sort(([, a], [, b]) => b - a)[0]?.[0] ?? 0;
}

/** Whether blanks stand between a quote and what parts the fields: in the first line, or in rows that fit only without them. */
function isSpaced(text: string, delimiter: string, isCut: boolean): boolean {
  const line = text.split(/[\r\n]+/).find((l) => l !== '' && !l.startsWith('#')) ?? '';
  const d = delimiter.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
  const blank = delimiter === '\t' ? ' +' : '[ \\t]+';
  if (new RegExp(`"${blank}(?:${d}|$)|${d}${blank}"|^${blank}"`).test(line)) return true;
  const sample = (trim: boolean) => sampleOf(text, delimiter, isCut, trim);
  return evenness(sample(true)) > evenness(sample(false));
}
