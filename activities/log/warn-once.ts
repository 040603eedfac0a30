/**
 * Warnings on paths that every call takes. A cause that repeats is logged once, and again only after it has been quiet
 * for an hour: what goes wrong at each call would otherwise fill the log and hide the rest.
 */
import type { Logger } from 'pino';
import { HOUR_MS } from '../../quota/durations';
import type { EventData, EventKind } from '../../quota/events';
import { logEvent } from './emit';

/** Without a repetition for this long a cause counts as new, ms. */
export const QUIET_MS = HOUR_MS;
/** Causes that are remembered; beyond it the one that was quiet longest is forgotten. */
export const MAX_CAUSES = 500;

/** When each cause was last seen. Times are any monotonic ms. */
export class ReportedCauses {
  private readonly seenAt = new Map<string, number>();

  get size(): number {
    return this.seenAt.size;
  }

  isNews(cause: string, now: number): boolean {
    const before = this.seenAt.get(cause);
    // A map keeps the order of insertion: what was seen last goes to its end.
    this.seenAt.delete(cause);
    this.seenAt.set(cause, now);
    if (this.seenAt.size > MAX_CAUSES) {
      const [oldest] = this.seenAt.keys();
      if (oldest !== undefined) this.seenAt.delete(oldest);
    }
    return before === undefined || now - before >= QUIET_MS;
  }
}

/** By logger, so that pages and calls which come and go share what was reported. */
const reported = new WeakMap<object, ReportedCauses>();

/** An error's words without what differs each time: ids, ports, times. Statuses and counts below 1,000 stay. */
export const causeOf = (error: unknown): string =>
  String(error).replaceAll(/[0-9a-f]{8}(?:-?[0-9a-f]{4,12})+|\d{4,}/gi, '#');

function isNews(log: Logger, cause: readonly unknown[]): boolean {
  let causes = reported.get(log);
  if (causes === undefined) {
    causes = new ReportedCauses();
    reported.set(log, causes);
  }
  return causes.isNews(JSON.stringify(cause), performance.now());
}

/**
 * @param about whose it is: the same error of another one is logged separately.
 * @param detail what differs each time, and does not distinguish causes.
 */
export function warnOnce(
  log: Logger,
  about: Readonly<Record<string, unknown>>,
  error: unknown,
  message: string,
  detail: Readonly<Record<string, unknown>> = {},
): void {
  const line = { ...about, ...detail, error: String(error) };
  if (isNews(log, [message, about, causeOf(error)])) log.warn(line, message);
  else log.debug(line, message);
}

/** An event that is a line of the log alone. @param cause whose it is, and why in words. */
export function logEventOnce<Kind extends EventKind>(
  log: Logger,
  kind: Kind,
  data: EventData<Kind> & { readonly err?: unknown },
  message: string,
  cause: { readonly of: string | number; readonly why: unknown },
): void {
  if (isNews(log, [kind, cause.of, causeOf(cause.why)])) logEvent(log, kind, data, message);
  else {
    const line: Record<string, unknown> = { event: kind, ...data };
    log.debug(line, message);
  }
}
