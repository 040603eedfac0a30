/** Finds what is secret in an answer that hands out tokens, whatever its form, so that it can be hidden. */

/** Names under which tokens, codes and keys come, in any spelling. */
const SECRET_NAME = /token|code|secret|assertion|authorization|password|verifier/i;
/** Anything shorter is a status or an ordinary word. */
const SHORTEST = 12;
const DEPTH = 6;

/** Values of a JSON or form-encoded body, and of addresses in headers, that stand under a name like a token's. */
export function tokensIn(body: string, headers: Readonly<Record<string, string>> = {}): string[] {
  const found = new Set<string>();
  collect(parsed(body), found, DEPTH);
  for (const text of [body, ...Object.values(headers)]) {
    for (const [, name = '', value = ''] of text.matchAll(
      /(?:^|[?&#;\s])([\w.-]{1,64})=([^&#\s"';]{12,})/g,
    )) {
      if (SECRET_NAME.test(name)) for (const form of [value, decoded(value)]) found.add(form);
    }
  }
  return [...found].filter(({ length }) => length >= SHORTEST);
}

function collect(value: unknown, found: Set<string>, depth: number): void {
  if (depth === 0 || typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    if (typeof inner === 'string' && SECRET_NAME.test(name)) found.add(inner);
    else collect(inner, found, depth - 1);
  }
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
