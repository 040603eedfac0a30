/**
 * The limits that an answer's headers speak of, in the spellings that OpenAI and the gateways before it use:
 * `x-ratelimit-{limit,remaining,reset}-requests`, `x-ratelimit-reset` alone (OpenRouter, Kong, Together), `ratelimit-…` and
 * `ratelimit: limit=…, remaining=…, reset=…` (IETF drafts), `anthropic-ratelimit-requests-reset`, `ratelimitbysize-reset`.
 */
export interface HeaderLimit {
  /** What is limited, e.g. `requests` or `tokens-minute`; empty where the header does not say. */
  readonly name: string;
  readonly limit?: string;
  readonly remaining?: string;
  readonly reset?: string;
}

type Field = 'limit' | 'remaining' | 'reset';

const FAMILY = '^(?:x-)?(?:[a-z]+-)?rate-?limit(?:by[a-z]+)?';
const FIELD_FIRST = new RegExp(`${FAMILY}-(limit|remaining|reset)(?:-(?:after$|(.+)))?$`);
const NAME_FIRST = new RegExp(`${FAMILY}-(.+)-(limit|remaining|reset)$`);
/** `limit=100, remaining=0, reset=30`, or `"default";r=0;t=30`. */
const STRUCTURED = /\b(limit|remaining|reset|[rt])=(\d+)/g;
const STRUCTURED_FIELDS: ReadonlyMap<string, Field> = new Map([
  ['r', 'remaining'],
  ['t', 'reset'],
]);

/** @param headers with names in lower case. */
export function headerLimits(headers: Readonly<Record<string, string>>): HeaderLimit[] {
  const limits = new Map<string, { name: string } & Partial<Record<Field, string>>>();
  const note = (name: string, field: Field, value: string) => {
    limits.set(name, { ...(limits.get(name) ?? { name }), [field]: value.trim() });
  };
  for (const [header, value] of Object.entries(headers)) {
    const [, field, of = ''] = FIELD_FIRST.exec(header) ?? [];
    const [, name = '', last] = field ? [] : (NAME_FIRST.exec(header) ?? []);
    if (field) note(of, field as Field, value);
    else if (last) note(name, last as Field, value);
    else if (/^(?:x-)?ratelimit$/.test(header)) {
      for (const [, key = '', number = ''] of value.matchAll(STRUCTURED)) {
        note('', STRUCTURED_FIELDS.get(key) ?? (key as Field), number);
      }
    }
  }
  return [...limits.values()];
}

/** A wait that a gateway states beside `Retry-After` or instead of it, under the standard's names. */
export function withRetryAliases(headers: Readonly<Record<string, string>>): Record<string, string> {
  const found = { ...headers };
  const alias = (name: string, ...others: readonly string[]) => {
    const value = [name, ...others].map((other) => headers[other]).find((text) => text !== undefined);
    if (value !== undefined) found[name] = value;
  };
  alias('retry-after-ms', 'x-retry-after-ms', 'x-ms-retry-after-ms');
  alias('retry-after', 'x-retry-after', 'ratelimit-retry-after', 'x-ratelimit-retry-after');
  return found;
}
