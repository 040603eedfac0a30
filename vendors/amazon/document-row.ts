/** Turns one element of `reportData` into a row, or says what is wrong with it. */
import type { Span } from '../chunks';
import { type DatasetColumn, type DatasetDescription, type DatasetRow, DocumentError } from '../dataset';
import { isRecord, parseInstant, RawNumber, shown } from './document-value';

/** Documents repeat few timestamps over many rows; the bound is for one that does not. */
const MAX_REMEMBERED_INSTANTS = 10_000;

/** bigint holds 19 digits, but not all of them. */
const MAX_INTEGER_DIGITS = 18;
/** Far beyond any amount, and well within what numeric keeps exactly. */
const MAX_DECIMAL_CHARACTERS = 200;
const MAX_DECIMAL_EXPONENT = 100;
const MAX_TEXT_CHARACTERS = 1_000;

export class RowReader {
  private readonly instants = new Map<string, number>();
  private index = -1;

  constructor(
    private readonly dataset: DatasetDescription,
    private readonly span: Span,
  ) {}

  /** @throws DocumentError that names the row (counted from 0) and the field. */
  read(value: unknown, position: number): DatasetRow {
    this.index += 1;
    const fail = (problem: string): never => {
      throw new DocumentError('schema', position, `reportData[${this.index}]${problem}`);
    };
    if (!isRecord(value)) return fail(` is ${shown(value)}; it must be an object`);
    const start =
      this.instant(value.startTime) ?? fail(`.startTime is ${shown(value.startTime)}; it must be a time`);
    const end = this.instant(value.endTime) ?? fail(`.endTime is ${shown(value.endTime)}; it must be a time`);
    const { gridMs } = this.dataset;
    if (start % gridMs !== 0 || end <= start || end - start > gridMs) {
      fail(`: ${shown(value.startTime)} to ${shown(value.endTime)} is not one whole hour`);
    }
    if (start < this.span.from || end > this.span.to) {
      fail(
        `: ${shown(value.startTime)} to ${shown(value.endTime)} is outside of the asked span ` +
          `${new Date(this.span.from).toISOString()} to ${new Date(this.span.to).toISOString()}`,
      );
    }
    const values = this.dataset.columns.map((column) => {
      const found = value[column.field];
      return (
        exactText(column, found) ??
        fail(`.${column.field} is ${shown(found)}; it must be ${EXPECTED[column.kind]}`)
      );
    });
    return { start, end, values };
  }

  private instant(value: unknown): number | null {
    if (typeof value !== 'string') return null;
    const known = this.instants.get(value);
    if (known !== undefined) return known;
    const parsed = parseInstant(value);
    if (parsed !== null) {
      if (this.instants.size >= MAX_REMEMBERED_INSTANTS) this.instants.clear();
      this.instants.set(value, parsed);
    }
    return parsed;
  }
}

const EXPECTED: Readonly<Record<DatasetColumn['kind'], string>> = {
  integer: 'an integer',
  decimal: 'a number',
  text: `a text of 1 to ${MAX_TEXT_CHARACTERS} valid characters`,
};

/** The text that goes to the database, or null when the value is not of the column's kind. */
function exactText(column: DatasetColumn, value: unknown): string | null {
  if (column.kind === 'text') {
    if (typeof value !== 'string' || value.length === 0 || value.length > MAX_TEXT_CHARACTERS) return null;
    // Postgres cannot hold U+0000, and a lone surrogate would be stored as another character.
    return /^[\x20-\x7e]+$/.test(value) || !/\0|\p{Surrogate}/u.test(value) ? value : null;
  }
  if (!(value instanceof RawNumber)) return null;
  if (column.kind === 'integer') {
    // JSON has no integers: `5.0` is one, too.
    const match = /^(-?\d+)(?:\.0+)?$/.exec(value.text);
    const digits = match?.[1];
    return digits !== undefined && digits.length <= MAX_INTEGER_DIGITS ? digits : null;
  }
  if (value.text.length > MAX_DECIMAL_CHARACTERS) return null;
  const exponent = /[eE]([+-]?\d+)$/.exec(value.text)?.[1];
  return exponent === undefined || Math.abs(Number(exponent)) <= MAX_DECIMAL_EXPONENT ? value.text : null;
}
