/** The calls of a report's life through the gateway, and the context that each of them is made in. */

import { ApplicationFailure, activityInfo, cancellationSignal } from '@temporalio/activity';
import type { Pool } from 'pg';
import type { Dispatcher } from 'undici';
import { FAILURE } from '../../quota/failures';
import type { Priority } from '../../quota/limits/limit';
import type { Settings } from '../../settings';
import { type DatasetContext, datasetContext } from '../../settings/datasets/report-context';
import { readStorableTime } from '../../store/clock';
import { getSeries, type Series } from '../../store/datasets/datasets';
import type { Job } from '../../store/datasets/jobs/job';
import { getJob, setDocumentUrl } from '../../store/datasets/jobs/jobs';
import type { DocumentLocation, ReportRequest } from '../../vendors/capabilities/reports';
import type { CallResult } from '../../vendors/contract';
import type { HttpRequest, Parsed } from '../../vendors/http';
import type { TokenSource } from '../gateway/call-terms';
import { isInOwnNetwork, whyNotFetched } from '../gateway/http/document-address';
import { type HttpOptions, sendForStream, sendForText } from '../gateway/http/http';
import type { VendorGateway } from '../gateway/vendor-call';
import type { DatasetRef } from './types';

export interface ReportDeps {
  readonly settings: Settings;
  readonly db: Pool;
  /** Connections for taking documents in: whoever waits for one of them keeps no short work from its own. */
  readonly bulk: Pool;
  readonly gateway: VendorGateway;
  readonly dispatcher: Dispatcher;
  /** Connects to nothing in a private network, whatever a name resolves to. */
  readonly publicOnly: Dispatcher;
  readonly tokenSource: (context: DatasetContext) => TokenSource;
}

export interface JobContext extends DatasetContext {
  readonly job: Job;
  readonly series: Series;
  readonly request: ReportRequest;
}

/** A document's URL leads where nothing is fetched from. */
export class DocumentRefused extends Error {
  override readonly name = 'DocumentRefused';
}

export class ReportCalls {
  constructor(private readonly deps: ReportDeps) {}

  /**
   * Epoch ms by the database's clock: what is stored of windows and reports, and compared with it, goes by that alone, so
   * that a step of this machine's clock makes nothing due and holds nothing up.
   */
  now(): Promise<number> {
    return readStorableTime(this.deps.db);
  }

  /** Where the document is. The address is kept while it lasts, for another one costs a scarce call. */
  async locate(context: JobContext, priority: Priority): Promise<DocumentLocation> {
    const { account, job } = context;
    const { reports } = account;
    if (job.documentUrl && job.urlExpiresAt !== null && job.urlExpiresAt > (await this.now())) {
      return JSON.parse(job.documentUrl) as DocumentLocation;
    }
    if (job.documentId === null) throw new Error(`job ${job.id} is ${job.state} without a document id`);
    const askedAt = await this.now();
    const result = await this.call(
      context,
      reports.operations.document,
      priority,
      reports.document(job.documentId),
    );
    const location = this.parsed(reports.parseDocument(bodyOf(result)));
    await setDocumentUrl(this.deps.db, job.id, {
      url: JSON.stringify(location),
      expiresAt: askedAt + reports.urlLifetimeMs,
      now: await this.now(),
    });
    return location;
  }

  /** @throws DocumentRefused when it lies where nothing is fetched from. */
  async download(context: JobContext, location: DocumentLocation, priority: Priority) {
    const { account } = context;
    const { documents } = account.reports;
    const { signal } = this.http();
    const why = await whyNotFetched(location.url, documents);
    if (why !== null) throw new DocumentRefused(`the document is not fetched: ${why}`);
    const dispatcher = (await isInOwnNetwork(documents.baseUrl))
      ? this.deps.dispatcher
      : this.deps.publicOnly;
    return this.deps.gateway.call({
      ...this.terms(context, account.reports.operations.download, priority),
      auth: null,
      secrets: signatureOf(location.url),
      send: (_, abort, pass) =>
        sendForStream(
          { method: 'GET', url: location.url, headers: {} },
          { ...this.http(), dispatcher, signal: abort ?? signal, pass },
        ),
    });
  }

  async call(
    context: JobContext,
    operation: string,
    priority: Priority,
    request: HttpRequest,
    beforeSend?: () => Promise<void>,
  ): Promise<CallResult> {
    const { account } = context;
    return this.deps.gateway.call<CallResult>({
      ...this.terms(context, operation, priority),
      auth: this.deps.tokenSource(context),
      send: async (token, signal, pass) => {
        await beforeSend?.();
        return sendForText(account.reports.authorize(request, token ?? '', Date.now()), {
          ...this.http(),
          signal,
          pass,
        });
      },
    });
  }

  private terms(context: JobContext, operation: string, priority: Priority) {
    return {
      account: context.account,
      operation,
      attributes: context.account.reports.attributes(context.dataset),
      part: partOf(context),
      priority,
      caller: context.dataset.id,
      attempt: activityInfo().attempt,
      inlineWaitMs: this.deps.settings.permits.inlineWaitMs,
      signal: cancellationSignal(),
    };
  }

  private http(): Omit<HttpOptions, 'pass'> {
    return { dispatcher: this.deps.dispatcher, timeoutMs: this.deps.settings.http.timeoutMs };
  }

  /** A body that fails its contract is the vendor's doing and may pass; the activity's policy bounds the tries. */
  parsed<T>(parsed: Parsed<T>): T {
    if (parsed.ok) return parsed.value;
    throw ApplicationFailure.create({
      message: parsed.problem,
      type: FAILURE.invalid,
      nonRetryable: activityInfo().attempt >= 3,
    });
  }

  context(ref: DatasetRef): DatasetContext {
    return datasetContext(this.deps.settings, ref.dataset, ref.account);
  }

  async jobContext(ref: DatasetRef, jobId: number): Promise<JobContext> {
    const context = this.context(ref);
    const job = await getJob(this.deps.db, jobId);
    if (job === null) throw new RangeError(`job ${jobId} does not exist`);
    const series = await getSeries(this.deps.db, job.seriesId);
    if (series === null) throw new RangeError(`series ${job.seriesId} of job ${jobId} does not exist`);
    return {
      ...context,
      job,
      series,
      request: { dataset: context.dataset, partition: series.partition, span: job.span },
    };
  }
}

/** What the series is of, in the dataset's order: its marketplace, and the currency where that belongs to it. */
export const partOf = ({ dataset, series }: Pick<JobContext, 'dataset' | 'series'>) =>
  dataset.partition.map(({ name }) => series.partition[name]).join(' ');

/** Whoever has the query of a pre-signed URL has the document. */
function signatureOf(url: string): string[] {
  const { search, searchParams } = new URL(url);
  return [search.slice(1), ...searchParams.values()].filter(({ length }) => length >= SHORTEST_SIGNATURE);
}

/** A shorter value in a URL is an option, ms of a lifetime say. */
const SHORTEST_SIGNATURE = 16;

export function bodyOf(result: CallResult): string {
  return result.kind === 'response' ? result.response.body : '';
}
