/**
 * The input of a batch: a CSV file, read as a stream, checked row by row. The first column is the item's id, or the
 * one that a header calls `id` or `…_id`. A first row with such a name is a header, and names the columns; so is one
 * without digits in front, where the ids behind it hold some.
 *
 * A line that begins with `#` and has another number of fields than the file is a comment; with that number it is a
 * row, whose id begins with `#`. Comments are counted and reported, so that no row is lost silently.
 */
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { TextDecoder } from 'node:util';
import { type CsvError, type Info, parse } from 'csv-parse';
import type { NewItem } from '../../../store/batches/batches';
import { invalid, OperationError } from '../errors';
import { formOf, type InputForm, RECORD_ENDS } from './input-form';
import {
  columnsText,
  DEFAULT_COLUMNS,
  type Header,
  hashedHeaderOf,
  headerByContrastOf,
  headerOf,
  withoutTrailing,
} from './input-header';

const UTF16_MARKS = [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff])];
const ITEMS_AT_ONCE = 1000;
/** Postgres keeps an index of ids, and takes no longer ones into it. */
const MAX_ID_BYTES = 1000;
/** Of a file up to this size the items are kept from the check until they are stored; parsing it takes longest, bytes. */
const KEPT_BYTES = 32 * 1024 * 1024;
/** Bad rows that are kept; more are only counted. */
const MAX_SHOWN = 100;

export interface BadRow {
  readonly line: number;
  readonly reason: string;
}

export interface InputCheck {
  readonly columns: readonly string[];
  readonly items: number;
  readonly bad: readonly BadRow[];
  readonly badCount: number;
  /** Lines that were taken for comments. */
  readonly comments: CommentCount;
  /** SHA-256 of the file, hex. */
  readonly digest: string;
  /** The first three items. */
  readonly first: readonly NewItem[];
  /** All items; null when the file is too large to keep them. */
  readonly kept: NewItem[] | null;
}

export interface CommentCount {
  readonly count: number;
  /** The first of their lines; 0 when there is none. */
  readonly firstLine: number;
}

export interface ReadOptions {
  /** False: a line that begins with `#` is a row like any other. Default true. */
  readonly comments?: boolean;
}

type Row =
  | { readonly kind: 'comment'; readonly line: number }
  | { readonly kind: 'item'; readonly item: NewItem }
  | { readonly kind: 'bad'; readonly row: BadRow };

/** Reads the whole file once. @throws OperationError when it cannot be read, or is broken beyond single rows. */
export async function checkInput(file: string, options: ReadOptions = {}): Promise<InputCheck> {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found && !found.isFile() && !found.isDirectory()) {
    throw invalid('input', `${file} is no file, which can be read twice: save it as one first`);
  }
  const hash = createHash('sha256');
  const state = { columns: [] as readonly string[] };
  const bad: BadRow[] = [];
  let kept: NewItem[] | null = (found?.size ?? 0) > KEPT_BYTES ? null : [];
  const first: NewItem[] = [];
  let size = 0;
  let items = 0;
  let badCount = 0;
  let comments: CommentCount = { count: 0, firstLine: 0 };
  const onChunk = (chunk: Buffer) => {
    hash.update(chunk);
    size += chunk.length;
    if (size > KEPT_BYTES) kept = null;
  };
  for await (const row of rowsOf(file, state, options, onChunk)) {
    if (row.kind === 'comment') {
      comments = { count: comments.count + 1, firstLine: comments.firstLine || row.line };
    } else if (row.kind === 'bad') {
      badCount++;
      if (bad.length < MAX_SHOWN) bad.push(row.row);
    } else {
      items++;
      if (first.length < 3) first.push(row.item);
      kept?.push(row.item);
    }
  }
  const digest = hash.update(options.comments === false ? 'no comments' : '').digest('hex');
  return { columns: state.columns, items, bad, badCount, comments, digest, first, kept };
}

/**
 * The file's good items, in chunks. The file must be the one that was checked.
 * @param kept as the check has found them, and emptied as they are handed out; null to read them again.
 */
