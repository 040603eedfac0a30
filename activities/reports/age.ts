/** A report that does not end: it is told, looked at ever more rarely, and at an age asked for anew. */
import type { Pool } from 'pg';
import { HOUR_MS, MINUTE_MS } from '../../quota/durations';
import { markFailed, tellSlow } from '../../store/datasets/jobs';
import { insertEvent } from '../../store/events/events';
import type { JobContext } from './calls';
import type { PollOutcome } from './types';

/** What follows from "not made yet". @param said the vendor's word for it; empty for none. @param now epoch ms. */
export async function stillPending(
  db: Pool,
  context: JobContext,
  said: string,
  now: number,
): Promise<PollOutcome> {
  const { account, dataset, settings, job, series } = context;
  const ageMs = Math.max(0, now - (job.requestedAt ?? job.createdAt));
  const { tellAfterMinutes, askAnewAfterHours } = settings.poll;
  const hours = `${Math.round(ageMs / 360_000) / 10} h`;
  if (ageMs >= askAnewAfterHours * HOUR_MS) {
    const reason = `the vendor has not made report ${job.reportId} within ${hours} (status ${said || 'none'}); it is asked for anew`;
    await markFailed(db, job.id, { reason, evidence: { reportId: job.reportId }, now });
    return { kind: 'gone', reason };
  }
  await tellSlow(db, job.id, ageMs, tellAfterMinutes * MINUTE_MS, (tell) =>
    insertEvent(tell, 'report.slow', account.poolKey, {
      dataset: dataset.id,
      account: account.name,
      partition: series.partition,
      from: new Date(job.span.from).toISOString(),
      to: new Date(job.span.to).toISOString(),
      reportId: job.reportId,
      status: said || 'none',
      age: hours,
      askedAnewAt: (job.requestedAt ?? job.createdAt) + askAnewAfterHours * HOUR_MS,
    }),
  );
  return { kind: 'pending', ageMs, said, ...(job.reportId === null ? {} : { reportId: job.reportId }) };
}
