/**
 * A vendor's rules, made total: whatever its `classify` throws or returns, the call gets exactly one verdict. What is
 * no verdict counts as a failure of the vendor's with an unknown effect, so after a few of them the breaker stops
 * that account alone. The conformance suite tries the rules as they are.
 */
import { clipMessage, type Evidence, type Verdict, type VerdictKind } from '../quota/verdict';
import type { CallInfo, CallResult, LearnedLimit, VendorRules } from './contract';
import { isRecord, isText, type Raw, shown } from './definition/values';

const WITH_WAIT: ReadonlySet<string> = new Set(['rate', 'quota', 'server', 'pending']);
const KINDS: ReadonlySet<string> = new Set<VerdictKind>([
  ...(['ok', 'rate', 'quota', 'server', 'auth', 'billing', 'blocked', 'gone', 'pending', 'invalid'] as const),
]);
/** The code of the evidence where there was no verdict. */
const NO_VERDICT = 'NO_VERDICT';

const known = new WeakMap<VendorRules, VendorRules>();

/** The same ones for the same rules. */
export function totalRules(rules: VendorRules): VendorRules {
  const made = known.get(rules) ?? {
    ...rules,
    classify: (call: CallInfo, result: CallResult, nowMs: number) =>
      judged(call, result, () => rules.classify(call, result, nowMs)),
    learn: (...args: Parameters<VendorRules['learn']>) => learned(rules.learn(...args)),
  };
  known.set(rules, made);
  return made;
}

function judged(call: CallInfo, result: CallResult, classify: () => unknown): Verdict {
  let verdict: unknown;
  try {
    verdict = classify();
  } catch (error) {
    return noVerdict(call, result, `classify throws ${String(error)}`);
  }
  if (verdict instanceof Promise) return noVerdict(call, result, 'classify gives a promise');
  if (!isRecord(verdict)) return noVerdict(call, result, `classify gives ${shown(verdict)}`);
  const { kind } = verdict;
  if (!KINDS.has(kind as string)) return noVerdict(call, result, `classify gives the verdict ${shown(kind)}`);
  if (kind === 'ok' && result.kind === 'transport') {
    return noVerdict(call, result, 'classify calls it a success that no answer came');
  }
  return {
    ...verdict,
    evidence: evidenceOf(call, verdict.evidence),
    ...(WITH_WAIT.has(kind as string) && { statedWaitMs: waitOf(verdict.statedWaitMs) }),
    ...((kind === 'rate' || kind === 'quota') && { limit: isText(verdict.limit) ? verdict.limit : null }),
    ...(kind === 'auth' && { reason: verdict.reason === 'expired' ? 'expired' : 'refused' }),
    ...(kind === 'server' && { ambiguous: verdict.ambiguous !== false }),
  } as Verdict;
}

function noVerdict(call: CallInfo, result: CallResult, why: string): Verdict {
  const status = result.kind === 'response' ? { httpStatus: result.response.status } : {};
  const message = `the vendor's rules do not judge this answer: ${why}`;
  const evidence = evidenceOf(call, { ...status, code: NO_VERDICT, message });
  return { kind: 'server', evidence, statedWaitMs: null, ambiguous: true };
}

/** What is no length is not said: then the cooldown decides. */
const waitOf = (wait: unknown) => (typeof wait === 'number' && wait >= 0 ? wait : null);

function evidenceOf({ vendor, account, operation }: CallInfo, given: unknown): Evidence {
  const evidence: Raw = isRecord(given) ? given : {};
  const texts = ['subject', 'caller', 'code', 'message', 'requestId'].flatMap((name) => {
    const value = evidence[name];
    return isText(value) ? [[name, clipMessage(value)]] : [];
  });
  const { httpStatus } = evidence;
  return {
    ...{ vendor, account, operation: isText(evidence.operation) ? evidence.operation : operation },
    ...(typeof httpStatus === 'number' ? { httpStatus } : {}),
    ...Object.fromEntries(texts),
  };
}

/** Numbers that are some. */
function learned(given: unknown): LearnedLimit[] {
  const records = Array.isArray(given) ? given.filter(isRecord) : [];
  return records.flatMap(({ limit, ...numbers }) => {
    const some = Object.entries(numbers).filter(([, value]) => typeof value === 'number' && value >= 0);
    return isText(limit) ? [{ limit, ...Object.fromEntries(some) }] : [];
  });
}
