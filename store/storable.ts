/**
 * Makes text storable in Postgres. Answers may hold anything; U+0000 fits no column, and neither it nor half a
 * surrogate pair fits jsonb. The database would refuse such a text at every retry, so it is replaced before it is
 * written.
 */

const REPLACEMENT = '\ufffd';
/** Escapes that jsonb refuses, after an even number of backslashes; pairs of surrogates are JavaScript's to leave as they are. */
const REFUSED = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/gi;

/** JSON of a value, for a parameter. */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value);
  return text.includes('\\u') ? text.replace(REFUSED, `$1${REPLACEMENT}`) : text;
}

/** Parameters of a statement. */
export function storable(values: readonly unknown[]): unknown[] {
  return values.map((value) => {
    if (typeof value === 'string') return value.includes('\0') ? value.replaceAll('\0', REPLACEMENT) : value;
    return Array.isArray(value) ? storable(value) : value;
  });
}
