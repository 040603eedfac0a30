/** Keeps an account's key out of all that is made of an answer: evidence, log lines, events, results. */
import type { CallResult } from '../vendors/contract';

/** Anything shorter may stand in an answer by chance. */
const SHORTEST_KEY = 8;
const HIDDEN = '[key]';

/** A vendor or a proxy before it may quote the key that a request carried. */
export function withoutKey<R extends CallResult>(result: R, key: string | null): R {
  if (key === null || key.length < SHORTEST_KEY) return result;
  const hide = (text: string) => text.replaceAll(key, HIDDEN);
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
