/**
 * Why a piece of work is where it is: what it waits for right now and on what evidence, and where the time of its whole
 * life has gone. Read from rows and events that are kept anyway; no call is noted for it.
 */

import type { Pool } from 'pg';
import { z } from 'zod';
import type { Standstill } from '../../../quota/pools/standstill';
import {
  type CausedSpan,
  causeAt,
  outside,
  TIME_CAUSES,
  type TimeShare,
  timeShares,
  wholeLife,
} from '../../../quota/time-shares';
import { findAccount } from '../../../settings/accounts/accounts';
import { readClock } from '../../../store/clock';
import { kindSpans, limitSpans, poolSpans } from '../../../store/explain/life-spans';
import { workerGaps } from '../../../store/explain/worker-presence';
import type { Backend } from '../backend/backend';
import { readAccountStanding } from '../datasets/work-wait';
import { type ErrorStatus, OperationError, problem } from '../errors';
import { hint } from '../hints';
import { waitJson } from '../json';
import { operation } from '../operation';
import { isoOrNull } from '../time-text';
import { evidenceOf } from './evidence';
import { accountKnown } from './orders';
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
  'batch:7, batch:7/ITEM, command:3, window:vendor/dataset:account:2026-11-01T06:00Z, read:account:vehicle:READ, or a run such as sync:vendor/dataset:account or polling:account';

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
    const subject = await readSubject(backend, id).catch((error: unknown) => {
      throw error instanceof OperationError && GIVEN.has(error.status) ? ofId(error) : error;
    });
    if (subject === null) throw problem('NOT_FOUND', 'id', `"${id}" names no work; give ${FORMS}`);
    return backend.database((db) => explained(db, backend, subject));
  },
});

const GIVEN: ReadonlySet<ErrorStatus> = new Set(['usage', 'not found']);

/** The use cases that find it name fields of their own. */
function ofId({ problems: [first, ...more] }: OperationError): OperationError {
  return new OperationError([{ ...first, field: 'id' }, ...more.map((one) => ({ ...one, field: 'id' }))]);
}

async function explained(db: Pool, backend: Backend, subject: Subject): Promise<Explanation> {
  const { id, kind, state, from, to, wait, account, spans, caller, rest, calls = null } = subject;
  const { resting = [] } = subject;
  const keys = poolsOf(backend, account);
  const [own = ''] = keys;
  const now = await readClock(db);
  const life = wholeLife({ from, to: to ?? now });
  const [ofPools, ofLimits, ofKind, gaps, standing] = await Promise.all([
    poolSpans(db, keys, life.from),
    limitSpans(db, own, caller, life.from),
    kindSpans(db, own, calls, life.from),
    workerGaps(db),
    readAccountStanding(db, accountKnown(backend, account)),
  ]);
  const workless = gaps.map((gap): CausedSpan => ({ cause: 'noWorker', ...gap }));
  const all = [...ofPools, ...ofLimits, ...ofKind, ...workless, ...spans];
  const missing = to === null && causeAt(all, now) === 'noWorker' ? gaps.at(-1) : undefined;
  return {
    ...{ id, kind, state, from: life.from, to: to === null ? null : life.to },
    elapsedMs: life.to - life.from,
    wait: missing === undefined ? wait : nobodyWorks(wait?.what ?? id, missing.from),
    evidence:
      missing !== undefined
        ? null
        : wait === null
          ? (subject.evidence ?? null)
          : await evidenceOf(db, subject, standing, keys, now),
    shares: timeShares(
      life,
      [...outside(all, resting), ...resting.map((one): CausedSpan => ({ cause: 'idle', ...one }))],
      rest,
    ),
  };
}

function nobodyWorks(what: string, since: number): Standstill {
  return { what, why: 'no worker runs', since, until: null, frees: hint('start worker') };
}

/** Its own, and its organization's; none for an account that the settings have lost. */
function poolsOf({ settings }: Backend, account: string): readonly string[] {
  if (!Object.hasOwn(settings.accounts, account)) return [];
  const { poolKey, organization } = findAccount(settings, account);
  return organization === undefined ? [poolKey] : [poolKey, organization.key];
}
