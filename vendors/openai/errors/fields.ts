/** Objects and texts of unchecked answers. Pure; never throws. */

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function fieldsOf(value: unknown): Fields | null {
  return isFields(value) ? value : null;
}

/** Some servers put a byte order mark before their JSON. */
export function withoutMark(text: string): string {
  return text.replace(/^\ufeff/, '');
}

export function readObject(body: string): Fields | null {
  const text = withoutMark(body).trim();
  if (!text.startsWith('{')) return null;
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    return null;
  }
}

/** Longer texts are not searched for an object. */
const SEARCHED_MAX = 20_000;

/** The object that a text holds or ends with: `OpenAIException - {"error": {…}}`. */
export function fieldsIn(text: string): Fields | null {
  const from = text.indexOf('{');
  const to = text.lastIndexOf('}');
  return from === -1 || to < from || text.length > SEARCHED_MAX ? null : readObject(text.slice(from, to + 1));
}

/** What Python's gateways write for nothing at all. */
const NOTHING = /^(?:none|null|undefined|nil)?$/i;

export function isNothing(text: string): boolean {
  return NOTHING.test(text.trim());
}

/** Text, or the digits of a number, for codes come as numbers, too; empty when there is nothing. */
export function textOf(value: unknown): string {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && !isNothing(value) ? value : '';
}
