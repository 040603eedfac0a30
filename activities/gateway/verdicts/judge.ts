/** What an answer means: the vendor's rules say, but for what says nothing about the vendor. */
import type { Verdict } from '../../../quota/verdict';
import type { CallInfo, CallResult, VendorRules } from '../../../vendors/contract';
import { isTooLong } from '../http/http';

/**
 * An answer that is longer than is read came from a vendor that works: it is no failure of its servers, and the same
 * request would be answered alike.
 */
export function judge(
  vendor: Pick<VendorRules, 'classify'>,
  info: CallInfo,
  result: CallResult,
  now: number,
): Verdict {
  if (result.kind !== 'transport' || !isTooLong(result.error)) return vendor.classify(info, result, now);
  const { vendor: id, account, operation } = info;
  const { code, message } = result.error;
  return { kind: 'invalid', evidence: { vendor: id, account, operation, code, message } };
}
