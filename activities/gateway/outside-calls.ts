/**
 * Calls that other programs send with a permit of ours: each gets its permit here, and the outcome that it reports has the
 * same consequences as an answer to a call of our own.
 */
import type { Pool } from 'pg';
import type { Charge, LimitInstance } from '../../quota/limits/limit';
import type { AuthVerdict, Verdict } from '../../quota/verdict';
import type { CallCounter } from '../../store/permits/call-counts';
import { returnUnused } from '../../store/permits/permits';
import type { CallInfo, CallResult } from '../../vendors/contract';
import { CallFailed } from './call-errors';
import { type CallTerms, chargesOf, describeCall, withCaller } from './call-terms';
import type { CallLeaves } from './leaves';
import type { HeldPermit } from './permits/gate';
import type { AnswerBooks, Departed } from './verdicts/answer-books';
import type { Consequences } from './verdicts/consequences';

/** A permit of another program's, and what it was charged to. */
export interface Leave {
  readonly permit: HeldPermit;
  readonly departed: Departed;
}

/** The outcome of a call, as the program reports it. */
export interface JudgedOutcome {
  readonly result: CallResult;
  /** The program reports that the answer is good, without showing it. */
  readonly usable: boolean;
  /** Since the departure, ms. */
  readonly ageMs: number;
  readonly tokensUsed: number | undefined;
  /** True when the call carried a token fetched because the vendor had reported the one before as expired. */
  readonly freshLogin: boolean;
}

export class OutsideCalls {
  constructor(
    private readonly leaves: CallLeaves,
    private readonly books: AnswerBooks,
    private readonly consequences: Consequences,
    private readonly deps: { readonly db: Pool; readonly counter: CallCounter },
  ) {}

  /**
   * Leave for one call that another program sends. Its outcome is reported by `judge`, from any process.
   * @throws as `call`, when there is no leave.
   */
  async leave(call: CallTerms): Promise<Leave> {
    const { limits } = await this.leaves.describe(call);
    await this.leaves.check(call);
    const { permit, charges } = await this.leaves.permit(call, limits);
    return { permit, departed: this.departed(limits, charges, permit.departAt) };
  }

  /** What a call was charged to that has left by another process, or before this one began. */
  async recall(call: CallTerms, departAt: number): Promise<Departed> {
    const { limits } = await this.leaves.describe(call);
    return this.departed(limits, chargesOf(call, limits), departAt);
  }

  /**
   * What another program was answered, with everything that follows from it for the others.
   * @returns the verdict, and what `call` would have thrown; null for a usable answer.
   */
  async judge(
    call: CallTerms,
    { permit, departed }: Leave,
    outcome: JudgedOutcome,
  ): Promise<{ readonly verdict: Verdict; readonly error: unknown }> {
    const { result, ageMs, tokensUsed, freshLogin, usable } = outcome;
    const described = describeCall(call);
    const info: CallInfo = freshLogin ? { ...described, freshLogin } : described;
    const { vendor, account, operation } = described;
    const judged: Verdict = usable
      ? { kind: 'ok', evidence: { vendor, account, operation } }
      : call.account.vendor.classify(info, result, Date.now());
    const verdict = withCaller(judged, call);
    this.deps.counter.count(call.account.poolKey, call.operation, call.caller, verdict.kind);
    const books = this.books.keep(call.account, departed, { info, result, verdict, ageMs, tokensUsed });
    // A token that has run out is that program's to renew, and says nothing about the account.
    const following =
      verdict.kind === 'auth' && verdict.reason === 'expired'
        ? this.withoutWord(call, permit, verdict)
        : this.consequences.follow(call, departed.limits, permit, verdict);
    const [followed, kept] = await Promise.allSettled([following, books]);
    if (kept.status === 'rejected') throw kept.reason;
    return { verdict, error: followed.status === 'rejected' ? followed.reason : null };
  }

  /** The call was not sent after all: the units that its permit took from counting windows are given back. */
  async giveBack(call: CallTerms, { permit, departed }: Leave): Promise<void> {
    await returnUnused(this.deps.db, departed.charges, permit.departAt);
    if (permit.probe) await this.leaves.releaseProbe(call, permit);
  }

  private async withoutWord(call: CallTerms, permit: HeldPermit, verdict: AuthVerdict): Promise<never> {
    if (permit.probe) await this.leaves.releaseProbe(call, permit);
    throw new CallFailed(verdict, 0, false);
  }

  private departed(limits: readonly LimitInstance[], charges: readonly Charge[], departAt: number): Departed {
    return { limits, charges, departAt, marks: this.books.depart(charges, departAt) };
  }
}
