/**
 * Asking a vendor for a report, once. The job's row is written before the call, so that whatever becomes of this process
 * or of the answer, the report that may exist is looked up and adopted before another is requested.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { cancellationSignal } from '@temporalio/activity';
import { DAY_MS, MINUTE_MS } from '../../quota/durations';
import { callsADay } from '../../quota/limits/day-quota';
import { charges, matches, type Priority } from '../../quota/limits/limit';
import { describeEvidence } from '../../quota/verdict';
import { isTooOld } from '../../quota/windows/chunks';
import type { DatasetContext } from '../../settings/datasets/report-context';
import type { Job } from '../../store/datasets/jobs/job';
import {
  type FailingBudget,
  type IntentionResult,
  intend,
  knownReports,
  markAttempt,
  markRequested,
  noteUnanswered,
  releaseAttempt,
} from '../../store/datasets/jobs/jobs';
import { insertEvent } from '../../store/events/events';
import { CallFailed, PermitWait, PoolClosed } from '../gateway/call-errors';
import { bodyOf, type JobContext, type ReportCalls, type ReportDeps } from './calls';
import type { ChunkCall, RequestOutcome } from './types';

/** From the mark of an attempt to its call, ms at most. */
const LATE_MS = 2000;
/** A wait as short as this is no work for a workflow, ms. */
const SHORT_WAIT_MS = 2000;
/** So many requests for a report without a usable answer, and it is left for a while. */
const MOST_UNANSWERED = 3;
/** Pages of a list that are read at most: it holds what was made since the request, and some minutes before. */
const MOST_PAGES = 20;
/** The vendor's clock may differ from ours by some minutes. */
const CLOCK_SKEW_MS = 10 * MINUTE_MS;

/** A window may wait for a limit until its vendor keeps it no more: a call would only be told so. @throws CallFailed. */
function refuseTooOld({ account, dataset, job }: JobContext, now: number): void {
  if (!isTooOld(job.span, dataset.lookbackMs, now)) return;
  const evidence = {
    vendor: account.vendor.id,
    account: account.name,
    operation: account.reports.operations.create,
    message: `not requested: the window begins before the ${dataset.lookbackMs / DAY_MS} days that the vendor keeps`,
  };
  throw new CallFailed({ kind: 'invalid', evidence }, 0, false);
}

export class ReportRequests {
  /** Create calls of this process that are over without a usable answer, by job: when each was marked, and ended. */
  private readonly over = new Map<number, { readonly markedAt: number; readonly endedAt: number }>();

  constructor(
    private readonly deps: ReportDeps,
    private readonly calls: ReportCalls,
  ) {}

  /** Requests a chunk's report, unless it has been requested: then that report is adopted. */
  async request(input: ChunkCall): Promise<RequestOutcome> {
    const base = this.calls.context(input);
    const { chunk } = input;
    const budget = this.failingBudget(base, input);
    const intention = await intend(this.deps.db, {
      seriesId: chunk.seriesId,
      span: { from: chunk.from, to: chunk.to },
      purpose: chunk.purpose,
      now: await this.calls.now(),
      minReRequestMs: base.settings.minRerequestMinutes * MINUTE_MS,
      failing: chunk.failing !== undefined,
      ...(budget === null ? {} : { budget }),
    });
    if (!intention.allowed) return refused(intention, budget);
    const context = await this.calls.jobContext(input, intention.job.id);
    const { job } = context;
    if (job.state !== 'intended') return { kind: 'requested', jobId: job.id, adopted: true };
    if (job.ambiguous) {
      const waits = await this.untilCallIsOver(job);
      if (waits !== null) return waits;
      const reportId = await this.findExisting(context, input.priority);
      if (reportId !== null) {
        await markRequested(this.deps.db, job.id, { reportId, now: await this.calls.now() });
        return { kind: 'requested', jobId: job.id, adopted: true };
      }
      // That the list does not show it means nothing yet: it lags.
      const until = this.settledAt(job);
      const reason = job.reason ?? 'the answer to the request for the report was lost';
      if (until > (await this.calls.now()))
        return { kind: 'settling', until, since: job.requestedAt ?? job.createdAt, reason };
      if (job.attempts >= MOST_UNANSWERED) {
        return {
          kind: 'unanswered',
          reason: `${job.attempts} requests brought no report; the last: ${reason}`,
        };
      }
    }
    await this.create(context, input.priority);
    return { kind: 'requested', jobId: job.id, adopted: false };
  }

  /** What failing windows of an account may use together; null where this one is not held back. */
  private failingBudget({ account, dataset }: DatasetContext, { chunk }: ChunkCall): FailingBudget | null {
    // A person's order goes first; it stops by itself when several windows are refused alike.
    if (chunk.failing === undefined) return null;
    if (chunk.failing === 'again' && chunk.purpose === 'backfill') return null;
    const attributes = account.reports.attributes(dataset);
    const dayQuota = Math.min(
      ...account.limits
        .filter((limit) => charges(limit, account.reports.operations.create) && matches(limit, attributes))
        .filter(({ unit }) => unit === 'calls')
        .map(({ window }) => callsADay(window)),
    );
    return { account: account.name, dayQuota, share: this.deps.settings.reports.failingShare };
  }

