/** Stops the kind of call that was refused, and the whole pool only when other kinds are refused as well. */
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { DAY_MS } from '../../../quota/durations';
import { type CallKind, kindName, type RefusalOf } from '../../../quota/pools/narrow-refusal';
import { type AuthVerdict, describeEvidence, type QuotaVerdict } from '../../../quota/verdict';
import { isUnmetered } from '../../../settings/accounts/accounts';
import {
  isKindRefused,
  judgeRefusal,
  type KindStop,
  readKindStop,
  recordKindAccepted,
  standBack,
} from '../../../store/permits/call-kinds';
import { emit, logEvent } from '../../log/emit';
import { PermitWait } from '../call-errors';
import type { CallTerms } from '../call-terms';

interface Deps {
  readonly db: Pool;
  readonly log: Logger;
}

/** How often an accepted call is recorded for its kind, ms. */
const ACCEPTED_EVERY_MS = 1000;
/** Far beyond any quota, and a date that can be shown, ms. */
const LONGEST_STOP_MS = 366 * DAY_MS;

export class Narrowing {
  private readonly acceptedAt = new Map<string, number>();

  constructor(private readonly deps: Deps) {}

  /** @throws PermitWait while this kind of call is stopped for itself. */
  async check(call: CallTerms): Promise<void> {
    const kind = kindOf(call, 'access');
    if (kind === null) return;
    const stop = await readKindStop(this.deps.db, call.account.poolKey, kind);
    if (stop !== null) throw waitFor(stop);
  }

  async accepted(call: CallTerms, departedAt: number): Promise<void> {
    const kind = kindOf(call, 'access');
    if (kind === null) return;
    const { poolKey } = call.account;
    // One that says nothing of others is noted where there is something to end.
    if (kind.alone && !(await isKindRefused(this.deps.db, poolKey, kind))) return;
    const id = `${poolKey}|${kind.operation}|${kind.subject}|${kind.part}`;
    const now = performance.now();
    if (now - (this.acceptedAt.get(id) ?? Number.NEGATIVE_INFINITY) < ACCEPTED_EVERY_MS) return;
    this.acceptedAt.set(id, now);
    if (!(await recordKindAccepted(this.deps.db, poolKey, kind, departedAt))) return;
    const { operation, subject, part } = kind;
    const about = { operation, subject, part, caller: call.caller };
    await emit(this.deps, 'calls.resumed', poolKey, about, `${kindName(kind)} is accepted again`);
  }

  /** @returns what the caller waits for; null when the pool is meant. */
  async refused(
    call: CallTerms,
    departedAt: number,
    verdict: QuotaVerdict | AuthVerdict,
    jitter: number,
  ): Promise<PermitWait | null> {
    const of = verdict.kind === 'quota' ? 'quota' : 'access';
    const kind = kindOf(call, of);
    if (kind === null || (kind.alone && verdict.kind !== 'quota')) return null;
    const { account } = call;
    const stated = verdict.kind === 'quota' ? verdict.statedWaitMs : null;
    // An unbelievable wait stops only the kind that it was stated for, until an operator resumes.
    const statedWaitMs = stated === null ? null : Math.min(stated, LONGEST_STOP_MS);
    this.acceptedAt.clear();
    // Calls in flight together meet one refusal, each with a request id of its own: that is kept as evidence only.
    const { requestId: _, ...refusal } = verdict.evidence;
    const stop = await judgeRefusal(this.deps.db, {
      ...kind,
      pool: account.poolKey,
      of,
      departedAt,
      subjects: account.subjects ?? [],
      hasOtherParts: kind.part !== '',
      policy: account.pool,
      statedWaitMs,
      jitter,
      reason: describeEvidence(refusal),
      evidence: verdict.evidence,
      hint: account.pool.hint,
    });
    if (stop === null) return null;
    const { since, until, strikes, hint, evidence } = stop;
    const { code, message } = verdict.evidence;
    const { operation, subject, part } = kind;
    const about = {
      ...{ operation, subject, part, caller: call.caller },
      ...{ code, message, since, until, strikes, hint, evidence },
    };
    logEvent(
      this.deps.log,
      'calls.stopped',
      { ...about, pool: account.poolKey },
      `${account.poolKey}: ${kindName(kind)} is refused; the account's other calls go on`,
    );
    return waitFor(stop);
  }

  /** The pool is closed because of this call: whoever is of another kind makes the probe, if anybody is. */
  async standBack(call: CallTerms, poolUntil: number | null): Promise<void> {
    const kind = kindOf(call, 'quota');
    if (kind === null || kind.alone || poolUntil === null || (call.account.subjects ?? []).length < 2) return;
    await standBack(this.deps.db, call.account.poolKey, kind, poolUntil);
  }
}

interface Kind extends CallKind {
  /** Outside the metered API: a quota of its own. */
  readonly alone: boolean;
}

/**
 * Null where the vendor's calls are all of one kind, and for calls that are not about one thing. Parts that share the
 * quota may be refused access each for itself.
 */
function kindOf(call: CallTerms, of: RefusalOf): Kind | null {
  const { account, operation } = call;
  if (isUnmetered(account, operation)) return { operation, subject: '', part: '', alone: true };
  const { vendor } = account;
  if (vendor.subject === undefined || call.foreign || call.outsidePool) return null;
  const subject = call.attributes?.[vendor.subject];
  const part = of === 'access' && account.hasParts ? (call.part ?? '') : '';
  return subject === undefined ? null : { operation, subject, part, alone: false };
}

function waitFor(stop: KindStop): PermitWait {
  const what = stop.refusedFor === 'access' ? 'the vendor refuses access to' : 'the vendor accepts no more';
  return new PermitWait({
    limit: kindName(stop),
    until: stop.until,
    since: stop.since,
    reason: `${what} ${kindName(stop)}: ${stop.reason}`,
  });
}
