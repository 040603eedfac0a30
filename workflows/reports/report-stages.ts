/**
 * The stages of a report: it is requested, made by the vendor, and fetched. Each stage has a short queue, because
 * calls of one operation share a quota and only the next one needs to be ready.
 */
import { condition, patched, sleep } from '@temporalio/workflow';
import type { ReportActivities } from '../../activities/reports/reports';
import type { DatasetRef, FatalOutcome, JobCall, PollPolicy } from '../../activities/reports/types';
import { HOUR_MS, MINUTE_MS } from '../../quota/durations';
import type { Priority } from '../../quota/limits/limit';
import type { Span } from '../../quota/windows/chunks';
import type { Chunk } from '../../store/datasets/plan';
import { activitiesFor } from '../activity-queues';
import type { PoolGate } from '../pools/pool-gate';
import { Stage } from '../stage';
import type { Waits } from './waits';

const { requestReport, pollReport } = activitiesFor<ReportActivities>('reports', {
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

const { fetchReport, explainFatal } = activitiesFor<ReportActivities>('reports', {
  startToCloseTimeout: '2 hours',
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

/** A report that takes longer than this to be made says nothing against the others, ms. */
const SLOW_REPORT_MS = 5 * MINUTE_MS;
/** A wait for a report that is shorter than this is not shown, ms. */
const NOTABLE_WAIT_MS = 1000;
/** Longest wait between two polls of a report, however old it is, ms. */
const LONGEST_POLL_MS = HOUR_MS;

export interface StageOptions extends DatasetRef {
  readonly gate: PoolGate;
  readonly poll: PollPolicy;
  readonly priority: Priority;
  /** Where there are several series: each one's name, by its id. */
  readonly seriesNames?: Readonly<Record<number, string>>;
  /** Blocks while an operator has paused this work. */
  readonly whileRunning: () => Promise<void>;
}

interface Queues {
  readonly creating: Stage;
  readonly polling: Stage;
  readonly downloading: Stage;
}

const queues = (): Queues => ({ creating: new Stage(2), polling: new Stage(6), downloading: new Stage(1) });

export class ReportStages {
  private readonly fetching = new Stage(4);
  /** By series: access to one marketplace may be refused for hours, and the others are not to wait for it. */
  private readonly queues = new Map<number, Queues>();
  private closed = false;
  private leaving = false;

  /** @param waits notes what a report waits for. */
  constructor(
    private readonly options: StageOptions,
    private readonly waits: Waits,
  ) {}

  /** No further report is requested; those under way are finished. */
  close(): void {
    this.closed = true;
  }

  /** As `close`, and reports that the vendor is still making are left to the next run. */
  leave(): void {
    this.closed = true;
    this.leaving = true;
  }

  /** Which report it is, of which series where there are several. */
  text(chunk: Chunk): string {
    const series = this.options.seriesNames?.[chunk.seriesId];
    return series === undefined ? spanText(chunk) : `${spanText(chunk)} of ${series}`;
  }

  /** Asks for the report; waits out, as long as it takes, what is not settled of an earlier request. Null: closed. */
  async request(chunk: Chunk) {
    for (;;) {
      const requested = await this.queuesOf(chunk).creating.run(async () => {
        await this.options.whileRunning();
        if (this.closed) return null;
        return this.options.gate.run(() => requestReport({ ...this.call, chunk }));
      });
      if (requested?.kind !== 'settling') return requested;
      const { until, since, reason } = requested;
      const why = `whether the report of ${this.text(chunk)} was made is looked up in the vendor's list: ${reason}`;
      await this.waits.during({ why, since, until }, () =>
        sleep(Math.max(1000, until - Date.now()), { summary: "until the vendor's list can be believed" }),
      );
    }
  }

  /** Polls until the report is made, or cannot be. @param onSlow called when the vendor takes its time to make it. */
  async untilMade(chunk: Chunk, jobId: JobCall['jobId'], onSlow: () => void) {
    const { gate, poll, whileRunning } = this.options;
    const since = Date.now();
    let why = `the vendor makes the report of ${this.text(chunk)}`;
    for (let wait = poll.initialMs, ageMs = 0; ; wait = Math.min(poll.maxMs, wait * poll.factor)) {
      // What has not been made for hours is not made in the next minute.
      const rarely = Math.max(wait, Math.min(LONGEST_POLL_MS, ageMs / 10));
      const untilMade = () => condition(() => this.leaving, rarely, { summary: 'until the report is made' });
      if (Math.max(ageMs, rarely) < NOTABLE_WAIT_MS) await untilMade();
      else await this.waits.during({ why, since: Date.now() - ageMs, until: Date.now() + rarely }, untilMade);
      if (this.leaving) return { kind: 'left' } as const;
      const polled = await this.queuesOf(chunk).polling.run(async () => {
        await whileRunning();
        return gate.run(() => pollReport({ ...this.call, jobId }));
      });
      if (polled.kind !== 'pending') return polled;
      ageMs = polled.ageMs ?? 0;
      why = `the vendor has not made report ${polled.reportId ?? ''} of ${this.text(chunk)} yet (status ${polled.said || 'none'})`;
      if (Date.now() - since > SLOW_REPORT_MS) onSlow();
    }
  }

  fetchDocument(chunk: Chunk, jobId: JobCall['jobId']) {
    return this.download(chunk, () => fetchReport({ ...this.call, jobId }));
  }

  /** @param hasDocument whether the vendor gives its reasons in a document. */
  explain(chunk: Chunk, jobId: JobCall['jobId'], hasDocument: boolean): Promise<FatalOutcome> {
    return this.download(chunk, () => explainFatal({ ...this.call, jobId, hasDocument }));
  }

  /** One download a series at a time: a slow vendor, or a long document, takes one of the worker's slots. */
  private download<T>(chunk: Chunk, work: () => Promise<T>): Promise<T> {
    return this.ownQueues(chunk).downloading.run(() =>
      this.fetching.run(async () => {
        await this.options.whileRunning();
        return this.options.gate.run(work);
      }),
    );
  }

  private queuesOf(chunk: Chunk): Queues {
    const own = this.ownQueues(chunk);
    const [first = own] = this.queues.values();
    // Workflows that began before this share those of the first series.
    return own === first || patched('queues-by-series') ? own : first;
  }

  private ownQueues({ seriesId }: Chunk): Queues {
    const known = this.queues.get(seriesId) ?? queues();
    this.queues.set(seriesId, known);
    return known;
  }

  private get call() {
    const { dataset, account, priority } = this.options;
    return { dataset, account, priority };
  }
}

/** `2026-11-01T00:00..2026-11-01T06:00` */
function spanText({ from, to }: Span): string {
  return `${new Date(from).toISOString().slice(0, 16)}..${new Date(to).toISOString().slice(0, 16)}`;
}
