/**
 * Reads a report document row by row, in bounded memory, and checks that it is the requested one.
 *
 * The JSON is parsed by @streamparser/json with numbers kept as their text, so that an amount reaches the
 * database digit for digit. `reportData` may come before `reportSpecification`, so a document is only known
 * to be good at its end: whoever takes the rows has to be able to take them back until then.
 */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { types } from 'node:util';
import Tokenizer from '@streamparser/json/tokenizer.js';
import TokenParser from '@streamparser/json/tokenparser.js';
import TokenType from '@streamparser/json/utils/types/tokenType.js';
import type { Span } from '../../../quota/windows/chunks';
import type { ReportDocument } from '../../capabilities/reports';
import { type BadRow, type DatasetDescription, type DatasetRow, DocumentError } from '../../dataset';
import { plainText } from './bytes';
import { RowReader } from './row';
import { checkSpecification } from './specification';
import { isRecord, RawNumber } from './value';

/** How much of a document is kept as evidence when it is refused, bytes. */
export const HEAD_BYTES = 64 * 1024;

/** Text between two complete values beyond which a document is taken for garbage, bytes. */
const MAX_VALUE_BYTES = 8 * 1024 * 1024;

/** Bad rows that are remembered one by one; the others are counted. */
const MAX_BAD_ROWS = 10_000;

export interface ReportExpectation {
  readonly dataset: DatasetDescription;
  readonly span: Span;
  /** The series' partition: `marketplaceId`, and the report options such as `currencyCode`. */
  readonly partition: Readonly<Record<string, string>>;
}

export interface DocumentOptions {
  /** As getReportDocument says: `GZIP`, or absent for plain text. Only named in messages: the bytes decide. */
  readonly compressionAlgorithm?: string | undefined;
  /** As the download says. Brotli has no first bytes of its own, so that is believed of it. */
  readonly contentEncoding?: string | undefined;
}

/** Opens a downloaded report document. The source is destroyed when reading ends, however it ends. */
export function openReportDocument(
  source: Readable,
  expected: ReportExpectation,
  options: DocumentOptions = {},
): ReportDocument {
  const tap = new Tap();
  const text = plainText(source, options);
  const parser = new ReportParser(expected);
  return {
    batches: readBatches(text, parser, tap),
    badRows: () => ({ count: parser.badCount, rows: parser.badRows }),
    head: () => Buffer.concat(tap.head),
    bytes: () => tap.bytes,
    digest: () => tap.hash.copy().digest('hex'),
    abort: (error) => {
      text.destroy(error);
    },
  };
}

class Tap {
  readonly head: Buffer[] = [];
  readonly hash = createHash('sha256');
  bytes = 0;

  add(chunk: Buffer): void {
    // Copied, because a slice would keep the whole chunk alive.
    if (this.bytes < HEAD_BYTES) this.head.push(Buffer.from(chunk.subarray(0, HEAD_BYTES - this.bytes)));
    this.hash.update(chunk);
    this.bytes += chunk.length;
  }
}

async function* readBatches(
  text: Readable,
  parser: ReportParser,
  tap: Tap,
): AsyncGenerator<readonly DatasetRow[]> {
  try {
    for await (const chunk of text as AsyncIterable<Buffer>) {
      tap.add(chunk);
      yield parser.write(chunk);
    }
  } catch (error) {
    throw zlibProblem(error, tap.bytes) ?? error;
  }
  parser.end();
}

/** Codes of zlib's errors, and of Brotli's. */
const UNPACKING = /^(?:Z_|ERR__ERROR_|ERR_BROTLI)/;

function zlibProblem(error: unknown, position: number): DocumentError | null {
  if (!types.isNativeError(error) || !('code' in error) || !UNPACKING.test(String(error.code))) return null;
  return new DocumentError('gzip', position, `the compressed data is broken: ${error.message}`, {
    cause: error,
  });
}

/** The library's tokenizer with the override it documents for numbers that must not become floats. */
class ExactTokenizer extends Tokenizer {
  protected override parseNumber(text: string): number {
    return new RawNumber(text) as unknown as number;
  }
}

/** Push parser: bytes in, rows out. Errors carry the position. */
class ReportParser {
  private readonly tokenizer = new ExactTokenizer();
  private readonly values = new TokenParser({
    paths: ['$.reportData.*', '$.reportSpecification', '$.errorDetails', '$.reportRequestError'],
    keepStack: false,
  });
  readonly badRows: BadRow[] = [];
  badCount = 0;
  private readonly reader: RowReader;
  private rows: DatasetRow[] = [];
  private depth = 0;
  private topLevelKey = '';
  private dataSeen = false;
  private specificationSeen = false;
  private position = 0;
  private received = 0;
  private lastValueAt = 0;

