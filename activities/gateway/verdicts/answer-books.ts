/** Books in the limits' rows what an answer shows: true costs, announced sizes, and rates that are refused or accepted. */
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { HOUR_MS } from '../../../quota/durations';
import type { Charge, LimitInstance } from '../../../quota/limits/limit';
import { slowedBy, taughtBy } from '../../../quota/limits/limit-meant';
import type { Verdict } from '../../../quota/verdict';
import type { CallableAccount } from '../../../settings/accounts/accounts';
import type { CallInfo, CallResult, VendorResponse } from '../../../vendors/contract';
import { logEvent } from '../../log/emit';
import { warnOnce } from '../../log/warn-once';
import { isOurFault } from '../spool/held';
import { type DepartureMark, LimitFeedback, refillOf } from './limit-feedback';

/** A call that has left, and what it was charged to. */
export interface Departed {
  readonly limits: readonly LimitInstance[];
  readonly charges: readonly Charge[];
  /** Epoch ms by the database's clock. */
  readonly departAt: number;
  readonly marks: readonly DepartureMark[];
}

export interface Answer {
  readonly info: CallInfo;
  readonly result: CallResult;
  readonly verdict: Verdict;
  /** Since the departure, ms. */
  readonly ageMs: number;
  /** What it has really cost in tokens, where that is known. */
  readonly tokensUsed: number | undefined;
}

export class AnswerBooks {
  private readonly feedback: LimitFeedback;

  constructor(private readonly deps: { readonly db: Pool; readonly log: Logger }) {
    this.feedback = new LimitFeedback(deps.db);
  }

  /** Notes a departure. */
  depart(charges: readonly Charge[], departAt: number): DepartureMark[] {
    return this.feedback.depart(charges, departAt);
  }

  /** With Postgres away the books are left out after a moment: no answer waits for them. */
  async keep(account: CallableAccount, departed: Departed, answer: Answer): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve('Postgres does not answer'), BOOKS_MS);
    });
    const kept = Promise.all([
      this.trueUp(departed, answer),
      // First what is announced: a size that has shrunk explains a refusal.
      this.learn(account, departed, answer).then(() => this.adapt(account, departed, answer)),
    ]).then(
      () => null,
      (error: unknown) => {
        if (isOurFault(error)) throw error;
        return String(error);
      },
    );
    kept.catch(() => undefined);
    const problem = await Promise.race([kept, late]).finally(() => clearTimeout(timer));
    if (problem !== null)
      warnOnce(this.deps.log, {}, problem, 'what an answer shows about limits was not written');
  }

  /**
   * What an answer shows of the true rate. A refusal that names no limit slows the calls, which slows what they cost,
   * too; and a wait of hours belongs to another window than one that refills within minutes.
   */
  private async adapt(
    { retry }: CallableAccount,
    { limits, charges, departAt }: Departed,
    { verdict }: Answer,
  ): Promise<void> {
    const changes =
      verdict.kind === 'ok'
        ? await this.feedback.admitted(
            limits.map((l) => l.key),
            departAt,
          )
        : verdict.kind === 'rate' && (verdict.statedWaitMs ?? 0) <= LONGEST_REFILL_MS
          ? await this.feedback.refused(
              charges.filter((charge) => slowedBy(limits, verdict.limit).includes(charge.key)),
              { departAt, waitMs: verdict.statedWaitMs ?? (retry.rate.shared ? retry.rate.baseMs : null) },
            )
          : [];
    for (const { kind, key, ratePerSecond } of changes) {
      const about = { limit: key, ratePerSecond };
      logEvent(this.deps.log, kind, about, 'a rate that was refused is used in part');
    }
  }

  private async trueUp({ limits, charges, departAt }: Departed, { tokensUsed: used }: Answer): Promise<void> {
    if (used === undefined) return;
    for (const [i, limit] of limits.entries()) {
      const delta = used - (charges[i]?.units ?? 0);
      if (limit.template.unit === 'tokens' && delta !== 0) {
        await this.feedback.settle(limit.key, delta, departAt);
      }
    }
  }

  private async learn(
    account: CallableAccount,
    { limits, marks }: Departed,
    { info, result, ageMs }: Answer,
  ): Promise<void> {
    if (result.kind !== 'response') return;
    const windows = account.vendor.announcedWindows ?? [];
    const announced = this.announced(account, info, result.response).map(async (learned) => {
      const limit = taughtBy(limits, learned.limit);
      const mark = marks.find((m) => m.key === limit?.key);
      if (!limit || !mark) return;
      if (await this.feedback.learn(mark, learned, ageMs, refillOf(limit), windows)) {
        logEvent(
          this.deps.log,
          'limit.learned',
          { ...learned, limit: limit.key },
          'the vendor announced a limit',
        );
      }
    });
    await Promise.all(announced);
  }

  /** A vendor from outside may throw anything: the answer that it is about is good all the same. */
  private announced({ vendor }: CallableAccount, info: CallInfo, response: VendorResponse) {
    try {
      return vendor.learn(info, response, Date.now());
    } catch (error) {
      const problem = `learn of ${vendor.id} throws ${String(error)}`;
      warnOnce(this.deps.log, {}, problem, 'what an answer announces about limits was not read');
      return [];
    }
  }
}

/** Longest that an answer waits for its bookkeeping, ms. */
const BOOKS_MS = 2_000;

/** A wait beyond this is not for a bucket's next units. */
const LONGEST_REFILL_MS = HOUR_MS;
