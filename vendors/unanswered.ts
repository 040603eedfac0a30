/** The verdict on a call that no answer came to, the same for all vendors. */
import type { Verdict } from '../quota/verdict';
import type { CallInfo, TransportError } from './contract';

/**
 * @param clean takes secrets out of what the error says, as the vendor writes them.
 * @param ambiguous whether the call may have had its effect.
 */
export function unanswered(
  { vendor, account, operation }: CallInfo,
  { code, message, mayHaveBeenSent }: TransportError,
  clean: (text: string) => string,
  ambiguous = mayHaveBeenSent,
): Verdict {
  const evidence = { vendor, account, operation, code: clean(code), message: clean(message) };
  return { kind: 'server', statedWaitMs: null, ambiguous, evidence };
}
