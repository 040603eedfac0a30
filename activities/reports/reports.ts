/**
 * The activities of the report workflows: plan, create a report, poll it, fetch and ingest it.
 * Each activity may be run again at any point: what a crash left behind is in the job's row, and is adopted.
 */

import type { Readable } from 'node:stream';
import { ApplicationFailure, activityInfo, cancellationSignal } from '@temporalio/activity';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../quota/durations';
import { FAILURE } from '../../quota/failures';
import type { Priority } from '../../quota/limits/limit';
import { restatementPolicy } from '../../settings';
import { chunkPolicy } from '../../settings/datasets/report-context';
import { recordFailure } from '../../store/datasets/failed-windows';
import { ArrivingDocument } from '../../store/datasets/ingest/document-spool';
import { type IngestResult, ingestDocument } from '../../store/datasets/ingest/ingest';
import {
  liveJobs,
  markCancelled,
  markFailed,
  markReady,
  setDocumentUrl,
} from '../../store/datasets/jobs/jobs';
import { recordAudit } from '../../store/datasets/ledger';
import { chunksFor, seriesOf } from '../../store/datasets/plan';
import type { DocumentLocation } from '../../vendors/capabilities/reports';
import { CallFailed } from '../gateway/call-errors';
import { guarded } from '../gateway/guarded';
import { stillPending } from './age';
import { bodyOf, DocumentRefused, type JobContext, partOf, ReportCalls, type ReportDeps } from './calls';
import { ReportRequests } from './requests';
import type {
  AuditDue,
  ChunkCall,
  ChunkFailure,
  CyclePlan,
  DatasetRef,
  FatalOutcome,
  FetchOutcome,
  JobCall,
  PlanInput,
  PollOutcome,
  RecordedChunk,
  WorkPlan,
} from './types';

/** A document that lies where nothing is fetched from: a setting may be changed, or the vendor may hand out another URL. */
const REFUSED_DOCUMENT_MS = 6 * HOUR_MS;
/** From one ask for a document that is not yet known to the next, ms: each costs a scarce call. */
const UNKNOWN_DOCUMENT_MS = 20_000;

export type ReportActivities = ReturnType<typeof createReportActivities>;

export function createReportActivities(deps: ReportDeps) {
  const reports = new Reports(deps);
  return {
    planReports: guarded((input: PlanInput) => reports.plan(input)),
    planCycle: guarded((input: DatasetRef) => reports.planCycle(input)),
    finishAudit: guarded((input: DatasetRef & AuditDue) => reports.finishAudit(input)),
    requestReport: guarded((input: ChunkCall) => reports.requests.request(input)),
    pollReport: guarded((input: JobCall) => reports.poll(input)),
    fetchReport: guarded((input: JobCall) => reports.fetch(input)),
    explainFatal: guarded((input: JobCall & { hasDocument: boolean }) => reports.explainFatal(input)),
    recordChunkFailure: guarded((input: ChunkFailure) => reports.recordFailure(input)),
  };
}

class Reports {
  readonly requests: ReportRequests;
  private readonly calls: ReportCalls;

  constructor(private readonly deps: ReportDeps) {
    this.calls = new ReportCalls(deps);
    this.requests = new ReportRequests(deps, this.calls);
  }

  async plan(input: PlanInput): Promise<WorkPlan> {
    const context = this.calls.context(input);
    const { settings } = context;
    return {
      chunks: await chunksFor(
        this.deps.db,
        context,
        chunkPolicy(context, input.chunkHours),
        input,
        await this.calls.now(),
      ),
      poolKey: context.account.poolKey,
      poll: {
        initialMs: settings.poll.initialSeconds * 1000,
        factor: settings.poll.factor,
        maxMs: settings.poll.maxSeconds * 1000,
      },
      priority: input.purpose === 'backfill' ? settings.backfillPriority : settings.priority,
      gridMs: context.dataset.gridMs,
      ...(await this.seriesNames(context)),
    };
  }

  /** Only where there are several: a name says nothing of one. */
  private async seriesNames(
    context: ReturnType<ReportCalls['context']>,
  ): Promise<Pick<WorkPlan, 'seriesNames'>> {
    const { account, dataset } = context;
    if (account.partitions(dataset).length < 2) return {};
    const all = await seriesOf(this.deps.db, context);
    return { seriesNames: Object.fromEntries(all.map((series) => [series.id, partOf({ dataset, series })])) };
  }

