/**
 * Handles a rate refusal ("too fast"): every caller of the limit waits, and later answers show when calls are
 * accepted again.
 */
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { MINUTE_MS } from '../../../quota/durations';
import type { LimitInstance } from '../../../quota/limits/limit';
import { RATE_ALERT, type RateAlertPolicy } from '../../../quota/limits/rate-alert';
import { MIN_DELAY_MS, retryDelayMs } from '../../../quota/retry-delay';
import type { RateVerdict } from '../../../quota/verdict';
import { type RefusalOutcome, recordAccepted, recordRefusal } from '../../../store/permits/rate-refusals';
import { logEvent } from '../../log/emit';
import { CallFailed } from '../call-errors';
import { type CallTerms, mayRetry } from '../call-terms';
import type { HeldPermit } from '../permits/gate';
import type { VerdictWriter } from './verdict-writer';

export interface RateDeps {
  readonly db: Pool;
  readonly log: Logger;
  /** When refusals are worth an alert. */
  readonly rateAlerts?: RateAlertPolicy;
}

/** How often an accepted call is recorded, which ends a row of refusals; the first after a refusal always is, ms. */
const ACCEPTED_EVERY_MS = 1000;

export class RateRefusals {
  private readonly acceptedAt = new Map<string, number>();

  constructor(
    private readonly deps: RateDeps,
    private readonly writer: VerdictWriter,
  ) {}

  /** Blocks the limit that was refused, or all of the call's. @param jitter -1 to 1. @returns the error for the caller. */
  async refused(
    call: CallTerms,
    limits: readonly LimitInstance[],
    permit: HeldPermit,
    verdict: RateVerdict,
    jitter: number,
  ): Promise<Error> {
    const { account, caller } = call;
    const { rate } = account.retry;
    this.acceptedAt.clear();
    const { statedWaitMs, evidence } = verdict;
    const named = limits.find((l) => l.template.name === verdict.limit)?.key ?? null;
    const blocked = named === null ? limits.map((l) => l.key) : [named];
    const refusal = {
      pool: account.poolKey,
      limits: blocked,
      named,
      caller,
      evidence,
      departedAt: permit.leftAt,
      statedWaitMs,
      jitter,
      escalation: rate.shared ? rate : null,
      waitMs: retryDelayMs(rate, call.attempt, statedWaitMs, jitter),
    };
    const refused = await this.writer.refusal(account, () =>
      recordRefusal(this.deps.db, refusal, this.deps.rateAlerts ?? RATE_ALERT),
    );
    const waitMs = Math.max(MIN_DELAY_MS, Math.ceil(refused.waitMs));
    this.log(call, { subject: named ?? account.poolKey, limits: blocked }, verdict, { ...refused, waitMs });
    return new CallFailed(verdict, waitMs, mayRetry(call, verdict));
  }

  /** Only vendors whose waits grow over all callers need to know. */
  async accepted(call: CallTerms, limits: readonly LimitInstance[], departedAt: number): Promise<void> {
    const keys = limits.map((l) => l.key);
    if (!call.account.retry.rate.shared || !this.isDue(keys)) return;
    await recordAccepted(this.deps.db, keys, departedAt);
  }

  /** Another process may have met the refusals: so acceptance is recorded now and then without one of our own. */
  private isDue(keys: readonly string[]): boolean {
    const id = keys.join('|');
    const now = performance.now();
    if (now - (this.acceptedAt.get(id) ?? Number.NEGATIVE_INFINITY) < ACCEPTED_EVERY_MS) return false;
    this.acceptedAt.set(id, now);
    return true;
  }

  private log(
    call: CallTerms,
    { subject, limits }: { readonly subject: string; readonly limits: readonly string[] },
    verdict: RateVerdict,
    refused: RefusalOutcome,
  ): void {
    const { caller } = call;
    const { operation, code, message } = verdict.evidence;
    const { waitMs, strikes, alert } = refused;
    const about = { subject, limit: subject, pool: call.account.poolKey, caller, operation, code };
    logEvent(
      this.deps.log,
      'limit.refused',
      { ...about, limits, message, waitMs, strikes },
      `${subject}: the vendor refused ${operation} of ${caller} as too fast`,
    );
    if (alert === null) return;
    const { windowMs } = this.deps.rateAlerts ?? RATE_ALERT;
    logEvent(
      this.deps.log,
      'limit.alert',
      { ...about, refusals: alert, windowMs },
      `${subject}: refused ${alert} times in ${Math.round(windowMs / MINUTE_MS)} minutes; is somebody else calling, or is the limit set too high?`,
    );
  }
}
