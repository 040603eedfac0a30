/**
 * What the report workflows do in the world: plan, ask for a report, look whether it is made, fetch and ingest it.
 * Each activity may be run again at any point: what a crash left behind is in the job's row, and is adopted.
 */

import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure, activityInfo, cancellationSignal } from '@temporalio/activity';
import { FAILURE } from '../quota/failures';
import type { Priority } from '../quota/limit';
import { restatementPolicy } from '../settings';
import { ingestDocument } from '../store/ingest';
import {
  intend,
  type Job,
  liveJobs,
  markAttempt,
  markCancelled,
  markFailed,
  markReady,
  markRequested,
  releaseAttempt,
  setDocumentUrl,
} from '../store/jobs';
import { recordAudit, recordFailure } from '../store/ledger';
import { splitSpan } from '../vendors/chunks';
import { DAY_MS, HOUR_MS } from '../vendors/dataset';
import type { DocumentLocation } from '../vendors/reports';
import { CallFailed, PermitWait, PoolClosed } from './call-errors';
import { guarded } from './guarded';
import { bodyOf, DocumentRefused, type JobContext, ReportCalls, type ReportDeps } from './report-calls';
import { chunksFor, seriesOf } from './report-plan';
import type {
  ChunkCall,
  ChunkFailure,
  CyclePlan,
  DatasetRef,
  FatalOutcome,
  FetchOutcome,
  JobCall,
  PlanInput,
  PollOutcome,
  Purpose,
  RequestOutcome,
  WorkPlan,
} from './reports-types';

/** When a sync tries a window again whose report ended FATAL, ms; null: when somebody asks. */
const RETRY_FATAL_MS = { 'not-yet': HOUR_MS, unknown: DAY_MS, configuration: null } as const;

export type ReportActivities = ReturnType<typeof createReportActivities>;

export function createReportActivities(deps: ReportDeps) {
  const reports = new Reports(deps);
  return {
    planReports: guarded((input: PlanInput) => reports.plan(input)),
    planCycle: guarded((input: DatasetRef) => reports.planCycle(input)),
    finishAudit: guarded((input: DatasetRef & { purpose: Purpose }) => reports.finishAudit(input)),
    requestReport: guarded((input: ChunkCall) => reports.request(input)),
    pollReport: guarded((input: JobCall) => reports.poll(input)),
    fetchReport: guarded((input: JobCall) => reports.fetch(input)),
    explainFatal: guarded((input: JobCall & { hasDocument: boolean }) => reports.explainFatal(input)),
    recordChunkFailure: guarded((input: ChunkFailure) => reports.recordFailure(input)),
  };
}

/** From the mark of an attempt to its call, ms at most. */
const LATE_MS = 2000;

class Reports {
  /** Create calls of this process that are over, without a usable answer: when each was marked, by job. */
  private readonly over = new Map<number, number>();

  private readonly calls: ReportCalls;

  constructor(private readonly deps: ReportDeps) {
    this.calls = new ReportCalls(deps);
  }

  async plan(input: PlanInput): Promise<WorkPlan> {
    const context = this.calls.context(input);
    const { settings } = context;
    return {
      chunks: await chunksFor(this.deps.db, context, input, Date.now()),
      poolKey: context.account.poolKey,
      poll: {
        initialMs: settings.poll.initialSeconds * 1000,
        factor: settings.poll.factor,
        maxMs: settings.poll.maxSeconds * 1000,
      },
      priority: input.purpose === 'backfill' ? settings.backfillPriority : settings.priority,
    };
  }

  async planCycle(input: DatasetRef): Promise<CyclePlan> {
    const context = this.calls.context(input);
    const { account, settings } = context;
    const closed = await this.deps.door.whyClosed(account);
    const series = await seriesOf(this.deps.db, context);
    const now = Date.now();
    const due = (kind: 'daily' | 'weekly', everyMs: number) =>
      series.some((s) => now - (s.lastAudit[kind] ?? 0) >= everyMs);
    return {
      poolKey: account.poolKey,
      poolClosed: closed ? { until: closed.details.until, reason: closed.details.reason } : null,
      intervalMs: settings.syncIntervalMinutes * 60_000,
      dailyAuditDue: settings.dailyAudit && due('daily', DAY_MS),
      weeklyAuditDue: settings.weeklyAudit && due('weekly', 7 * DAY_MS),
    };
  }

