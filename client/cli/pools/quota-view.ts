/** Texts for what is left of an account's quota, shown with a batch and with a pool. */
import type { QuotaMetrics, QuotaStatus } from '../../../quota/limits/quota-status';
import { countText, relativeText, whenText } from '../../operations/time-text';

/** Lines that an account has something to say for: the buckets of a minute, and the day. */
export function quotaLines(status: QuotaStatus, now: number): string[] {
  const left = (name: string, m: QuotaMetrics | null) =>
    m === null
      ? []
      : [
          `${name}: ${countText(m.remaining)} of ${countText(Math.floor(m.limit))} left` +
            (m.resetsAt === null ? '' : `, full ${relativeText(m.resetsAt, now)}`),
        ];
  const { dailyLimit, usedToday } = status;
  const percent = dailyLimit === null ? '' : ` (${Math.round((100 * usedToday) / dailyLimit)} %)`;
  const today = dailyLimit === null ? '' : ` of ${countText(dailyLimit)}`;
  return [
    ...left('Requests', status.requests),
    ...left('Tokens', status.tokens),
    ...(dailyLimit === null && usedToday === 0
      ? []
      : [`Today: ${countText(usedToday)}${today} calls${percent}`]),
    ...(status.shouldPause ? [`Pauses: ${status.reason}${untilText(status.pausesUntil, now)}`] : []),
  ];
}

function untilText(until: number | null, now: number): string {
  return until === null ? '' : `, until ${whenText(until, now)}`;
}
