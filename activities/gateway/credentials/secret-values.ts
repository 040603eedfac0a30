/**
 * Finds the secrets of a call in whatever comes back, so that none is stored or shown. A secret is found by its value:
 * as it stands, in any mixture of URL, JSON and HTML escapes, in base64 at any offset, in hex, and as a digest.
 */
import { createHash } from 'node:crypto';

/** Anything shorter may stand within an answer's words and numbers by chance. */
const SHORTEST_WITHIN = 8;
/** Anything shorter than this, such as a code, is hidden in a body only where it stands as a word by itself. */
const SHORTEST_WORD = 5;
const HIDDEN = '[secret]';
/** Digests that vendors' protocols send in place of a password. */
const DIGESTS = ['md5', 'sha1', 'sha256', 'sha512'] as const;
const HTML_NAMES: Readonly<Record<string, string>> = {
  '&': 'amp',
  '<': 'lt',
  '>': 'gt',
  '"': 'quot',
  "'": 'apos',
};
const JSON_NAMES: Readonly<Record<string, string>> = {
  '\n': 'n',
  '\r': 'r',
  '\t': 't',
  '\f': 'f',
  '\b': 'b',
};
/** Patterns are kept for this many sets of secrets: an account's key goes with every call. */
const KEPT_SETS = 64;

const kept = new Map<string, SecretValues>();

export class SecretValues {
  private constructor(
    private readonly inBodies: RegExp | null,
    private readonly inMessages: RegExp | null,
  ) {}

  static of(values: readonly string[]): SecretValues {
    const all = [...new Set(values.flatMap(parts))].filter((value) => value !== '');
    const id = JSON.stringify(all);
    const known = kept.get(id);
    if (known) return known;
    const made = new SecretValues(
      patternOf(all.filter(({ length }) => length >= SHORTEST_WORD)),
      patternOf(all),
    );
    if (kept.size >= KEPT_SETS) kept.delete(kept.keys().next().value ?? '');
    kept.set(id, made);
    return made;
  }

  /** In what is still to be read as data: a secret of fewer than five characters stays, for numbers and codes look like it. */
  hide(text: string): string {
    return this.inBodies === null ? text : text.replace(this.inBodies, HIDDEN);
  }

  /** In a vendor's message, which is not parsed: a secret of any length is hidden where it stands as a word by itself. */
  hideInMessage(text: string): string {
    return this.inMessages === null ? text : text.replace(this.inMessages, HIDDEN);
  }
}

/** A token may be kept as a JSON object of several values; each of them travels by itself. */
function parts(value: string): string[] {
  if (!value.startsWith('{')) return [value];
  try {
    const values = Object.values(JSON.parse(value) as Record<string, unknown>);
    const secret = (part: unknown): part is string =>
      typeof part === 'string' && part.length >= SHORTEST_WORD;
    return [value, ...values.filter(secret)];
  } catch {
    return [value];
  }
}

function patternOf(secrets: readonly string[]): RegExp | null {
  const forms = secrets.flatMap((secret) => [
    ...(secret.length < SHORTEST_WITHIN ? [asWord(escaped(secret))] : [escaped(secret), ...encoded(secret)]),
    ...digestsOf(secret),
  ]);
  if (forms.length === 0) return null;
  // The longest first: one form may begin with another.
  return new RegExp([...new Set(forms)].sort((a, b) => b.length - a.length).join('|'), 'giu');
}

/** Bounded by what is no part of a word; an escape before it ends in letters or digits, and is none either. */
function asWord(pattern: string): string {
  const before = String.raw`(?:(?<![\p{L}\p{N}])|(?<=%[0-9a-f]{2})|(?<=\\[nrt])|(?<=\\u[0-9a-f]{4}))`;
  return String.raw`${before}(?:${pattern})(?![\p{L}\p{N}])`;
}

/** Each character in any of the escapes that text goes through on its way, once or several times. */
function escaped(text: string): string {
  return [...text].map((character) => `(?:${escapesOf(character).join('|')})`).join('');
}

function escapesOf(character: string): string[] {
  const literal = character.replace(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
  const bytes = [...Buffer.from(character, 'utf8')].map(hex);
  const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
  const point = character.codePointAt(0) ?? 0;
  const html = HTML_NAMES[character];
  const json = JSON_NAMES[character];
  return [
    /[\p{L}\p{N}\s]/u.test(character) ? literal : String.raw`\\*${literal}`,
    ...(character === ' ' ? [String.raw`\+`] : []),
    bytes.map((byte) => `%(?:25)*${byte}`).join(''),
    bytes.map((byte) => String.raw`\\+x${byte}`).join(''),
    units.map((unit) => String.raw`\\+u${unit.toString(16).padStart(4, '0')}`).join(''),
    `&(?:amp;)*#(?:0*${point}|x0*${point.toString(16)});`,
    ...(html === undefined ? [] : [`&(?:amp;)*${html};`]),
    ...(json === undefined ? [] : [String.raw`\\+${json}`]),
  ];
}

const hex = (byte: number) => byte.toString(16).padStart(2, '0');

/** In base64 the same bytes read differently at each of three offsets; what neighbours share a character with is left. */
function encoded(secret: string): string[] {
  const bytes = Buffer.from(secret, 'utf8');
  const whole = base64Pattern(bytes.toString('base64').replace(/=+$/, ''));
  const shifted = [0, 1, 2].flatMap((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    const inner = text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
    return inner.length < SHORTEST_WITHIN ? [] : [base64Pattern(inner)];
  });
  return [whole, ...shifted, bytes.toString('hex')];
}

function base64Pattern(text: string): string {
  return [...text]
    .map((c) => {
      if (c === '+') return '(?:[+-]|%(?:25)*2b)';
      return c === '/' ? String.raw`(?:\\*/|_|%(?:25)*2f)` : c;
    })
    .join('');
}

function digestsOf(secret: string): string[] {
  return DIGESTS.flatMap((name) => {
    const digest = createHash(name).update(secret, 'utf8').digest();
    return [digest.toString('hex'), base64Pattern(digest.toString('base64').replace(/=+$/, ''))];
  });
}