  async finishAudit(input: DatasetRef & { purpose: Purpose }): Promise<void> {
    const kind = input.purpose === 'weekly_audit' ? 'weekly' : 'daily';
    for (const series of await seriesOf(this.deps.db, this.calls.context(input))) {
      await recordAudit(this.deps.db, series.id, kind, Date.now());
    }
  }

  async recordFailure({ chunk, reason, final = false, ...input }: ChunkFailure): Promise<void> {
    const now = Date.now();
    const { seriesId, from, to } = chunk;
    const evidence = { ...input.evidence };
    if (final) {
      const live = await liveJobs(this.deps.db, seriesId);
      const job = live.find(({ span }) => span.from === from && span.to === to);
      if (job) await markFailed(this.deps.db, job.id, { reason, evidence, now });
    }
    await recordFailure(this.deps.db, {
      seriesId,
      span: { from, to },
      reason,
      evidence,
      retryAt: final ? null : now + HOUR_MS,
      now,
    });
  }

  /** Asks for a chunk's report, unless it has been asked for: then that report is adopted. */
  async request(input: ChunkCall): Promise<RequestOutcome> {
    const base = this.calls.context(input);
    const { chunk } = input;
    const intention = await intend(this.deps.db, {
      seriesId: chunk.seriesId,
      span: { from: chunk.from, to: chunk.to },
      purpose: chunk.purpose,
      now: Date.now(),
      minReRequestMs: base.settings.minRerequestMinutes * 60_000,
    });
    if (!intention.allowed) return { kind: 'too-soon', notBefore: intention.notBefore };
    const context = await this.calls.jobContext(input, intention.job.id);
    const { job } = context;
    if (job.state !== 'intended') return { kind: 'requested', jobId: job.id, adopted: true };
    if (job.ambiguous) {
      await this.untilCallIsOver(job);
      const reportId = await this.findExisting(context, input.priority);
      if (reportId !== null) {
        await markRequested(this.deps.db, job.id, { reportId, now: Date.now() });
        return { kind: 'requested', jobId: job.id, adopted: true };
      }
    }
    await this.create(context, input.priority);
    return { kind: 'requested', jobId: job.id, adopted: false };
  }

  private async create(context: JobContext, priority: Priority): Promise<void> {
    const { account, job, request } = context;
    const { reports } = account;
    const attempt: { markedAt: number | null; number: number } = { markedAt: null, number: job.attempts };
    try {
      const result = await this.calls.call(
        context,
        reports.operations.create,
        priority,
        reports.create(request),
        async () => {
          // From here on the report may exist, whatever becomes of this process.
          const now = Date.now();
          const marked = await markAttempt(this.deps.db, job.id, now, attempt.number);
          if (!marked.applied) throw new Error(`job ${job.id} was taken up by another worker meanwhile`);
          attempt.markedAt = now;
          attempt.number = marked.job.attempts;
          // Others reckon with the call from the mark on: one that was held up must not leave when they no longer do.
          if (Date.now() - now > LATE_MS) throw new Error(`the call for job ${job.id} was held up`);
        },
      );
      const { reportId } = this.calls.parsed(reports.parseCreate(bodyOf(result)));
      const requestId = result.kind === 'response' ? result.response.headers['x-amzn-requestid'] : undefined;
      await markRequested(this.deps.db, job.id, { reportId, requestId, now: Date.now() });
    } catch (error) {
      if (attempt.markedAt !== null && certainlyNotMade(error)) {
        await releaseAttempt(this.deps.db, job.id, Date.now(), attempt.number);
      } else if (attempt.markedAt !== null) {
        this.over.set(job.id, attempt.markedAt);
      }
      throw error;
    }
  }

  /**
   * Waits until an unanswered create call can no longer be under way. Another worker may have made it, which is taken
   * for dead but only cannot be heard; a look at the vendor's list before its call arrives would find nothing.
   */
  private async untilCallIsOver(job: Job): Promise<void> {
    if (job.requestedAt === null || this.over.get(job.id) === job.requestedAt) return;
    const { timeoutMs, connectTimeoutMs } = this.deps.settings.http;
    const left = job.requestedAt + connectTimeoutMs + timeoutMs + LATE_MS - Date.now();
    if (left > 0) await sleep(left, undefined, { signal: cancellationSignal() });
  }

