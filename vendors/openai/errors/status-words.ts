/** The HTTP status that an error names itself, by a number or by a word. Pure. */
import { type Fields, textOf } from './fields';

const FIELDS = [
  ...['code', 'status', 'status_code', 'statusCode', 'http_status', 'http_code', 'httpStatus', 'errorCode'],
  ...['error_code', 'type'],
];

/** A number that is an HTTP status of failure, wherever it stands: `429`, `"429"`, `"429 Too Many Requests"`. */
export function statusOf(fields: Fields): number | null {
  const found = FIELDS.map((name) =>
    /^(?:HTTP[_ ]?)?([45]\d\d)(?![\w.])/i.exec(textOf(fields[name]).trim()),
  ).find((match) => match !== null);
  return found ? Number(found[1]) : null;
}

/** Words for a failure, as snake_case; the first that fits counts. */
const WORDS: readonly (readonly [RegExp, number])[] = [
  [/rate_?limit|too_?many_?requests|resource_?exhausted|throttl|slow_?down/, 429],
  [/time_?d?_?out|deadline_?exceeded/, 504],
  [/overload|unavailable|capacity/, 503],
  [/bad_?gateway|upstream|provider_/, 502],
  // As Node, Go and Python name a connection that broke.
  [
    /e(?:conn|host|net)[a-z]+|epipe|enotfound|eai_again|socket|network|disconnect|connection|(?:^|_)eof(?:_|$)|hang_?up/,
    502,
  ],
  [/internal|server_?error|api_?error|service_?error/, 500],
  [/authentication|unauthorized|unauthenticated|invalid_(?:api_)?key/, 401],
  [/payment_?required/, 402],
  [/content_?(?:filter|policy)|policy_?violation/, 400],
  [/permission|forbidden|moderation|access_?denied/, 403],
  [/not_?found/, 404],
  [/bad_?request|invalid_?(?:request|argument|param|input|value)|validation|unprocessable/, 400],
];

export function statusOfWord(word: string): number | null {
  const plain = word
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .replace(/[\s-]+/g, '_')
    .toLowerCase();
  return WORDS.find(([pattern]) => pattern.test(plain))?.[1] ?? null;
}
