/**
 * Finds the secrets of a call in whatever comes back, so that none is stored or shown. A secret is found by its value:
 * as it stands, in any mixture of URL, JSON and HTML escapes, in base64 at any offset, in hex, and as a digest.
 * Texts are searched for strings and not by a pattern: to compile the pattern of one long token took half a second.
 */
import { createHash } from 'node:crypto';
import { alike, DecodedText } from './decoded-text';

/** Anything shorter may stand within an answer's words and numbers by chance. */
const SHORTEST_WITHIN = 8;
/** Anything shorter than this, such as a code, is hidden in a body only where it stands as a word by itself. */
const SHORTEST_WORD = 5;
const HIDDEN = '[secret]';
/** Digests that vendors' protocols send in place of a password. */
const DIGESTS = ['md5', 'sha1', 'sha256', 'sha512'] as const;
/** Forms are kept for this many sets of secrets: an account's key goes with every call. */
const KEPT_SETS = 64;

const kept = new Map<string, SecretValues>();

/** The forms that a secret may have in a decoded text. */
interface Form {
  readonly text: string;
  /** Only as a word of its own. */
  readonly word: boolean;
}

type Range = readonly [from: number, to: number];

export class SecretValues {
  private constructor(
    private readonly inBodies: readonly Form[],
    private readonly inMessages: readonly Form[],
  ) {}

  static of(values: readonly string[]): SecretValues {
    const all = [...new Set(values.flatMap(parts))].filter((value) => value !== '');
    const id = JSON.stringify(all);
    const known = kept.get(id);
    if (known) return known;
    const made = new SecretValues(formsOf(all.filter(({ length }) => length >= SHORTEST_WORD)), formsOf(all));
    if (kept.size >= KEPT_SETS) kept.delete(kept.keys().next().value ?? '');
    kept.set(id, made);
    return made;
  }

  /** In what is still to be read as data: a secret of fewer than five characters stays, for numbers and codes look like it. */
  hide(text: string): string {
    return without(text, this.inBodies);
  }

  /** In a vendor's message, which is not parsed: a secret of any length is hidden where it stands as a word by itself. */
  hideInMessage(text: string): string {
    return without(text, this.inMessages);
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

function formsOf(secrets: readonly string[]): Form[] {
  const forms = new Map<string, Form>();
  for (const secret of secrets) {
    const word = secret.length < SHORTEST_WITHIN;
    // A secret may itself look like an escape: then decoding changes it, too.
    const itself = [...DecodedText.of(secret).map(({ text }) => text), alike(secret.replaceAll('\\', ''))];
    for (const text of itself) if (text !== '') forms.set(text, { text, word });
    for (const text of [...(word ? [] : encoded(secret)), ...digestsOf(secret)].map(alike)) {
      if (!forms.has(text)) forms.set(text, { text, word: false });
    }
  }
  return [...forms.values()];
}

/** In base64 the same bytes read differently at each of three offsets; what neighbours share a character with is left. */
function encoded(secret: string): string[] {
  const bytes = Buffer.from(secret, 'utf8');
  const whole = unpadded(bytes);
  const shifted = [0, 1, 2].flatMap((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    const inner = text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
    return inner.length < SHORTEST_WITHIN ? [] : [inner];
  });
  return [whole, ...shifted, bytes.toString('hex')];
}

function digestsOf(secret: string): string[] {
  return DIGESTS.flatMap((name) => {
    const digest = createHash(name).update(secret, 'utf8').digest();
    return [digest.toString('hex'), unpadded(digest)];
  });
}

const unpadded = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');

function without(text: string, forms: readonly Form[]): string {
  if (text === '' || forms.length === 0) return text;
  const ranges = DecodedText.of(text).flatMap((decoded) =>
    forms.flatMap((form) => found(text, decoded, form)),
  );
  if (ranges.length === 0) return text;
  ranges.sort(([a], [b]) => a - b);
  let left = '';
  let at = 0;
  let end = -1;
  for (const [from, to] of ranges) {
    // One form may begin within another.
    if (from >= end) left += text.slice(at, from) + HIDDEN;
    end = Math.max(end, to);
    at = end;
  }
  return left + text.slice(at);
}

function found(text: string, decoded: DecodedText, { text: form, word }: Form): Range[] {
  const ranges: Range[] = [];
  const { text: plain } = decoded;
  for (let i = plain.indexOf(form); i !== -1; i = plain.indexOf(form, i + form.length)) {
    const range = decoded.range(i, i + form.length);
    if (!word || isWord(text, range)) ranges.push(range);
  }
  return ranges;
}

/** Bounded by what is no part of a word; an escape before it ends in letters or digits, and is none either. */
function isWord(text: string, [from, to]: Range): boolean {
  const before = text.slice(Math.max(0, from - 6), from);
  const apart = !/[\p{L}\p{N}]$/u.test(before) || /(?:%[0-9a-f]{2}|\\[nrt]|\\u[0-9a-f]{4})$/i.test(before);
  return apart && !/^[\p{L}\p{N}]/u.test(text.slice(to, to + 2));
}
