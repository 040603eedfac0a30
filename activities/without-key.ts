/** Keeps an account's key or password out of all that is made of an answer: evidence, log lines, events, results. */
import type { CallResult } from '../vendors/contract';

/** Anything shorter may stand within an answer's words and numbers by chance. */
const SHORTEST_WITHIN = 8;
/** And anything shorter than this, such as a code, as a word of its own. */
const SHORTEST_WORD = 5;
const HIDDEN = '[key]';

/** A vendor or a proxy before it may quote the key or the password that a request carried. */
export function withoutKey<R extends CallResult>(result: R, key: string | null): R {
  if (key === null || key.length < SHORTEST_WORD) return result;
  const pattern = key.length < SHORTEST_WITHIN ? wordOf(key) : key;
  const hide = (text: string) => text.replaceAll(pattern, HIDDEN);
  if (result.kind === 'transport') {
    return { ...result, error: { ...result.error, message: hide(result.error.message) } };
  }
  const { headers, body } = result.response;
  const clean = Object.entries(headers).map(([name, value]) => [name, hide(value)]);
  return {
    ...result,
    response: { ...result.response, headers: Object.fromEntries(clean), body: hide(body) },
  };
}

function wordOf(key: string): RegExp {
  const literal = key.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  return new RegExp(`(?<![\\p{L}\\p{N}])${literal}(?![\\p{L}\\p{N}])`, 'gu');
}
