/**
 * Reports and their life: IN_QUEUE, IN_PROGRESS, then DONE, FATAL or CANCELLED. How a report will end is settled
 * when it is created; its state at any instant follows from that, so nothing has to run in between.
 */
import { z } from 'zod';
import { HOUR_MS, MINUTE_MS } from '../../../quota/durations';
import { hash32, pickBetween, unitOf } from '../../kit/random';
import type { SimWorld } from './data';
import { FATAL_TEXTS } from './errors';
import type { AmazonScenario } from './options';
import { type Outcome, OutcomeBook } from './outcomes';
import { printInstant, type ReportTypeRules, reportTypeRules } from './report-types';
import type { ReportRequest } from './validate';

export type ProcessingStatus = 'IN_QUEUE' | 'IN_PROGRESS' | 'DONE' | 'CANCELLED' | 'FATAL';
export const PROCESSING_STATUSES: readonly ProcessingStatus[] = [
  'IN_QUEUE',
  'IN_PROGRESS',
  'DONE',
  'CANCELLED',
  'FATAL',
];

const reportSchema = z.object({
  type: z.literal('report'),
  id: z.string(),
  account: z.string(),
  reportType: z.string(),
  marketplaceIds: z.array(z.string()),
  dataStart: z.number().nullable(),
  dataEnd: z.number().nullable(),
  options: z.record(z.string(), z.string()),
  createdAt: z.number(),
  startsAt: z.number(),
  endsAt: z.number(),
  end: z.enum(['DONE', 'CANCELLED', 'FATAL', 'IN_QUEUE']),
  /** What the document holds: rows, no rows, or the text of a failure; null = there is no document. */
  document: z
    .discriminatedUnion('holds', [
      z.object({
        holds: z.literal('rows'),
        share: z.number().optional(),
        badRows: z.object({ field: z.string(), value: z.string(), count: z.number() }).optional(),
        duplicates: z.object({ count: z.number(), differ: z.boolean() }).optional(),
        lie: z.enum(['plain-as-gzip', 'gzip-as-plain']).optional(),
      }),
      z.object({ holds: z.literal('nothing') }),
      z.object({ holds: z.literal('failure'), field: z.string(), text: z.string() }),
    ])
    .nullable(),
  documentId: z.string(),
  duplicateOf: z.string().nullable(),
  outcomeId: z.string().nullable(),
  zone: z.enum(['Z', '+00:00']),
});
export type SimReport = z.infer<typeof reportSchema>;

const cancelSchema = z.object({ type: z.literal('cancel'), id: z.string(), at: z.number() });

type Ending = Pick<SimReport, 'end' | 'document' | 'outcomeId' | 'duplicateOf'>;

export class ReportDesk {
  settings: AmazonScenario['reports'];
  whenNotReady: 'omit' | 'fatal';
  readonly outcomes = new OutcomeBook();
  /** In the order of creation. */
  private readonly reports = new Map<string, SimReport>();
  private readonly byDocument = new Map<string, SimReport>();
  private readonly cancelledAt = new Map<string, number>();

  constructor(
    private readonly scenario: AmazonScenario,
    private readonly world: SimWorld,
    private readonly record: (entry: unknown) => void,
  ) {
    this.settings = scenario.reports;
    this.whenNotReady = scenario.data.whenNotReady;
    for (const outcome of scenario.outcomes) this.outcomes.add(outcome);
  }

  create(account: string, request: ReportRequest, rules: ReportTypeRules, now: number): SimReport {
    const { seed } = this.scenario;
    const number = this.reports.size + 1;
    const id = String(50_000_000_000 + number * 7_919 + pickBetween(0, 7_000, seed, number, 'report id'));
    const { queueMs, processingMs } = this.settings;
    const startsAt = Math.max(
      now + pickBetween(queueMs.min, queueMs.max, seed, id, 'queue'),
      this.slotFreeAt(account, now),
    );
    const endsAt = startsAt + pickBetween(processingMs.min, processingMs.max, seed, id, 'processing');
    const report: SimReport = {
      type: 'report',
      id,
      account,
      ...request,
      marketplaceIds: [...request.marketplaceIds],
      createdAt: now,
      startsAt,
      endsAt,
      ...this.settle(account, request, rules, now, endsAt),
      documentId: `amzn1.spdoc.1.4.na.${[1, 2, 3, 4].map((n) => hash32(seed, id, n).toString(16).padStart(8, '0')).join('-')}.${id}`,
      zone: number % 2 === 0 ? 'Z' : '+00:00',
    };
    this.store(report);
    this.record(report);
    return report;
  }

