/**
 * A text as its last reader would see it: escapes of URLs, JSON and HTML resolved, letters in lower case, and the characters
 * that base64, base64url and forms write differently as one; with the place of each character in the text as it came.
 */

/** One character in one escape, or several of a kind in a row: bytes of UTF-8 belong together. */
const ESCAPES =
  /(?:%(?:25)*[0-9a-f]{2})+|(?:\\+x[0-9a-f]{2})+|(?:\\+u[0-9a-f]{4})+|&(?:amp;)*(?:#0*\d{1,7}|#x0*[0-9a-f]{1,6}|amp|lt|gt|quot|apos);|\\+(?:[nrtfb]|[^\p{L}\p{N}\s\\%&])|\\+/giu;
const ESCAPED = new RegExp(ESCAPES.source, 'iu');
const HTML_NAMES: ReadonlyMap<string, string> = new Map(
  Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }),
);
/** A secret with a backslash before such a letter reads like the control character, and must be found either way. */
const LETTERS: Readonly<Record<string, string>> = { '\n': 'n', '\r': 'r', '\t': 't', '\f': 'f', '\b': 'b' };
/** JSON in JSON, a URL in a URL: each pass resolves all escapes of a kind at once, so that more kinds in one are rare. */
const PASSES = 2;

export class DecodedText {
  private constructor(
    readonly text: string,
    /** For each character, where what stands for it begins; null where it stands for itself. */
    private readonly starts: Uint32Array | null,
    private readonly ends: Uint32Array | null,
  ) {}

  /** The text as it stands, then with escapes resolved once, and so on while there are any. */
  static of(text: string): DecodedText[] {
    let last = new DecodedText(alike(text), null, null);
    const all = [last];
    for (let pass = 0; pass < PASSES && ESCAPED.test(last.text); pass++) {
      last = last.decoded();
      all.push(last);
    }
    return all;
  }

  /** Where in the text as it came the characters from `from` to before `to` stand. */
  range(from: number, to: number): readonly [number, number] {
    return [this.starts?.[from] ?? from, this.ends?.[to - 1] ?? to];
  }

  private decoded(): DecodedText {
    const { text } = this;
    const starts = new Uint32Array(text.length);
    const ends = new Uint32Array(text.length);
    const pieces: string[] = [];
    let at = 0;
    const literal = (from: number, to: number) => {
      for (let i = from; i < to; i++, at++) {
        starts[at] = this.starts?.[i] ?? i;
        ends[at] = this.ends?.[i] ?? i + 1;
      }
      pieces.push(text.slice(from, to));
    };
    const decoded = (units: string, from: number, to: number) => {
      const [start, end] = this.range(from, to);
      starts.fill(start, at, at + units.length);
      ends.fill(end, at, at + units.length);
      at += units.length;
      pieces.push(units);
    };
    let from = 0;
    for (const found of text.matchAll(ESCAPES)) {
      const [sequence] = found;
      literal(from, found.index);
      from = found.index + sequence.length;
      // By far the most frequent ones, in the strings of JSON.
      if (sequence.length === 2 && sequence.startsWith('\\')) {
        decoded(sequence === '\\\\' ? '' : (sequence[1] ?? ''), found.index, from);
        continue;
      }
      for (const { units, begin, end } of charactersOf(sequence)) {
        decoded(units, found.index + begin, found.index + end);
      }
    }
    literal(from, text.length);
    return new DecodedText(pieces.join(''), starts, ends);
  }
}

/**
 * Lower case; `+`, `-` and a space as one, for a form writes a space as `+` and base64url a `+` as `-`; and a control
 * character as the letter that JSON writes for it.
 */
export function alike(text: string): string {
  const lower = text.toLowerCase();
  const same = lower.length === text.length ? lower : [...text].map(lowerOrSame).join('');
  return same
    .replace(/[+-]/g, ' ')
    .replaceAll('_', '/')
    .replace(/[\n\r\t\f\b]/g, (control) => LETTERS[control] ?? control);
}

function lowerOrSame(character: string): string {
  const lower = character.toLowerCase();
  return lower.length === character.length ? lower : character;
}

interface Decoded {
  /** UTF-16 units, no more than the escape is long. */
  readonly units: string;
  /** Within the escape. */
  readonly begin: number;
  readonly end: number;
}

const decodedAs = (text: string, begin: number, end: number): Decoded => ({
  // A backslash is nothing, for who knows how often it was doubled.
  units: alike(text).replaceAll('\\', ''),
  begin,
  end,
});

function charactersOf(sequence: string): Decoded[] {
  if (sequence.startsWith('%')) return bytesOf(sequence, /%(?:25)*([0-9a-f]{2})/g);
  if (sequence.startsWith('&')) return [decodedAs(htmlOf(sequence), 0, sequence.length)];
  const last = [...sequence].at(-1) ?? '';
  if (/^\\+x/.test(sequence)) return bytesOf(sequence, /\\+x([0-9a-f]{2})/g);
  if (/^\\+u/.test(sequence)) {
    return [...sequence.matchAll(/\\+u([0-9a-f]{4})/g)].map((unit) =>
      decodedAs(
        String.fromCharCode(Number.parseInt(unit[1] ?? '', 16)),
        unit.index,
        unit.index + unit[0].length,
      ),
    );
  }
  // What a backslash stands before is itself.
  return [decodedAs(last, 0, sequence.length)];
}

function htmlOf(sequence: string): string {
  const named = /([a-z]+);$/.exec(sequence)?.[1] ?? '';
  if (!sequence.includes('#')) return HTML_NAMES.get(named) ?? '';
  const [, hex = '', digits = ''] = /#(x?)0*([0-9a-f]*);$/.exec(sequence) ?? [];
  const point = Number.parseInt(digits, hex === '' ? 10 : 16);
  return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : '';
}

/** Bytes of UTF-8; what is none stands for a character that no secret has. */
function bytesOf(sequence: string, each: RegExp): Decoded[] {
  const bytes = [...sequence.matchAll(each)].map((byte) => ({
    value: Number.parseInt(byte[1] ?? '', 16),
    begin: byte.index,
    end: byte.index + byte[0].length,
  }));
  const characters: Decoded[] = [];
  for (let i = 0; i < bytes.length; ) {
    const first = bytes[i];
    if (first === undefined) break;
    const group = bytes.slice(i, i + lengthOf(first.value));
    const text = Buffer.from(group.map(({ value }) => value)).toString('utf8');
    const whole = !text.includes('\ufffd');
    const last = (whole ? group.at(-1) : first) ?? first;
    characters.push(decodedAs(whole ? text : '\ufffd', first.begin, last.end));
    i += whole ? group.length : 1;
  }
  return characters;
}

/** Of a character in UTF-8 that begins so. */
function lengthOf(byte: number): number {
  if (byte < 0xc0) return 1;
  if (byte < 0xe0) return 2;
  return byte < 0xf0 ? 3 : 4;
}
