/** JSON of answers that nobody vouches for, as values that can be stored. */

/** Deeper than any answer known by far; what reads and stores JSON elsewhere works by recursion. */
const MAX_DEPTH = 64;

/**
 * The value of a JSON text; undefined for what is none. Characters that Postgres does not store in jsonb (U+0000, halves
 * of surrogate pairs) are taken out. Never throws.
 */
export function readJson(text: string): unknown {
  // A byte order mark is not JSON, but some gateways put one before it.
  const body = text.startsWith('\ufeff') ? text.slice(1) : text;
  if (isTooDeep(body)) return undefined;
  try {
    return /\\u(?:0000|d[89a-f])/i.test(body) ? JSON.parse(body, storable) : JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** As `readJson`, for what has to be an object; null for anything else. */
export function readJsonObject(text: string): Readonly<Record<string, unknown>> | null {
  const value = readJson(text);
  return isObject(value) ? value : null;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function storable(_: string, value: unknown): unknown {
  if (typeof value === 'string') return storableText(value);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [storableText(name), one]));
}

function storableText(text: string): string {
  return text.replaceAll('\0', '').replace(/\p{Surrogate}/gu, '\ufffd');
}

function isTooDeep(text: string): boolean {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (inText) {
      if (char === 0x5c) at++;
      else if (char === 0x22) inText = false;
    } else if (char === 0x22) inText = true;
    else if (char === 0x5b || char === 0x7b) {
      depth++;
      if (depth > MAX_DEPTH) return true;
    } else if (char === 0x5d || char === 0x7d) depth--;
  }
  return false;
}
