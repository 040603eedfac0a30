import { failsAlike, recordFailure } from '../../../../../store/datasets/failed-windows';
import {
  getJob,
  intend,
  liveJobs,
  markAttempt,
  markCancelled,
  markFailed,
  markIngested,
  markReady,
  markRequested,
  releaseAttempt,
  setDocumentUrl,
} from '../../../../../store/datasets/jobs/jobs';
import { NOW, salesLedger } from '../../../../support/stacks/sales-ledger';
import { HOUR, hours } from '../../../../support/vendors/sales-documents';

const MINUTE = 60_000;
const { state, due, intention, newJob } = salesLedger();

describe('jobs', () => {
  test('a live job is adopted by whoever intends the same window, even all at once', async () => {
    const results = await Promise.all(Array.from({ length: 5 }, () => intention(hours(0, 6))));
    const ids = results.map((result) => (result.allowed ? result.job.id : null));
    expect(new Set(ids).size).toBe(1);
    expect(results.filter((result) => result.allowed && !result.adopted)).toHaveLength(1);
    expect((await newJob(hours(6, 12))).id).not.toBe(ids[0]);
    expect(await liveJobs(state.pool, state.series.id)).toHaveLength(2);
  });

  test('a create call whose answer was lost is ambiguous until it is known or surely refused', async () => {
    const job = await newJob(hours(0, 6));
    expect(job).toMatchObject({ state: 'intended', attempts: 0, ambiguous: false, requestedAt: null });
    expect((await markAttempt(state.pool, job.id, NOW)).job).toMatchObject({
      attempts: 1,
      ambiguous: true,
      requestedAt: NOW,
    });
    expect((await releaseAttempt(state.pool, job.id, NOW)).job).toMatchObject({
      attempts: 1,
      ambiguous: false,
    });
    await markAttempt(state.pool, job.id, NOW + 1);
    const { job: requested } = await markRequested(state.pool, job.id, {
      reportId: 'r7',
      requestId: 'q',
      now: NOW + 2,
    });
    expect(requested).toMatchObject({ ambiguous: false, attempts: 2, requestedAt: NOW + 1, requestId: 'q' });
  });

  test('go forward only: late duplicates change nothing', async () => {
    const { id } = await newJob(hours(0, 6));
    expect((await markReady(state.pool, id, { documentId: 'd', now: NOW })).applied).toBe(false);
    await markRequested(state.pool, id, { reportId: 'r1', now: NOW });
    expect(await markRequested(state.pool, id, { reportId: 'r2', now: NOW })).toMatchObject({
      applied: false,
      job: { reportId: 'r1' },
    });
    await markReady(state.pool, id, { documentId: 'd1', now: NOW });
    const url = { url: 'https://example.test/?signature=s', expiresAt: NOW + 5 * MINUTE, now: NOW };
    expect((await setDocumentUrl(state.pool, id, url)).job).toMatchObject({
      documentUrl: url.url,
      urlExpiresAt: url.expiresAt,
    });
    await markIngested(state.pool, id, { evidence: { digest: 'x' }, now: NOW });
    for (const late of [
      markRequested(state.pool, id, { reportId: 'r3', now: NOW }),
      markReady(state.pool, id, { documentId: 'd3', now: NOW }),
      markFailed(state.pool, id, { reason: 'late', now: NOW }),
      markCancelled(state.pool, id, { reason: 'late', now: NOW }),
    ]) {
      expect((await late).applied).toBe(false);
    }
    // The address is of no more use, and whoever has it can read the report.
    expect(await getJob(state.pool, id)).toMatchObject({
      state: 'ingested',
      reportId: 'r1',
      documentUrl: null,
      reason: null,
    });
    await expect(markFailed(state.pool, 0, { reason: 'x', now: NOW })).rejects.toThrow(
      /job 0 does not exist/,
    );
  });

  test('the same window is not requested again within 30 minutes, another window is', async () => {
    const { id } = await newJob(hours(0, 6));
    await markRequested(state.pool, id, { reportId: 'r1', now: NOW });
    await markCancelled(state.pool, id, { reason: 'CANCELLED by the vendor', now: NOW + MINUTE });
    expect(await intention(hours(0, 6), NOW + 2 * MINUTE)).toEqual({
      allowed: false,
      notBefore: NOW + 30 * MINUTE,
    });
    expect((await intention(hours(0, 3), NOW + 2 * MINUTE)).allowed).toBe(true);
    expect((await intention(hours(0, 6), NOW + 30 * MINUTE)).allowed).toBe(true);
  });

  test('failing windows of an account share a part of the day, however many are due at once', async () => {
    const count = 100;
    const budget = { account: state.series.account, dayQuota: 1443, share: 0.05 };
    const calls: number[] = [];
    for (const at of [0, 12, 24, 30, 47].map((hour) => NOW + hour * HOUR)) {
      const asked = await Promise.all(
        Array.from({ length: count }, (_, hour) =>
          intend(state.pool, { ...due(hours(hour, hour + 1), at), failing: true, budget }),
        ),
      );
      for (const [hour, result] of asked.entries()) {
        if (!result.allowed) continue;
        const span = hours(hour, hour + 1);
        await markAttempt(state.pool, result.job.id, at);
        calls.push(at);
        await recordFailure(state.pool, {
          seriesId: state.series.id,
          span,
          reason: '',
          evidence: {},
          cause: 'fatal',
          now: at,
        });
        await markFailed(state.pool, result.job.id, { reason: 'FATAL', now: at });
      }
      const held = asked.find((one) => !one.allowed && one.failingCalls !== undefined);
      expect(held).toMatchObject({ failingCalls: 72, notBefore: expect.any(Number) });
    }
    expect(calls.map((at) => (at - NOW) / HOUR)).toEqual([0, 24].flatMap((hour) => Array(72).fill(hour)));
  });

  test('a window of the latest hours is looked at again in about its age, unless all of its series is refused', async () => {
    const refuse = async (hour: number, now: number, cause: 'fatal' | 'refused' = 'fatal') => {
      const { retryAt } = await recordFailure(state.pool, {
        ...{
          seriesId: state.series.id,
          span: hours(hour, hour + 1),
          reason: 'FATAL: other words',
          evidence: {},
        },
        ...{ cause, now },
      });
      return ((retryAt ?? 0) - now) / HOUR;
    };
    const over = (hour: number, later: number) => hours(hour, hour + 1).to + later * HOUR;
    expect(await refuse(0, over(0, 0.25))).toBe(1);
    expect(await refuse(0, over(0, 1.5))).toBe(1.5);
    expect(await refuse(0, over(0, 6))).toBe(6);
    // What is old waits as long as any, and what the vendor calls wrong.
    expect(await refuse(1, over(1, 400))).toBe(24);
    expect(await refuse(2, over(2, 0.25), 'refused')).toBe(24);
    // Three of three: it is not that they are late.
    expect(await refuse(3, over(3, 0.25))).toBe(24);
  });

  test('a series that is only refused is known for it, one that is cancelled is not', async () => {
    const end = (hour: number, cause: 'fatal' | 'cancelled') =>
      recordFailure(state.pool, {
        ...{ seriesId: state.series.id, span: hours(hour, hour + 1), reason: '', evidence: {} },
        ...{ cause, now: NOW + hour * HOUR },
      });
    for (const hour of [0, 1]) await end(hour, 'fatal');
    expect(await failsAlike(state.pool, state.series.id)).toBe(false);
    await end(2, 'fatal');
    expect(await failsAlike(state.pool, state.series.id)).toBe(true);
    await end(3, 'cancelled');
    expect(await failsAlike(state.pool, state.series.id)).toBe(false);
  });

  test('a lost answer counts as a request; a refused one does not', async () => {
    const lost = await newJob(hours(0, 6));
    await markAttempt(state.pool, lost.id, NOW);
    await markFailed(state.pool, lost.id, { reason: 'socket hang up', now: NOW });
    expect((await intention(hours(0, 6), NOW + MINUTE)).allowed).toBe(false);

    const refused = await newJob(hours(6, 12));
    await markAttempt(state.pool, refused.id, NOW);
    await releaseAttempt(state.pool, refused.id, NOW);
    await markFailed(state.pool, refused.id, { reason: 'invalid', now: NOW });
    expect((await intention(hours(6, 12), NOW + MINUTE)).allowed).toBe(true);
  });
});