  async planCycle(input: DatasetRef): Promise<CyclePlan> {
    const context = this.calls.context(input);
    const { account, settings } = context;
    const closed = await this.deps.gateway.whyClosed(account);
    const series = await seriesOf(this.deps.db, context);
    const now = await this.calls.now();
    const due = (kind: 'daily' | 'weekly', everyMs: number): AuditDue[] =>
      series
        .filter((s) => now - (s.lastAudit[kind] ?? 0) >= everyMs)
        .map((s) => ({ purpose: `${kind}_audit`, seriesId: s.id }));
    return {
      poolKey: account.poolKey,
      poolClosed: closed ? { until: closed.details.until, reason: closed.details.reason } : null,
      intervalMs: settings.syncIntervalMinutes * MINUTE_MS,
      auditsDue: [
        ...(settings.dailyAudit ? due('daily', DAY_MS) : []),
        ...(settings.weeklyAudit ? due('weekly', 7 * DAY_MS) : []),
      ],
    };
  }

  async finishAudit({ purpose, seriesId }: DatasetRef & AuditDue): Promise<void> {
    await recordAudit(
      this.deps.db,
      seriesId,
      purpose === 'weekly_audit' ? 'weekly' : 'daily',
      await this.calls.now(),
    );
  }

  async recordFailure({
    chunk,
    reason,
    cause,
    retryAt,
    endsJob,
    ...input
  }: ChunkFailure): Promise<RecordedChunk> {
    const now = await this.calls.now();
    const { seriesId, from, to } = chunk;
    const { account, settings } = this.calls.context(input);
    const evidence = { ...input.evidence };
    if (endsJob) {
      const live = await liveJobs(this.deps.db, seriesId);
      const job = live.find(({ span }) => span.from === from && span.to === to);
      if (job) await markFailed(this.deps.db, job.id, { reason, evidence, now });
    }
    return recordFailure(this.deps.db, {
      seriesId,
      span: { from, to },
      reason,
      evidence,
      cause,
      ...(retryAt === undefined ? {} : { retryAt }),
      reRequestMs: settings.minRerequestMinutes * MINUTE_MS,
      now,
      poolKey: account.poolKey,
    });
  }

  async poll(input: JobCall): Promise<PollOutcome> {
    const context = await this.calls.jobContext(input, input.jobId);
    const { account, job } = context;
    const { reports } = account;
    if (job.state === 'ingested') return { kind: 'ready' };
    // A ready job is polled again: it is taken up after an interruption, and may have ended FATAL with a document.
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
      // What has just been made is not known everywhere at once, whatever the refusal says of it.
      const isOfReport = isGone(error) || isInvalid(error);
      if (isOfReport && (await this.isYoung(job.requestedAt ?? job.createdAt))) return { kind: 'pending' };
      if (!isGone(error)) throw error;
      const reason = `the vendor no longer knows the report: ${error.message}`;
      await markFailed(this.deps.db, job.id, {
        reason,
        evidence: { ...error.verdict.evidence },
        now: await this.calls.now(),
      });
      return { kind: 'gone', reason };
    }
    const report = this.calls.parsed(status);
    const now = await this.calls.now();
    const evidence = { reportId: report.reportId };
    switch (report.status) {
      case 'pending':
        return stillPending(this.deps.db, context, report.said, now);
      case 'done':
        if (report.documentId !== null) {
          await markReady(this.deps.db, job.id, { documentId: report.documentId, now });
          return { kind: 'ready' };
        }
        await markFailed(this.deps.db, job.id, { reason: 'DONE without a document', evidence, now });
        return { kind: 'gone', reason: 'the report is DONE without a document' };
      case 'cancelled': {
        const reason = 'CANCELLED by the vendor: no data, cancelled by hand, or requested too often';
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
    const { account, job } = context;
    // A job that has ended was explained before this activity was run again.
    let text = job.state === 'failed' && typeof job.evidence.text === 'string' ? job.evidence.text : null;
    if (input.hasDocument && job.state === 'ready') {
      const opened = await this.open(context, input.priority);
      if ('stream' in opened) text = await account.reports.readErrorDocument(opened.stream, opened.location);
    }
    const kind = account.reports.classifyFatal(text);
    const explanation = text ?? 'no explanation';
    const evidence = { reportId: job.reportId, fatal: kind, text };
    await markFailed(this.deps.db, job.id, {
      reason: `FATAL: ${explanation}`,
      evidence,
      now: await this.calls.now(),
    });
    return { class: kind, text: explanation, evidence };
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
      await markFailed(this.deps.db, job.id, { reason, evidence, now: await this.calls.now() });
      return { kind: 'gone', reason };
    }
    if ('refused' in opened) {
      const now = await this.calls.now();
      const reason = opened.refused;
      await markFailed(this.deps.db, job.id, { reason, now });
      const { retryAt } = await recordFailure(this.deps.db, {
        seriesId: series.id,
        span: job.span,
        reason,
        cause: 'unreadable',
        evidence: {},
        retryAt: now + REFUSED_DOCUMENT_MS,
        now,
        poolKey: account.poolKey,
      });
      return { kind: 'rejected', reason, retryAt };
    }
    const { location, stream } = opened;
    const ingested = await ingestDocument(this.deps.bulk, {
      dataset,
      seriesId: series.id,
      span: job.span,
      jobId: job.id,
      purpose: job.purpose,
      document: new ArrivingDocument(stream, (text) => account.reports.openDocument(text, request, location)),
      evidence: {
        ...(job.reportId === null ? {} : { reportId: job.reportId }),
        ...(job.requestId === null ? {} : { requestId: job.requestId }),
        ...(job.documentId === null ? {} : { documentId: job.documentId }),
      },
      now: await this.calls.now(),
      poolKey: account.poolKey,
      badRows: { onBadRow: settings.onBadRow, maxShare: settings.badRowShare },
      restatement: restatementPolicy(settings),
      maxBytes: this.deps.settings.reports.maxDocumentMb * 1024 * 1024,
      signal: cancellationSignal(),
    });
    switch (ingested.outcome) {
      case 'ingested':
        return {
          kind: 'ingested',
          rows: ingested.rows,
          empty: ingested.state === 'empty_provisional',
          ...noteOf(ingested),
        };
      case 'stale':
        return { kind: 'ingested', rows: 0, empty: false };
      case 'rejected':
        return {
          kind: 'rejected',
          reason: `${ingested.problem.code}: ${ingested.problem.problem}`,
          retryAt: ingested.retryAt,
        };
    }
  }