  /** The report of exactly this window that an earlier, unanswered request may have made. */
  private async findExisting(context: JobContext, priority: Priority): Promise<string | null> {
    const { account, job, request, dataset } = context;
    const { reports } = account;
    // The vendor's clock may differ from ours by some minutes.
    const createdSince = (job.requestedAt ?? job.createdAt) - 10 * 60_000;
    let query: Parameters<typeof reports.list>[0] = { reportType: dataset.reportType, createdSince };
    for (;;) {
      const result = await this.calls.call(context, reports.operations.list, priority, reports.list(query));
      const page = this.calls.parsed(reports.parseList(bodyOf(result)));
      const match = page.reports.find((report) => reports.matches(report, request));
      if (match) return match.reportId;
      if (page.nextToken === null) return null;
      query = { nextToken: page.nextToken };
    }
  }

  async poll(input: JobCall): Promise<PollOutcome> {
    const context = await this.calls.jobContext(input, input.jobId);
    const { account, job } = context;
    const { reports } = account;
    if (job.state === 'ingested') return { kind: 'ready' };
    // A ready job is asked about again: it is taken up after an interruption, and may have ended FATAL with a document.
    if ((job.state !== 'requested' && job.state !== 'ready') || job.reportId === null) {
      return { kind: 'gone', reason: job.reason ?? `the job is ${job.state}` };
    }
    let status: ReturnType<typeof reports.parseGet>;
    try {
      const result = await this.calls.call(
        context,
        reports.operations.get,
        input.priority,
        reports.get(job.reportId),
      );
      status = reports.parseGet(bodyOf(result));
    } catch (error) {
      if (!isGone(error)) throw error;
      const reason = `the vendor no longer knows the report: ${error.message}`;
      await markFailed(this.deps.db, job.id, {
        reason,
        evidence: { ...error.verdict.evidence },
        now: Date.now(),
      });
      return { kind: 'gone', reason };
    }
    const report = this.calls.parsed(status);
    const now = Date.now();
    const evidence = { reportId: report.reportId };
    switch (report.status) {
      case 'pending':
        return { kind: 'pending' };
      case 'done':
        if (report.documentId !== null) {
          await markReady(this.deps.db, job.id, { documentId: report.documentId, now });
          return { kind: 'ready' };
        }
        await markFailed(this.deps.db, job.id, { reason: 'DONE without a document', evidence, now });
        return { kind: 'gone', reason: 'the report is DONE without a document' };
      case 'cancelled': {
        const reason = 'CANCELLED by the vendor: no data, cancelled by hand, or asked for too often';
        await markCancelled(this.deps.db, job.id, { reason, evidence, now });
        return { kind: 'cancelled', reason };
      }
      case 'fatal':
        if (report.documentId !== null)
          await markReady(this.deps.db, job.id, { documentId: report.documentId, now });
        return { kind: 'fatal', hasDocument: report.documentId !== null };
    }
  }

  /** Reads why a report ended FATAL, and ends its job. */
  async explainFatal(input: JobCall & { hasDocument: boolean }): Promise<FatalOutcome> {
    const context = await this.calls.jobContext(input, input.jobId);
    const { account, dataset, job } = context;
    // A job that has ended was explained before this activity was run again.
    let text = job.state === 'failed' && typeof job.evidence.text === 'string' ? job.evidence.text : null;
    if (input.hasDocument && job.state === 'ready') {
      const opened = await this.open(context, input.priority);
      if ('stream' in opened) text = await account.reports.readErrorDocument(opened.stream, opened.location);
    }
    const kind = account.reports.classifyFatal(text);
    const reason = `FATAL: ${text ?? 'no explanation'}`;
    const evidence = { reportId: job.reportId, fatal: kind, text };
    const halves = kind === 'unknown' ? splitSpan(job.span, dataset.gridMs) : null;
    if (halves === null) await this.failJob(context, reason, evidence, RETRY_FATAL_MS[kind]);
    else await markFailed(this.deps.db, job.id, { reason, evidence, now: Date.now() });
    return { class: kind, text: text ?? 'no explanation', halves };
  }

  async fetch(input: JobCall): Promise<FetchOutcome> {
    return this.fetchAndIngest(await this.calls.jobContext(input, input.jobId), input.priority);
  }

