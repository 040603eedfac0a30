/** Turns one element of `reportData` into a row, or says what is wrong with it: a bad row is not a bad document. */
import type { Span } from '../../../quota/windows/chunks';
import type { BadRow, DatasetColumn, DatasetDescription, DatasetRow } from '../../dataset';
import { isRecord, parseInstant, RawNumber, shown } from './value';

/** Documents repeat few timestamps over many rows; the bound is for one that does not. */
const MAX_REMEMBERED_INSTANTS = 10_000;

/** bigint holds 19 digits, but not all of them. */
const MAX_INTEGER_DIGITS = 18;
/** Far beyond any amount, and well within what numeric keeps exactly. */
const MAX_DECIMAL_CHARACTERS = 200;
const MAX_DECIMAL_EXPONENT = 100;
const MAX_TEXT_CHARACTERS = 1_000;
/** How much of a bad row is kept as evidence. */
const MAX_SHOWN_CHARACTERS = 2_000;

export class RowReader {
  private readonly instants = new Map<string, number>();
  private index = -1;

  constructor(
    private readonly dataset: DatasetDescription,
    private readonly span: Span,
    /** What all rows are of, by the names that a row may say it under: a marketplace, a currency. */
    private readonly partition: Readonly<Record<string, string>> = {},
  ) {}

  /** @param position byte of the text at which the row ends. */
  read(value: unknown, position: number): DatasetRow | BadRow {
    this.index += 1;
    const bad = (problem: string): BadRow => ({
      index: this.index,
      position,
      problem: `reportData[${this.index}]${problem}`,
      ...this.identityOf(value),
      text: shown(value, MAX_SHOWN_CHARACTERS),
    });
    if (!isRecord(value)) return bad(` is ${shown(value)}; it must be an object`);
    const start = this.instant(value.startTime);
    if (start === null) return bad(`.startTime is ${shown(value.startTime)}; it must be a time`);
    const end = this.instant(value.endTime);
    if (end === null) return bad(`.endTime is ${shown(value.endTime)}; it must be a time`);
    const { gridMs } = this.dataset;
    const times = () => `${shown(value.startTime)} to ${shown(value.endTime)}`;
    if (start % gridMs !== 0 || end <= start || end - start > gridMs) {
      return bad(`: ${times()} is not one whole hour`);
    }
    if (start < this.span.from || end > this.span.to) {
      return bad(
        `: ${times()} is outside of the requested span ` +
          `${new Date(this.span.from).toISOString()} to ${new Date(this.span.to).toISOString()}`,
      );
    }
    for (const [field, wanted] of Object.entries(this.partition)) {
      const found = value[field];
      if (typeof found === 'string' && found !== wanted) {
        return bad(`.${field} is ${shown(found)}; the report is of ${shown(wanted)}`);
      }
    }
    const values: string[] = [];
    for (const column of this.dataset.columns) {
      const found = value[column.field];
      const text = exactText(column, found);
      if (text === null) {
        return bad(`.${column.field} is ${shown(found)}; it must be ${EXPECTED[column.kind]}`);
      }
      values.push(text);
    }
    return { start, end, values };
  }

  /** Which row it would have been, as far as that can be read. */
  private identityOf(value: unknown): Pick<BadRow, 'start' | 'key'> {
    if (!isRecord(value)) return { start: null, key: null };
    const key = this.dataset.columns
      .filter((column) => column.key)
      .map((column) => exactText(column, value[column.field]));
    const isWhole = key.every((text): text is string => text !== null);
    return { start: this.instant(value.startTime), key: isWhole ? key : null };
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
