/** Tokens of a text as OpenAI's models since GPT-4o count them (o200k), without a network call. */
type Encoding = typeof import('gpt-tokenizer/encoding/o200k_base');

let encoding: Encoding | null = null;

/** What a message costs besides its text: role and delimiters. */
const MESSAGE_OVERHEAD = 7;
/** Beyond this a text is estimated by its length: exact to a few percent, and it bounds the time. */
const EXACT_CHARACTERS = 200_000;
/**
 * A word's time grows with the square of its length: 20,000 letters without a blank take a second, in which nothing else
 * of the process runs, and a base64 picture in a column minutes. Longer runs are cut, at one token the more for each cut.
 */
const LONG_RUN = /\S{256}|\s{256}/gu;
/** Words that are no token of their own and whose tokens are remembered; the library's default is 100,000. */
const REMEMBERED_WORDS = 10_000;

/** Tokens of one input message. Text that looks like a control token is counted as the text it is. */
export function inputTokens(text: string): number {
  if (text.length > EXACT_CHARACTERS) return Math.ceil(text.length / 3) + MESSAGE_OVERHEAD;
  encoding ??= load();
  const { countTokens } = encoding;
  const options = { disallowedSpecial: new Set<string>() };
  let tokens = MESSAGE_OVERHEAD;
  let from = 0;
  for (const { index, 0: run } of text.matchAll(LONG_RUN)) {
    const to = index + run.length;
    tokens += countTokens(text.slice(from, to), options);
    from = to;
  }
  return tokens + countTokens(text.slice(from), options);
}

/** Loaded when first needed: the table is some 50 MB in memory, and most processes count no tokens. */
function load(): Encoding {
  const loaded = require('gpt-tokenizer/encoding/o200k_base') as Encoding;
  loaded.setMergeCacheSize(REMEMBERED_WORDS);
  return loaded;
}