  private async create(context: JobContext, priority: Priority): Promise<void> {
    const { account, job, request } = context;
    const { reports } = account;
    refuseTooOld(context, await this.calls.now());
    const attempt: { markedAt: number | null; number: number } = { markedAt: null, number: job.attempts };
    try {
      const result = await this.calls.call(
        context,
        reports.operations.create,
        priority,
        reports.create(request),
        async () => {
          // From here on the report may exist, whatever becomes of this process.
          const from = performance.now();
          const now = await this.calls.now();
          const marked = await markAttempt(this.deps.db, job.id, now, attempt.number);
          if (!marked.applied) throw new Error('the report was taken up by another worker meanwhile');
          attempt.markedAt = now;
          attempt.number = marked.job.attempts;
          // Others reckon with the call from the mark on: one that was held up must not leave when they no longer do.
          if (performance.now() - from > LATE_MS) throw new Error('the call for the report was held up');
        },
      );
      const { reportId } = this.calls.parsed(reports.parseCreate(bodyOf(result)));
      const requestId = result.kind === 'response' ? reports.requestId(result.response) : undefined;
      await markRequested(this.deps.db, job.id, {
        reportId,
        requestId,
        now: await this.calls.now(),
      });
    } catch (error) {
      if (attempt.markedAt !== null && certainlyNotMade(error)) {
        await releaseAttempt(this.deps.db, job.id, await this.calls.now(), attempt.number);
      } else if (attempt.markedAt !== null) {
        this.over.set(job.id, { markedAt: attempt.markedAt, endedAt: await this.calls.now() });
        await this.reportUnanswered(context, attempt.number, reasonOf(error));
      }
      throw error;
    }
  }

  /** Kept with the job, so that whoever waits for it to settle can say why. */
  private async reportUnanswered(context: JobContext, attempt: number, reason: string): Promise<void> {
    const { account, dataset, job, series } = context;
    const noted = await noteUnanswered(this.deps.db, job.id, {
      reason,
      now: await this.calls.now(),
      attemptsSeen: attempt,
    });
    if (!noted.applied) return;
    await insertEvent(this.deps.db, 'report.unanswered', account.poolKey, {
      dataset: dataset.id,
      account: account.name,
      partition: series.partition,
      from: new Date(job.span.from).toISOString(),
      to: new Date(job.span.to).toISOString(),
      reason,
      requests: attempt,
      believedAt: this.settledAt(noted.job),
    });
  }

  /**
   * Null when an unanswered create call can no longer be under way. Another worker may have made it, which is taken
   * for dead but is only cut off; the vendor's list would not show the report before that call arrives.
   */
  private async untilCallIsOver(job: Job): Promise<RequestOutcome | null> {
    const until = this.callOverAt(job);
    const left = until - (await this.calls.now());
    if (left > SHORT_WAIT_MS) {
      const reason = job.reason ?? 'a request for the report may still be under way';
      return { kind: 'settling', until, since: job.requestedAt ?? job.createdAt, reason };
    }
    if (left > 0) await sleep(left, undefined, { signal: cancellationSignal() });
    return null;
  }

  /** When the last create call was, or will be, over for certain. */
  private callOverAt(job: Job): number {
    if (job.requestedAt === null) return 0;
    const seen = this.over.get(job.id);
    if (seen?.markedAt === job.requestedAt) return seen.endedAt;
    const { timeoutMs, connectTimeoutMs } = this.deps.settings.http;
    return job.requestedAt + connectTimeoutMs + timeoutMs + LATE_MS;
  }

  /** From when on the vendor's list shows what an unanswered call has made. */
  private settledAt(job: Job): number {
    // Each further request is a report that may be made twice: it waits longer.
    const { settleSeconds } = this.deps.settings.reports;
    return this.callOverAt(job) + settleSeconds * 1000 * 2 ** Math.max(0, job.attempts - 1);
  }

  /** The report of exactly this window that an earlier, unanswered request may have made. */
  private async findExisting(context: JobContext, priority: Priority): Promise<string | null> {
    const { account, job, request, dataset } = context;
    const { reports } = account;
    const createdSince = (job.requestedAt ?? job.createdAt) - CLOCK_SKEW_MS;
    let query: Parameters<typeof reports.list>[0] = { reportType: dataset.reportType, createdSince };
    const seen = new Set<string>();
    for (;;) {
      const result = await this.calls.call(context, reports.operations.list, priority, reports.list(query));
      const page = this.calls.parsed(reports.parseList(bodyOf(result)));
      const same = page.reports.filter((report) => reports.matches(report, request));
      // An earlier request for the same window has made a report of its own.
      const known = await knownReports(
        this.deps.db,
        job.seriesId,
        same.map(({ reportId }) => reportId),
      );
      const match = same.find(({ reportId }) => !known.has(reportId));
      if (match) return match.reportId;
      // Some lists lead back to where they began.
      if (page.nextToken === null || seen.has(page.nextToken) || seen.size + 1 >= MOST_PAGES) return null;
      seen.add(page.nextToken);
      query = { nextToken: page.nextToken };
    }
  }
}

function refused(
  { notBefore, failingCalls }: Extract<IntentionResult, { allowed: false }>,
  budget: FailingBudget | null,
): RequestOutcome {
  if (failingCalls === undefined || budget === null) return { kind: 'too-soon', notBefore };
  const { account, share } = budget;
  const reason = `failing windows of ${account} have made ${failingCalls} calls within a day, ${share * 100} % of its quota (reports.failingShare)`;
  return { kind: 'held', notBefore, reason };
}

function reasonOf(error: unknown): string {
  if (error instanceof PoolClosed && error.verdict !== null) return describeEvidence(error.verdict.evidence);
  return error instanceof Error ? error.message : String(error);
}

/** True when the vendor's refusal, or ours, makes it certain that no report was made. */
function certainlyNotMade(error: unknown): boolean {
  if (error instanceof PoolClosed || error instanceof PermitWait) return true;
  return error instanceof CallFailed && !(error.verdict.kind === 'server' && error.verdict.ambiguous);
}
