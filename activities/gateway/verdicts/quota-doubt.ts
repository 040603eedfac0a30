/**
 * Handles a refusal that may mean a narrow limit or the whole pool. The answers to other calls decide which
 * (quota/pools/quota-doubt.ts).
 */
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { nextBoundary } from '../../../quota/calendar';
import type { LimitInstance } from '../../../quota/limits/limit';
import { UNSURE_PAUSE_MS } from '../../../quota/pools/quota-doubt';
import { describeEvidence, type QuotaVerdict } from '../../../quota/verdict';
import { judgeDoubt } from '../../../store/permits/quota-doubts';
import { logEvent } from '../../log/emit';
import { PermitWait } from '../call-errors';
import type { CallTerms } from '../call-terms';

/** @returns what the caller waits for; null when it is the pool that is used up. */
export async function narrowRefusal(
  { db, log }: { readonly db: Pool; readonly log: Logger },
  call: CallTerms,
  limits: readonly LimitInstance[],
  departedAt: number,
  verdict: QuotaVerdict,
): Promise<PermitWait | null> {
  const narrow = limits.find(({ template }) => template.name === verdict.orLimit);
  if (narrow === undefined) return null;
  const { account, caller } = call;
  const wide = limits.find(({ template }) => template.name === verdict.limit)?.key ?? null;
  const { window, mode } = narrow.template;
  const now = Date.now();
  const counted = window.kind === 'calendar' && mode === 'enforce';
  const until = counted
    ? nextBoundary(now, window.per, window.zone)
    : now + (verdict.statedWaitMs ?? account.pool.unknownQuotaMs);
  const { evidence } = verdict;
  const scope = await judgeDoubt(db, {
    pool: account.poolKey,
    limit: narrow.key,
    wide,
    caller,
    evidence,
    departedAt,
    until,
    blocks: !counted,
  });
  if (scope === 'pool') return null;
  const { operation, code, message } = evidence;
  const about = { limit: narrow.key, pool: account.poolKey, caller, operation, code, message, until };
  logEvent(log, 'limit.spent', about, `${narrow.key}: the vendor reports it as used up`);
  if (scope === 'narrow') return new PermitWait({ limit: narrow.key, until, reason: reasonOf(verdict) });
  return new PermitWait({
    limit: wide ?? account.poolKey,
    until: now + UNSURE_PAUSE_MS,
    reason: `${reasonOf(verdict)}, the second in a row; other calls show whether the whole account is used up`,
  });
}

const reasonOf = ({ evidence }: QuotaVerdict) =>
  `the vendor reports its calls as used up: ${describeEvidence(evidence)}`;
