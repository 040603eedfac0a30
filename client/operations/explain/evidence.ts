/** Who makes work wait, and on what evidence: an operator, the vendor, or a limit. */
import type { Pool } from 'pg';
import { isBlocked } from '../../../quota/pools/pool';
import { lastOrder, lastRefusal, limitWaitedFor } from '../../../store/explain/evidence';
import { readStoppingPools } from '../../../store/pools/pools';
import { type AccountStanding, blockedLimit, forDataset } from '../datasets/work-wait';
import type { Subject, WaitEvidence } from './subject';

const NOBODY: Omit<WaitEvidence, 'words'> = {
  pool: null,
  limit: null,
  code: null,
  requestId: null,
  by: null,
};

/** Null for a wait that has no words but its own. @param keys of the pool, and of its organization's. */
export async function evidenceOf(
  db: Pool,
  subject: Subject,
  standing: AccountStanding,
  keys: readonly string[],
  now: number,
): Promise<WaitEvidence | null> {
  const { pool, stops } = standing;
  const [own = ''] = keys;
  const order = subject.pausedAs ? await lastOrder(db, subject.pausedAs) : null;
  if (order !== null) return { ...NOBODY, words: order.reason || 'by operator', by: order.by };
  if (pool !== null && isBlocked(pool, now)) {
    const stopping = (await readStoppingPools(db, own)).find(({ state }) => state.epoch === pool.epoch);
    const key = stopping?.key ?? own;
    const said = pool.cause === 'operator' ? await lastOrder(db, key) : null;
    return {
      ...{ pool: key, limit: null, by: said?.by ?? null },
      words: pool.evidence?.message ?? pool.reason,
      code: pool.evidence?.code ?? null,
      requestId: pool.evidence?.requestId ?? null,
    };
  }
  if (subject.evidence) return subject.evidence;
  const stop = stops.find(({ subject: calls, until }) => calls === subject.calls && until > now);
  if (stop !== undefined) {
    const { evidence, reason } = stop;
    return {
      ...{ ...NOBODY, pool: own, words: evidence?.message ?? reason },
      code: evidence?.code ?? null,
      requestId: evidence?.requestId ?? null,
    };
  }
  const limit = blockedLimit(forDataset(standing, subject.caller ?? ''), subject.calls ?? null);
  if (limit !== undefined) {
    const { code = null, requestId = null } = (await lastRefusal(db, own, limit.key)) ?? {};
    return { ...NOBODY, limit: limit.key, words: limit.blockedReason, code, requestId };
  }
  const waited = subject.caller === null ? null : await limitWaitedFor(db, own, subject.caller, now);
  return waited && { ...NOBODY, limit: waited.limit, words: waited.reason };
}
