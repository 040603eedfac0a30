/**
 * Why a piece of work is where it is: what it waits for right now and on what evidence, and where the time of its whole
 * life has gone. Read from rows and events that are kept anyway; no call is noted for it.
 */
import type { Pool } from 'pg';
import { z } from 'zod';
import { isBlocked } from '../../../quota/pools/pool';
import type { Standstill } from '../../../quota/pools/standstill';
import { type CausedSpan, TIME_CAUSES, type TimeShare, timeShares } from '../../../quota/time-shares';
import { findAccount } from '../../../settings/accounts/accounts';
import { limitSpans, poolSpans } from '../../../store/explain/life-spans';
import { workerGaps } from '../../../store/explain/worker-presence';
import { readStoppingPools } from '../../../store/pools/pools';
import type { Backend } from '../backend';
import { type AccountStanding, readAccountStanding } from '../datasets/work-wait';
import { invalid } from '../errors';
import { waitJson } from '../json';
import { operation } from '../operation';
import { isoOrNull } from '../time-text';
import type { Subject, WaitEvidence } from './subject';
import { readSubject } from './subjects';

export { TIME_CAUSES };

export interface Explanation {
  readonly id: string;
  readonly kind: Subject['kind'];
  readonly state: string;
  /** Epoch ms. */
  readonly from: number;
  /** Null: it goes on. */
  readonly to: number | null;
  readonly elapsedMs: number;
  /** Null while nothing stands in its way. */
  readonly wait: Standstill | null;
  /** Null where the wait has none but its own words. */
  readonly evidence: WaitEvidence | null;
  /** They sum to `elapsedMs`. */
  readonly shares: readonly TimeShare[];
}

const FORMS =
  'batch:7, batch:7/ITEM, command:3, window:vendor/dataset:account:2026-11-01T06:00Z, read:account:vehicle:READ, or a run such as sync:vendor/dataset:account';

export const explainWork = operation({
  about: 'why a piece of work is where it is, and where its time has gone',
  input: z.strictObject({ id: z.string().trim().min(1, `is empty; give ${FORMS}`).max(400) }),
  json: ({ from, to, wait, ...rest }: Explanation) => ({
    ...rest,
    from: isoOrNull(from),
    to: isoOrNull(to),
    wait: waitJson(wait),
  }),
  run: async (backend, { id }): Promise<Explanation> => {
    const subject = await readSubject(backend, id);
    if (subject === null) throw invalid('id', `"${id}" names no work; give ${FORMS}`);
    return backend.database((db) => explained(db, backend, subject));
  },
});

async function explained(db: Pool, backend: Backend, subject: Subject): Promise<Explanation> {
  const { id, kind, state, from, to, wait, account, spans, caller, rest } = subject;
  const known = poolsOf(backend, account);
  const now = Date.now();
  const life = { from, to: Math.max(from, to ?? now) };
  const [ofPools, ofLimits, gaps, standing] =
    known === null
      ? [[], [], [], null]
      : await Promise.all([
          poolSpans(db, known, from),
          limitSpans(db, known[0] ?? '', caller, from),
          workerGaps(db),
          readAccountStanding(db, account, known[0] ?? ''),
        ]);
  const workless = gaps.map((gap): CausedSpan => ({ cause: 'noWorker', ...gap }));
  return {
    ...{ id, kind, state, from, to, wait },
    elapsedMs: life.to - life.from,
    evidence:
      wait === null
        ? null
        : (subject.evidence ?? (standing && (await evidenceOf(db, standing, known ?? [], now)))),
    shares: timeShares(life, [...ofPools, ...ofLimits, ...workless, ...spans], rest),
  };
}

/** Null for an account that the settings have lost. */
function poolsOf({ settings }: Backend, account: string): readonly string[] | null {
  if (!(account in settings.accounts)) return null;
  const { poolKey, organization } = findAccount(settings, account);
  return organization === undefined ? [poolKey] : [poolKey, organization.key];
}

async function evidenceOf(
  db: Pool,
  { pool, stops, blocked }: AccountStanding,
  keys: readonly string[],
  now: number,
): Promise<WaitEvidence | null> {
  if (pool !== null && isBlocked(pool, now)) {
    const stopping = (await readStoppingPools(db, keys[0] ?? '')).find(
      ({ state }) => state.epoch === pool.epoch,
    );
    return {
      ...{ pool: stopping?.key ?? keys[0] ?? null, limit: null },
      words: pool.evidence?.message ?? pool.reason,
      code: pool.evidence?.code ?? null,
      requestId: pool.evidence?.requestId ?? null,
    };
  }
  const [stop] = stops.filter(({ until }) => until > now);
  if (stop !== undefined) {
    const { evidence, reason } = stop;
    return {
      ...{ pool: keys[0] ?? null, limit: null, words: evidence?.message ?? reason },
      code: evidence?.code ?? null,
      requestId: evidence?.requestId ?? null,
    };
  }
  const [limit] = [...blocked].sort((a, b) => (b.blockedUntil ?? 0) - (a.blockedUntil ?? 0));
  return limit === undefined
    ? null
    : { pool: null, limit: limit.key, words: limit.blockedReason, code: null, requestId: null };
}