  /** How the report will end. */
  private settle(
    account: string,
    request: ReportRequest,
    rules: ReportTypeRules,
    now: number,
    endsAt: number,
  ): Ending {
    const none = { outcomeId: null, duplicateOf: null };
    const fatal = (text: string, field = 'errorDetails'): Ending => ({
      ...none,
      end: 'FATAL',
      document: { holds: 'failure', field, text },
    });
    const { dataStart, dataEnd } = request;
    if (dataStart === null || dataEnd === null) return fatal(FATAL_TEXTS.datesMissing, 'reportRequestError');
    const missing = rules.options.find((option) => request.options[option] === undefined);
    if (missing !== undefined) return fatal(FATAL_TEXTS.optionMissing(missing), 'reportRequestError');

    const outcome = this.outcomes.take(account, rules.dataset, dataStart, dataEnd);
    if (outcome && outcome.status !== 'REFUSED') {
      return { ...none, outcomeId: outcome.id, end: outcome.status, document: documentOf(outcome) };
    }
    const twin = this.twin(account, request, now);
    if (twin) {
      const cancelled = unitOf(hash32(this.scenario.seed, twin.id, this.reports.size, 'duplicate')) < 0.5;
      const ending: Ending = cancelled
        ? { ...none, end: 'CANCELLED', document: null }
        : fatal(FATAL_TEXTS.clientError);
      return { ...ending, duplicateOf: twin.id };
    }
    if (dataEnd > now - rules.endBeforeRequestMs) return fatal(FATAL_TEXTS.notYet);
    if (this.whenNotReady === 'fatal' && this.lacksAnHour(account, request, rules, endsAt)) {
      return fatal(FATAL_TEXTS.notYet);
    }
    return { ...none, end: 'DONE', document: { holds: 'rows' } };
  }

  /** The latest report of the same request within the duplicate window. */
  private twin(account: string, request: ReportRequest, now: number): SimReport | undefined {
    const windowMs = this.settings.duplicateWindowMinutes * MINUTE_MS;
    return this.newestFirst(account).find(
      (r) =>
        now - r.createdAt < windowMs &&
        r.reportType === request.reportType &&
        r.dataStart === request.dataStart &&
        r.dataEnd === request.dataEnd &&
        marketplaceKey(r.marketplaceIds) === marketplaceKey(request.marketplaceIds) &&
        JSON.stringify(r.options) === JSON.stringify(request.options),
    );
  }

  private lacksAnHour(account: string, request: ReportRequest, rules: ReportTypeRules, at: number): boolean {
    const key = { account, marketplace: marketplaceKey(request.marketplaceIds), dataset: rules.dataset };
    return fullHours(request.dataStart, request.dataEnd).some((hour) => at < this.world.readyAt(key, hour));
  }

  /** When the account's next processing slot is free. */
  private slotFreeAt(account: string, now: number): number {
    const { concurrency } = this.settings;
    if (concurrency === undefined) return now;
    const ends = this.newestFirst(account)
      .filter((r) => r.endsAt > now && !this.cancelledAt.has(r.id))
      .map((r) => r.endsAt)
      .sort((a, b) => b - a);
    return ends[concurrency - 1] ?? now;
  }

  find(id: string): SimReport | undefined {
    return this.reports.get(id);
  }

  /** Why the request is refused at once, when that is how it is to end; null: it is not. */
  refusal(account: string, request: ReportRequest, rules: ReportTypeRules): string | null {
    const { dataStart, dataEnd } = request;
    if (dataStart === null || dataEnd === null) return null;
    if (this.outcomes.peek(account, rules.dataset, dataStart, dataEnd)?.status !== 'REFUSED') return null;
    const outcome = this.outcomes.take(account, rules.dataset, dataStart, dataEnd);
    return outcome?.errorDetails ?? 'The requested date range cannot be reported.';
  }

  get(account: string, id: string, now: number): SimReport | undefined {
    const report = this.reports.get(id);
    if (report?.account !== account) return undefined;
    return now < report.createdAt + this.settings.unknownForSeconds * 1000 ? undefined : report;
  }

  /** The report whose document this is, once there is a document. */
  ofDocument(documentId: string, now: number): SimReport | undefined {
    const report = this.byDocument.get(documentId);
    const known = now - this.settings.unknownForSeconds * 1000;
    return report && this.hasDocument(report, known) ? report : undefined;
  }