  private async fetchAndIngest(context: JobContext, priority: Priority): Promise<FetchOutcome> {
    const { account, dataset, job, request, series, settings } = context;
    if (job.state === 'ingested') return { kind: 'ingested', rows: 0, empty: false };
    if (job.state !== 'ready') return { kind: 'gone', reason: job.reason ?? `the job is ${job.state}` };
    const opened = await this.open(context, priority);
    if ('gone' in opened) {
      const reason = `the vendor no longer has the document: ${opened.gone.message}`;
      const evidence = { ...opened.gone.verdict.evidence };
      await markFailed(this.deps.db, job.id, { reason, evidence, now: Date.now() });
      return { kind: 'gone', reason };
    }
    if ('refused' in opened) {
      await this.failJob(context, opened.refused, {}, REFUSED_DOCUMENT_MS);
      return { kind: 'rejected', reason: opened.refused };
    }
    const { location, stream } = opened;
    const ingested = await ingestDocument(this.deps.bulk, {
      dataset,
      seriesId: series.id,
      span: job.span,
      jobId: job.id,
      purpose: job.purpose,
      document: account.reports.openDocument(stream, request, location),
      evidence: {
        ...(job.reportId === null ? {} : { reportId: job.reportId }),
        ...(job.requestId === null ? {} : { requestId: job.requestId }),
        ...(job.documentId === null ? {} : { documentId: job.documentId }),
      },
      now: Date.now(),
      poolKey: account.poolKey,
      badRows: { onBadRow: settings.onBadRow, maxShare: settings.badRowShare },
      restatement: restatementPolicy(settings),
      maxBytes: this.deps.settings.reports.maxDocumentMb * 1024 * 1024,
      signal: cancellationSignal(),
    });
    switch (ingested.outcome) {
      case 'ingested':
        return { kind: 'ingested', rows: ingested.rows, empty: ingested.state === 'empty_provisional' };
      case 'stale':
        return { kind: 'ingested', rows: 0, empty: false };
      case 'rejected':
        return { kind: 'rejected', reason: `${ingested.problem.code}: ${ingested.problem.problem}` };
    }
  }

  /** The document's text as it comes in, or the vendor's word that there is no such document. */
  private async open(
    context: JobContext,
    priority: Priority,
  ): Promise<{ location: DocumentLocation; stream: Readable } | { gone: CallFailed } | { refused: string }> {
    let location: DocumentLocation;
    try {
      location = await this.calls.locate(context, priority);
    } catch (error) {
      if (isGone(error)) return { gone: error };
      throw error;
    }
    try {
      const { stream } = await this.calls.download(context, location, priority);
      if (!stream) throw new Error('the download answered without a body');
      return { location, stream };
    } catch (error) {
      if (error instanceof DocumentRefused) return { refused: error.message };
      if (!isGone(error)) throw error;
      // The URL ran out earlier than it should have: the next attempt fetches another.
      await setDocumentUrl(this.deps.db, context.job.id, { url: '', expiresAt: 0, now: Date.now() });
      throw ApplicationFailure.create({
        message: `the document's URL has expired: ${error.message}`,
        type: FAILURE.server,
        nonRetryable: activityInfo().attempt >= 5,
        nextRetryDelay: 1000,
      });
    }
  }

  private async failJob(
    { job, series }: JobContext,
    reason: string,
    evidence: Record<string, unknown>,
    retryInMs: number | null = null,
  ): Promise<void> {
    const now = Date.now();
    await markFailed(this.deps.db, job.id, { reason, evidence, now });
    const retryAt = retryInMs === null ? null : now + retryInMs;
    await recordFailure(this.deps.db, {
      seriesId: series.id,
      span: job.span,
      reason,
      evidence,
      retryAt,
      now,
    });
  }
}

/** A document that lies where nothing is fetched from: a setting may be changed, or the vendor may hand out another URL. */
const REFUSED_DOCUMENT_MS = 6 * HOUR_MS;

/** True when the vendor's refusal, or ours, makes it certain that no report was made. */
function certainlyNotMade(error: unknown): boolean {
  if (error instanceof PoolClosed || error instanceof PermitWait) return true;
  return error instanceof CallFailed && !(error.verdict.kind === 'server' && error.verdict.ambiguous);
}

function isGone(error: unknown): error is CallFailed {
  return error instanceof CallFailed && error.verdict.kind === 'gone';
}
