/**
 * The header of an input file: a first row of which a name is that of an id, or whose id differs from those behind it.
 * Pure.
 */
import { invalid } from '../errors';

export interface Header {
  readonly columns: readonly string[];
  readonly idAt: number;
}

/** Columns of a file without a header: this very list. */
export const DEFAULT_COLUMNS = ['artist_id', 'artist_name', 'artist_data'] as const;
/** `id`, `artist_id`, `Artist ID`, `artist-id`, `artistId`. */
const ID_COLUMN = /^(?:(?:[\p{L}\p{N}]+[\s_.-]+)+[iI][dD]|[iI][dD]|[\p{L}\p{N}]*\p{Ll}I[dD])$/u;
/** Elsewhere than in front, `id` alone may be part of the data. */
const INNER_ID_COLUMN = /^(?:(?:[\p{L}\p{N}]+[\s_.-]+)+[iI][dD]|[\p{L}\p{N}]*\p{Ll}I[dD])$/u;

/** The columns as an error names them; where there was no header, that. */
export function columnsText(columns: readonly string[]): string {
  const names = columns.join(', ');
  if (columns !== DEFAULT_COLUMNS) return names;
  return `${names}; no header was found, whose first column is called id or …_id`;
}

/** Null when the first row is one of data. @throws OperationError when it names several ids, none of them in front. */
export function headerOf(record: readonly string[], file: string): Header | null {
  const columns = namesOf(record);
  const ids = idsOf(columns);
  if (ids.length < 2) return ids.length === 0 ? null : { columns, idAt: ids[0] ?? 0 };
  const names = ids.map((at) => columns[at]).join(' and ');
  throw invalid('input', `${file}: the id must be the first column, for there are ${names}`);
}

/** Whether a first row is a header. */
export function isHeader(record: readonly string[]): boolean {
  return idsOf(namesOf(record)).length > 0;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Rows of data that show by their ids that the first row is a header: with ids of one shape, and of several. */
const LEAST_OF_ONE_SHAPE = 2;
const LEAST_OF_ANY_SHAPE = 5;

/**
 * The header whose id has another name (`Nr.`, `UUID`): every row behind it begins with an id that holds digits,
 * and it does not.
 * @param others the rows behind it, as far as they were looked at.
 */
export function headerByContrastOf(
  record: readonly string[],
  others: readonly (readonly string[])[],
): Header | null {
  const columns = namesOf(record);
  const [name = ''] = columns;
  const areNames = columns.length > 1 && columns.every((one) => one !== '' && !/[\r\n]/.test(one));
  if (!areNames || new Set(columns).size < columns.length || /\p{N}/u.test(name)) return null;
  const shapes = new Set(others.map(([id = '']) => shapeOf(id.trim())));
  const least = shapes.size === 1 ? LEAST_OF_ONE_SHAPE : LEAST_OF_ANY_SHAPE;
  const areIds = [...shapes].every((shape) => shape.includes('9'));
  return others.length >= least && areIds ? { columns, idAt: 0 } : null;
}

/** `artist-0017` and `artist-4` have one shape; all UUIDs have. */
const shapeOf = (id: string) => (UUID.test(id) ? 'uuid-9' : id.replace(/\d+/g, '9'));

/** Of a line that begins with `#`: the header where it is one but for that. @param fields of the first row of data. */
export function hashedHeaderOf([first = '', ...others]: readonly string[], fields: number): Header | null {
  const columns = namesOf([first.replace(/^#+/, ''), ...others]);
  return columns.length === fields && ID_COLUMN.test(columns[0] ?? '') ? { columns, idAt: 0 } : null;
}

function namesOf(record: readonly string[]): string[] {
  return withoutTrailing(record, 1).map((name) => name.trim());
}

/** Where the ids are; one in front is the only one. */
function idsOf(columns: readonly string[]): number[] {
  if (ID_COLUMN.test(columns[0] ?? '')) return [0];
  return columns.flatMap((name, at) => (INNER_ID_COLUMN.test(name) ? [at] : []));
}

/** Without empty fields behind the first `least`: a separator at the end of a line adds nothing. */
export function withoutTrailing(record: readonly string[], least: number): readonly string[] {
  let length = record.length;
  while (length > least && (record[length - 1] ?? '').trim() === '') length--;
  return length === record.length ? record : record.slice(0, length);
}