  newestFirst(account?: string): SimReport[] {
    const all = [...this.reports.values()].reverse();
    return account === undefined ? all : all.filter((r) => r.account === account);
  }

  status(report: SimReport, now: number): ProcessingStatus {
    if (this.cancelledAt.has(report.id)) return 'CANCELLED';
    if (report.end === 'IN_QUEUE') return 'IN_QUEUE';
    if (now < report.startsAt) return 'IN_QUEUE';
    return now < report.endsAt ? 'IN_PROGRESS' : report.end;
  }

  /** False when the report is no longer in the queue. */
  cancel(report: SimReport, now: number): boolean {
    if (this.status(report, now) !== 'IN_QUEUE') return false;
    this.cancelledAt.set(report.id, now);
    this.record({ type: 'cancel', id: report.id, at: now });
    return true;
  }

  shownId({ id }: SimReport): string | number {
    return this.settings.numericIds ? Number(id) : id;
  }

  /** A report as getReport and getReports show it; options are not echoed. */
  view(report: SimReport, now: number): Record<string, unknown> {
    const status = this.status(report, now);
    const print = (at: number) => printInstant(at, report.zone);
    const cancelled = this.cancelledAt.get(report.id);
    const stuck = report.end === 'IN_QUEUE';
    const started = cancelled === undefined && !stuck && now >= report.startsAt;
    const endedAt = cancelled ?? (!stuck && now >= report.endsAt ? report.endsAt : null);
    return {
      reportId: this.shownId(report),
      reportType: report.reportType,
      marketplaceIds: report.marketplaceIds,
      ...(report.dataStart === null ? {} : { dataStartTime: print(report.dataStart) }),
      ...(report.dataEnd === null ? {} : { dataEndTime: print(report.dataEnd) }),
      createdTime: print(seconds(report.createdAt)),
      processingStatus: status,
      ...(started ? { processingStartTime: print(seconds(report.startsAt)) } : {}),
      ...(endedAt === null ? {} : { processingEndTime: print(seconds(endedAt)) }),
      ...(this.hasDocument(report, now) ? { reportDocumentId: report.documentId } : {}),
    };
  }

  /** True when the entry was one of ours. */
  replay(entry: unknown): boolean {
    const report = reportSchema.safeParse(entry);
    if (report.success) {
      this.store(report.data);
      if (report.data.outcomeId !== null) this.outcomes.replayHit(report.data.outcomeId);
      return true;
    }
    const cancel = cancelSchema.safeParse(entry);
    if (cancel.success) this.cancelledAt.set(cancel.data.id, cancel.data.at);
    return cancel.success;
  }

  private hasDocument(report: SimReport, now: number): boolean {
    return report.document !== null && now >= report.endsAt && !this.cancelledAt.has(report.id);
  }

  private store(report: SimReport): void {
    this.reports.set(report.id, report);
    this.byDocument.set(report.documentId, report);
  }
}

function documentOf(outcome: Outcome): SimReport['document'] {
  const { errorDetails, errorField, rowShare, badRows, duplicates, compressionLie } = outcome;
  switch (outcome.status) {
    case 'DONE':
      if (outcome.empty) return { holds: 'nothing' };
      return {
        holds: 'rows',
        ...(rowShare < 1 ? { share: rowShare } : {}),
        ...(badRows ? { badRows } : {}),
        ...(duplicates ? { duplicates } : {}),
        ...(compressionLie === 'none' ? {} : { lie: compressionLie }),
      };
    case 'FATAL': {
      if (errorDetails === null) return null;
      const text = outcome.varyText ? `${errorDetails} (${outcome.hits})` : errorDetails;
      return { holds: 'failure', field: errorField, text };
    }
    default:
      return null;
  }
}

/** Data of several marketplaces in one report is a series of its own. */
export function marketplaceKey(marketplaceIds: readonly string[]): string {
  return [...marketplaceIds].sort().join(',');
}

/** Starts of the full hours within the range, epoch ms. */
export function fullHours(start: number | null, end: number | null): number[] {
  const hours: number[] = [];
  if (start === null || end === null) return hours;
  for (let hour = Math.ceil(start / HOUR_MS) * HOUR_MS; hour + HOUR_MS <= end; hour += HOUR_MS)
    hours.push(hour);
  return hours;
}

/** The dataset of a report; its type was checked when it was created. */
export function datasetOf(report: SimReport): ReportTypeRules['dataset'] {
  const rules = reportTypeRules(report.reportType);
  if (!rules) throw new Error(`report ${report.id} is of the unknown type ${report.reportType}`);
  return rules.dataset;
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