  /** The document's text as it comes in, or the vendor's answer that there is no such document. */
  private async open(
    context: JobContext,
    priority: Priority,
  ): Promise<{ location: DocumentLocation; stream: Readable } | { gone: CallFailed } | { refused: string }> {
    let location: DocumentLocation;
    try {
      location = await this.calls.locate(context, priority);
    } catch (error) {
      const isOfDocument = isGone(error) || isInvalid(error);
      if (isOfDocument && (await this.isYoung(context.job.updatedAt))) throw notYetKnown(error);
      if (!isGone(error)) throw error;
      return { gone: error };
    }
    try {
      const answer = await this.calls.download(context, location, priority);
      if (answer.kind !== 'response' || !answer.stream)
        throw new Error('the download answered without a body');
      const contentEncoding = answer.response.headers['content-encoding'];
      return { location: { ...location, contentEncoding }, stream: answer.stream };
    } catch (error) {
      if (error instanceof DocumentRefused) return { refused: error.message };
      if (!isGone(error)) throw error;
      // The URL ran out earlier than it should have: the next attempt fetches another.
      await setDocumentUrl(this.deps.db, context.job.id, {
        url: '',
        expiresAt: 0,
        now: await this.calls.now(),
      });
      throw ApplicationFailure.create({
        message: `the document's URL has expired: ${error.message}`,
        type: FAILURE.server,
        nonRetryable: activityInfo().attempt >= 5,
        nextRetryDelay: 1000,
      });
    }
  }

  /** True when the vendor has made it so short a time ago that it may not know it everywhere. */
  private async isYoung(madeAt: number): Promise<boolean> {
    return (await this.calls.now()) - madeAt < this.deps.settings.reports.youngSeconds * 1000;
  }
}

function isGone(error: unknown): error is CallFailed {
  return error instanceof CallFailed && error.verdict.kind === 'gone';
}

function isInvalid(error: unknown): error is CallFailed {
  return error instanceof CallFailed && error.verdict.kind === 'invalid';
}

function notYetKnown(error: CallFailed): ApplicationFailure {
  return ApplicationFailure.create({
    message: `the vendor does not know the document yet: ${error.message}`,
    type: FAILURE.server,
    nextRetryDelay: UNKNOWN_DOCUMENT_MS,
  });
}

/** What of a document was not stored as it came. */
function noteOf(ingested: Extract<IngestResult, { outcome: 'ingested' }>): { readonly note?: string } {
  const { doubted, setAside } = ingested;
  const notes = [
    ...(setAside === 0
      ? []
      : [
          `${setAside} ${setAside === 1 ? 'row' : 'rows'} could not be used and ${setAside === 1 ? 'was' : 'were'} set aside`,
        ]),
    ...(doubted === null
      ? []
      : [
          `${doubted.reported} rows in place of ${doubted.known} are doubted: the known ones of ${doubted.hours} hours stay, next check ${new Date(doubted.recheckAt).toISOString()}`,
        ]),
  ];
  return notes.length === 0 ? {} : { note: notes.join('; ') };
}
