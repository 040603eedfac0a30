/**
 * The input of a batch: a CSV file, read as a stream, checked row by row. The first column is the item's id; a header
 * is taken for one when its first field says `id` or `…_id`, and names the columns then.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { TextDecoder } from 'node:util';
import { type CsvError, type Info, parse } from 'csv-parse';
import type { NewItem } from '../../store/batches';
import { UsageError } from './errors';

/** Columns of a file without a header. */
const DEFAULT_COLUMNS = ['artist_id', 'artist_name', 'artist_data'] as const;
const ID_COLUMN = /^(?:\w+_)?id$/i;
const UTF16_MARKS = [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff])];
const ITEMS_AT_ONCE = 1000;
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
  /** SHA-256 of the file, hex. */
  readonly digest: string;
  /** The first three items. */
  readonly first: readonly NewItem[];
}

type Row = { readonly kind: 'item'; readonly item: NewItem } | { readonly kind: 'bad'; readonly row: BadRow };

/** Reads the whole file once. @throws UsageError when it cannot be read, or is broken beyond single rows. */
export async function checkInput(file: string): Promise<InputCheck> {
  const hash = createHash('sha256');
  const state = { columns: [] as readonly string[] };
  const bad: BadRow[] = [];
  const first: NewItem[] = [];
  let items = 0;
  let badCount = 0;
  for await (const row of rowsOf(file, state, (chunk) => hash.update(chunk))) {
    if (row.kind === 'bad') {
      badCount++;
      if (bad.length < MAX_SHOWN) bad.push(row.row);
    } else {
      items++;
      if (first.length < 3) first.push(row.item);
    }
  }
  return { columns: state.columns, items, bad, badCount, digest: hash.digest('hex'), first };
}

/** The file's good items, in chunks. The file must be the one that was checked. */
export async function* readItems(file: string): AsyncGenerator<readonly NewItem[]> {
  let chunk: NewItem[] = [];
  for await (const row of rowsOf(file, { columns: [] })) {
    if (row.kind === 'item') chunk.push(row.item);
    if (chunk.length < ITEMS_AT_ONCE) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

async function* rowsOf(
  file: string,
  state: { columns: readonly string[] },
  onChunk?: (chunk: Buffer) => void,
): AsyncGenerator<Row> {
  const parser = parse({
    bom: true,
    comment: '#',
    comment_no_infix: true,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
  });
  const source = createReadStream(file);
  const check = new Utf8Check();
  source.on('data', (chunk) => {
    const bytes = Buffer.from(chunk);
    onChunk?.(bytes);
    check.add(bytes);
    if (check.isUtf16) source.destroy(new UsageError(`--input: ${file} is UTF-16: save it as UTF-8`));
  });
  source.on('end', () => check.end());
  source.on('error', (error) => parser.destroy(error));
  source.pipe(parser);
  const seen = new Map<string, number>();
  let header: readonly string[] | null = null;
  let lineBefore = 0;
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: Info }>) {
      // A row may span lines; it is named by the one on which it ends less those inside of it.
      const inner = record.reduce((lines, field) => lines + (field.match(/\r\n|\n|\r/g)?.length ?? 0), 0);
      const line = Math.max(lineBefore + 1, info.lines - inner);
      lineBefore = info.lines;
      if (header === null) {
        const names = record.map((name) => name.trim());
        const isHeader = ID_COLUMN.test(names[0] ?? '');
        const id = names.find((name) => /^\w+_id$/i.test(name));
        if (!isHeader && id !== undefined) {
          throw new UsageError(
            `--input: ${file}: the id must be the first column, and "${id}" comes after "${names[0]}"`,
          );
        }
        header = isHeader ? names : DEFAULT_COLUMNS;
        state.columns = header;
        if (isHeader) {
          checkHeader(header, check);
          continue;
        }
      }
      yield toRow(record, line, header, seen, check);
    }
  } catch (error) {
    throw explain(error, file);
  }
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
  if (columns.some((name) => check.spoils(name))) throw new UsageError('--input: the header is not UTF-8');
  const twice = columns.find((name, i) => columns.indexOf(name) !== i);
  if (twice !== undefined) throw new UsageError(`--input: the header names the column "${twice}" twice`);
  if (columns.includes('')) throw new UsageError('--input: the header has a column without a name');
}

function toRow(
  record: string[],
  line: number,
  columns: readonly string[],
  seen: Map<string, number>,
  check: Utf8Check,
): Row {
  const bad = (reason: string): Row => ({ kind: 'bad', row: { line, reason } });
  if (record.length !== columns.length) {
    return bad(`has ${record.length} fields instead of ${columns.length} (${columns.join(', ')})`);
  }
  const spoilt = record.findIndex((field) => check.spoils(field));
  if (spoilt !== -1) return bad(`the ${columns[spoilt]} is not UTF-8`);
  const externalId = (record[0] ?? '').trim();
  if (externalId === '') return bad(`the ${columns[0]} is empty`);
  if (record.some((field) => field.includes('\0'))) return bad('holds a NUL character');
  const before = seen.get(externalId);
  if (before !== undefined) return bad(`the ${columns[0]} "${externalId}" is that of line ${before} already`);
  seen.set(externalId, line);
  const variables = Object.fromEntries(columns.map((name, i) => [name, record[i] ?? '']));
  return { kind: 'item', item: { externalId, variables } };
}

function explain(error: unknown, file: string): unknown {
  if (error instanceof UsageError) return error;
  const { code, message, lines } = error as CsvError & NodeJS.ErrnoException & { lines?: number };
  if (typeof code === 'string' && code.startsWith('CSV_')) {
    return new UsageError(`--input: ${file}, line ${lines ?? '?'}: ${message}`);
  }
  return new UsageError(`--input: ${file} cannot be read (${code ?? message})`);
}
