/** A report that is not made: it is reported, polled less and less often, and at some age requested again. */
import type { Pool } from 'pg';
import { HOUR_MS, MINUTE_MS } from '../../quota/durations';
import { markFailed } from '../../store/datasets/jobs/jobs';
import { recordSlow } from '../../store/datasets/jobs/slow-reports';
import { insertEvent } from '../../store/events/events';
import type { JobContext } from './calls';
import type { PollOutcome } from './types';

/** What follows from "not made yet". @param said the vendor's status; empty for none. @param now epoch ms. */
export async function stillPending(
  db: Pool,
  context: JobContext,
  said: string,
  now: number,
): Promise<PollOutcome> {
  const { account, dataset, settings, job, series } = context;
  const ageMs = Math.max(0, now - (job.requestedAt ?? job.createdAt));
  const { reportAfterMinutes, requestAgainAfterHours } = settings.poll;
  const hours = `${Math.round(ageMs / 360_000) / 10} h`;
  if (ageMs >= requestAgainAfterHours * HOUR_MS) {
    const reason = `the vendor has not made report ${job.reportId} within ${hours} (status ${said || 'none'}); it is requested again`;
    await markFailed(db, job.id, { reason, evidence: { reportId: job.reportId }, now });
    return { kind: 'gone', reason };
  }
  await recordSlow(db, job.id, ageMs, reportAfterMinutes * MINUTE_MS, (client) =>
    insertEvent(client, 'report.slow', account.poolKey, {
      dataset: dataset.id,
      account: account.name,
      partition: series.partition,
      from: new Date(job.span.from).toISOString(),
      to: new Date(job.span.to).toISOString(),
      reportId: job.reportId,
      status: said || 'none',
      age: hours,
      requestedAgainAt: (job.requestedAt ?? job.createdAt) + requestAgainAfterHours * HOUR_MS,
    }),
  );
  return { kind: 'pending', ageMs, said, ...(job.reportId === null ? {} : { reportId: job.reportId }) };
}