export async function* readItems(
  file: string,
  kept: NewItem[] | null = null,
  options: ReadOptions = {},
): AsyncGenerator<readonly NewItem[]> {
  if (kept !== null) {
    while (kept.length > 0) yield kept.splice(0, ITEMS_AT_ONCE);
    return;
  }
  let chunk: NewItem[] = [];
  for await (const item of goodItems(file, options)) {
    chunk.push(item);
    if (chunk.length < ITEMS_AT_ONCE) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

async function* goodItems(file: string, options: ReadOptions): AsyncGenerator<NewItem> {
  for await (const row of rowsOf(file, { columns: [] }, options)) if (row.kind === 'item') yield row.item;
}

async function* rowsOf(
  file: string,
  state: { columns: readonly string[] },
  options: ReadOptions,
  onChunk?: (chunk: Buffer) => void,
): AsyncGenerator<Row> {
  const form = formOf(file);
  const parser = parse({
    bom: true,
    delimiter: form.delimiter,
    trim: form.trimmed,
    info: true,
    raw: true,
    // Any of them at any place: left to itself the parser takes the first one that it meets for all of the file, and
    // a CR of other rows for their last field's.
    record_delimiter: RECORD_ENDS,
    relax_column_count: true,
    // A quote inside of a field that does not begin with one is text, as every spreadsheet reads it.
    relax_quotes: true,
    skip_empty_lines: true,
  });
  const source = createReadStream(file);
  const check = new Utf8Check();
  source.on('data', (chunk) => {
    const bytes = Buffer.from(chunk);
    onChunk?.(bytes);
    check.add(bytes);
    if (check.isUtf16) source.destroy(invalid('input', `${file} is UTF-16: save it as UTF-8`));
  });
  source.on('end', () => check.end());
  source.on('error', (error) => parser.destroy(error));
  source.pipe(parser);
  const seen = new Map<string, number>();
  const takesComments = options.comments !== false;
  let header: Header | null = null;
  /** Lines that begin with `#` before it is known how many fields the file has. */
  let early: Numbered[] = [];
  let isFirst = true;
  let lineBefore = 0;
  let doubled = 0;
  try {
    for await (const read of parser as AsyncIterable<CsvRecord>) {
      const { info, raw } = read;
      const record: readonly string[] =
        header === null ? read.record : withoutTrailing(read.record, header.columns.length);
      // A row may span lines; it is named by the one on which it ends less those inside of it.
      const inner = count(record, /\r\n|\n|\r/g);
      // The parser takes a CR LF inside of quotes for two lines.
      doubled += count(record, /\r\n/g);
      const line = Math.max(lineBefore + 1, info.lines - doubled - inner);
      lineBefore = info.lines - doubled;
      if (isFirst && form.hasSepLine) {
        isFirst = false;
        continue;
      }
      isFirst = false;
      const row = { record, raw, line };
      if (header === null) {
        if (takesComments && isHashed(row)) {
          early.push(row);
          continue;
        }
        const named: Header | null =
          headerOf(record, file) ?? headerByContrastOf(record, behind(record, form.sample));
        const hashed: HashedHeader | null = named === null ? hashedHeaderIn(early, record.length) : null;
        if (hashed !== null) checkHeader(hashed.header.columns, check);
        const found: Header = named ?? hashed?.header ?? { columns: DEFAULT_COLUMNS, idAt: 0 };
        header = found;
        state.columns = found.columns;
        // Before a header there are no rows.
        const headerAt = named === null ? (hashed?.at ?? -1) : early.length;
        for (const [i, one] of early.entries()) {
          // Of a file whose rows have other fields than its columns, none is lost silently.
          const isRow = [found.columns.length, record.length].includes(one.record.length);
          if (i < headerAt || (i > headerAt && !isRow)) yield commentOf(one);
          else if (i > headerAt) yield toRow(one, found, form, seen, check);
        }
        early = [];
        if (named !== null) {
          checkHeader(named.columns, check);
          continue;
        }
      }
      const isComment = takesComments && isHashed(row) && record.length !== header.columns.length;
      yield isComment ? commentOf(row) : toRow(row, header, form, seen, check);
    }
    // Nothing but such lines: rows when they have fields.
    const bare = { columns: DEFAULT_COLUMNS, idAt: 0 };
    state.columns = header?.columns ?? bare.columns;
    const least = early.some(({ record }) => record.length === bare.columns.length) ? bare.columns.length : 2;
    for (const one of early)
      yield one.record.length < least ? commentOf(one) : toRow(one, bare, form, seen, check);
  } catch (error) {
    throw explain(error, file, lineBefore + 1);
  }
}

/** The sampled rows behind the one that is the first; none where it is not that one. */
function behind(record: readonly string[], sample: InputForm['sample']): InputForm['sample'] {
  return sample[0]?.[0] === record[0] ? sample.slice(1) : [];
}

function count(fields: readonly string[], what: RegExp): number {
  return fields.reduce((sum, field) => sum + (field.match(what)?.length ?? 0), 0);
}

interface CsvRecord {
  readonly record: string[];
  readonly info: Info;
  /** The row as it stands in the file, comments before it included. */
  readonly raw: string;
}

/** A row, as it was read. */
interface Numbered {
  readonly record: readonly string[];
  readonly raw: string;
  readonly line: number;
}

interface HashedHeader {
  readonly header: Header;
  readonly at: number;
}

/** Some programs put a `#` before the header. The lines behind it are rows, whatever they begin with. */
function hashedHeaderIn(early: readonly Numbered[], fields: number): HashedHeader | null {
  for (const [at, { record }] of early.entries()) {
    const header = hashedHeaderOf(record, fields);
    if (header !== null) return { header, at };
  }
  return null;
}

/** A quoted first field is one of a row, whatever it begins with. */
const isHashed = ({ raw }: Numbered) => /^[\s\ufeff]*#/.test(raw);

/** A comment that opens a quote has swallowed what follows, up to the next quote. */
function commentOf({ record, line }: Numbered): Row {
  return count(record, /[\r\n]/g) === 0
    ? { kind: 'comment', line }
    : {
        kind: 'bad',
        row: { line, reason: 'begins with # and opens a quote that takes in the lines behind it' },
      };
}

const BEFORE_ROW = /^[\r\n]+/;
const wellQuoted = new Map<string, RegExp>();

/** False where text follows a closing quote: such a row may have swallowed the next one. */
function isWellQuoted({ record, raw }: Numbered, { delimiter, trimmed }: InputForm): boolean {
  if (trimmed || !record.some((field) => field.startsWith('"'))) return true;
  let pattern = wellQuoted.get(delimiter);
  if (pattern === undefined) {
    const d = delimiter.replace(/[\\^$.*+?()[\]{}|-]/g, String.raw`\$&`);
    pattern = new RegExp(`^(?:(?:"[^"]*(?:""[^"]*)*"|(?!")[^${d}\\r\\n]*)(?:${d}|[\\r\\n]*$))+$`);
    wellQuoted.set(delimiter, pattern);
  }
  return pattern.test(raw.replace(BEFORE_ROW, ''));
}

/**
 * Whether bytes have come that are not UTF-8. The parser turns them into replacement characters: from then on, these
 * show which rows they stand in.
 */
class Utf8Check {
  isUtf16 = false;
  private broken = false;
  private started = false;
  private readonly decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  add(bytes: Buffer): void {
    if (!this.started) this.isUtf16 = UTF16_MARKS.some((mark) => bytes.subarray(0, 2).equals(mark));
    this.started = true;
    this.decode(() => this.decoder.decode(bytes, { stream: true }));
  }

  end(): void {
    this.decode(() => this.decoder.decode());
  }

  spoils(text: string): boolean {
    return this.broken && text.includes('\ufffd');
  }

  private decode(step: () => void): void {
    if (this.broken) return;
    try {
      step();
    } catch {
      this.broken = true;
    }
  }
}

function checkHeader(columns: readonly string[], check: Utf8Check): void {
  if (columns.some((name) => check.spoils(name))) throw invalid('input', 'the header is not UTF-8');
  const twice = columns.find((name, i) => columns.indexOf(name) !== i);
  if (twice !== undefined) throw invalid('input', `the header names the column "${twice}" twice`);
  if (columns.includes('')) throw invalid('input', 'the header has a column without a name');
}

function toRow(
  row: Numbered,
  { columns, idAt }: Header,
  form: InputForm,
  seen: Map<string, number>,
  check: Utf8Check,
): Row {
  const { record, line } = row;
  const bad = (reason: string): Row => ({ kind: 'bad', row: { line, reason } });
  if (!isWellQuoted(row, form)) {
    return bad('text follows a closing quote: a quote inside of a quoted field is written twice');
  }
  if (record.length !== columns.length) {
    return bad(`has ${record.length} fields instead of ${columns.length} (${columnsText(columns)})`);
  }
  const spoilt = record.findIndex((field) => check.spoils(field));
  if (spoilt !== -1) return bad(`the ${columns[spoilt]} is not UTF-8`);
  const externalId = (record[idAt] ?? '').trim();
  if (externalId === '') return bad(`the ${columns[idAt]} is empty`);
  if (Buffer.byteLength(externalId) > MAX_ID_BYTES) {
    return bad(`the ${columns[idAt]} is longer than ${MAX_ID_BYTES} bytes`);
  }
  if (record.some((field) => field.includes('\0'))) return bad('holds a NUL character');
  const before = seen.get(externalId);
  if (before !== undefined)
    return bad(`the ${columns[idAt]} "${externalId}" is that of line ${before} already`);
  seen.set(externalId, line);
  const variables = Object.fromEntries(columns.map((name, i) => [name, record[i] ?? '']));
  return { kind: 'item', item: { externalId, variables } };
}

/** @param line of the row that was being read. */
function explain(error: unknown, file: string, line: number): unknown {
  if (error instanceof OperationError) return error;
  const { code, message } = error as CsvError & NodeJS.ErrnoException;
  if ((code as string | undefined) === 'CSV_QUOTE_NOT_CLOSED') {
    return invalid('input', `${file}: a quote that is opened on line ${line} or later is never closed`);
  }
  if (typeof code === 'string' && code.startsWith('CSV_')) {
    return invalid('input', `${file}, line ${line}: ${message}`);
  }
  return invalid('input', `${file} cannot be read (${code ?? message})`);
}