  constructor(private readonly expected: ReportExpectation) {
    this.reader = new RowReader(expected.dataset, expected.span, expected.partition);
    this.tokenizer.onToken = ({ token, value, offset }) => {
      this.position = offset;
      this.followTopLevel(token, value);
      this.values.write({ token, value });
    };
    this.tokenizer.onEnd = () => {
      if (!this.values.isEnded) this.values.end();
    };
    this.values.onEnd = () => {
      if (!this.tokenizer.isEnded) this.tokenizer.end();
    };
    this.values.onValue = ({ key, value, stack }) => {
      this.lastValueAt = this.position;
      if (stack.length > 1) this.takeRow(this.reader.read(value, this.position));
      else this.takeTopLevel(String(key), value);
    };
  }

  write(chunk: Buffer): readonly DatasetRow[] {
    this.received += chunk.length;
    this.guarded(() => this.tokenizer.write(chunk));
    if (this.received - this.lastValueAt > MAX_VALUE_BYTES && !this.tokenizer.isEnded) {
      throw new DocumentError('json', this.position, `no complete value within ${MAX_VALUE_BYTES} bytes`);
    }
    const rows = this.rows;
    this.rows = [];
    return rows;
  }

  /** Judges the whole document. */
  end(): void {
    if (this.received === 0) throw new DocumentError('json', 0, 'the document is empty (0 bytes)');
    // What was written so far is JSON; it is the rest that is missing.
    this.guarded(() => {
      if (!this.tokenizer.isEnded) this.tokenizer.end();
    }, 'the document is cut off');
    if (!this.specificationSeen) {
      throw new DocumentError(
        'schema',
        null,
        'reportSpecification is missing, so the document cannot be checked',
      );
    }
    if (!this.dataSeen) throw new DocumentError('schema', null, 'reportData is missing or is not an array');
  }

  /** Whether `reportData` is there can be seen in its tokens only: an empty array emits no value. */
  private followTopLevel(token: TokenType, value: unknown): void {
    if (token === TokenType.LEFT_BRACKET || token === TokenType.LEFT_BRACE) {
      if (this.depth === 0 && token === TokenType.LEFT_BRACKET) {
        throw new DocumentError('schema', this.position, 'the document is an array; a report is an object');
      }
      if (this.depth === 1 && this.topLevelKey === 'reportData') this.startData(token);
      this.depth += 1;
    } else if (token === TokenType.RIGHT_BRACKET || token === TokenType.RIGHT_BRACE) {
      this.depth -= 1;
      if (this.depth === 1) this.topLevelKey = '';
    } else if (this.depth === 1 && token === TokenType.STRING && typeof value === 'string') {
      this.topLevelKey = value;
    } else if (this.depth === 0) {
      throw new DocumentError(
        'schema',
        this.position,
        `the document is ${String(value)}; a report is an object`,
      );
    }
  }

  private startData(token: TokenType): void {
    if (token !== TokenType.LEFT_BRACKET) {
      throw new DocumentError(
        'schema',
        this.position,
        'reportData is an object; it must be an array of rows',
      );
    }
    if (this.dataSeen) throw new DocumentError('schema', this.position, 'reportData appears twice');
    this.dataSeen = true;
  }

  private takeRow(row: DatasetRow | BadRow): void {
    if (!('problem' in row)) {
      this.rows.push(row);
      return;
    }
    this.badCount += 1;
    if (this.badRows.length < MAX_BAD_ROWS) this.badRows.push(row);
  }

  private takeTopLevel(key: string, value: unknown): void {
    if (key === 'reportSpecification') {
      checkSpecification(value, this.expected, this.position);
      this.specificationSeen = true;
    } else {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      throw new DocumentError('vendor_error', this.position, `${key}: ${text.slice(0, 2_000)}`);
    }
  }

  private guarded(step: () => void, problem = 'not valid JSON'): void {
    try {
      step();
    } catch (error) {
      if (error instanceof DocumentError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new DocumentError('json', this.position, `${problem}: ${reason}`, { cause: error });
    }
  }
}

/**
 * The vendor's explanation in the document of a FATAL report, which is never data. Reads at most 64 KiB.
 * Null when there is none to be found; errors of the source pass through.
 */
export async function readErrorDocument(
  source: Readable,
  options: DocumentOptions = {},
): Promise<string | null> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of plainText(source, options) as AsyncIterable<Buffer>) {
      parts.push(chunk);
      size += chunk.length;
      if (size >= HEAD_BYTES) break;
    }
    const body: unknown = JSON.parse(
      Buffer.concat(parts)
        .toString('utf8')
        .replace(/^\uFEFF/, ''),
    );
    if (!isRecord(body)) return null;
    const text = body.errorDetails ?? body.reportRequestError;
    return typeof text === 'string' ? text : text === undefined ? null : JSON.stringify(text);
  } catch (error) {
    if (error instanceof SyntaxError || zlibProblem(error, size) !== null) return null;
    throw error;
  }
}
