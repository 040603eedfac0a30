/**
 * The quota terms of one run of a batch. Limits belong to the account, whoever spends; a run may have terms of its
 * own, which bind this run alone and never let it take more than the account's limits do. Pure.
 */
import { HOUR_MS } from '../durations';
import { type LimitTemplate, type Priority, usableShare } from '../limits/limit';

/** Terms that a run was given; what is left out is the account's. Names and units are those of the settings. */
export interface RunOptions {
  readonly quotaThreshold?: number;
  readonly dailyLimit?: number;
  readonly pauseHours?: number;
  readonly quotaMonitoring?: boolean;
  readonly logInterval?: number;
}

export interface RunTerms {
  /** Share of a daily limit at which background work pauses, above 0 up to 1. */
  readonly quotaThreshold: number;
  /** Longest time that a pause at the threshold lasts before the run checks again, ms. */
  readonly pauseMs: number;
  /** Whether use of quota raises alerts and plays a part in the number of calls in flight. */
  readonly quotaMonitoring: boolean;
  /** Items between two lines of progress in the log. */
  readonly logInterval: number;
}

export function runTerms(account: RunTerms, run: RunOptions): RunTerms {
  return {
    quotaThreshold: run.quotaThreshold ?? account.quotaThreshold,
    pauseMs: run.pauseHours === undefined ? account.pauseMs : run.pauseHours * HOUR_MS,
    quotaMonitoring: run.quotaMonitoring ?? account.quotaMonitoring,
    logInterval: run.logInterval ?? account.logInterval,
  };
}

/** The account's limit of calls a day: what a run's own daily limit is compared with. */
export function dailyLimitOf(limits: readonly LimitTemplate[]): LimitTemplate | null {
  return (
    limits.find(
      ({ unit, window, match }) =>
        unit === 'calls' && window.kind === 'calendar' && window.per === 'day' && match === undefined,
    ) ?? null
  );
}

/** The zone of the days that an account's calls are counted by. */
export function dayZone(limits: readonly LimitTemplate[]): string {
  const window = dailyLimitOf(limits)?.window;
  return window?.kind === 'calendar' ? window.zone : 'UTC';
}

/** A pause of the run's own: at so many calls of the account in a day, whoever made them. */
export interface RunCap {
  /** Name of the account's limit that counts the calls. */
  readonly limit: string;
  /** The day's calls that are meant: the run's own daily limit or, where that is lower, the account's. */
  readonly dailyLimit: number;
  /** Share of them at which the run pauses; 1 for work that is more important than background. */
  readonly threshold: number;
  /** Calls of the day at which it pauses. */
  readonly calls: number;
  /** True when the daily limit is the account's: the run has none that is lower. */
  readonly ofAccount?: boolean;
}

/** Null when the run has no terms of its own that the account's limits would not hold anyway. */
export function runCap(
  limits: readonly LimitTemplate[],
  account: Pick<RunTerms, 'quotaThreshold'>,
  run: Pick<RunOptions, 'quotaThreshold' | 'dailyLimit'>,
  priority: Priority,
): RunCap | null {
  const daily = dailyLimitOf(limits);
  if (daily === null || (run.quotaThreshold === undefined && run.dailyLimit === undefined)) return null;
  const accounts = enforcedCount(daily) ?? Number.POSITIVE_INFINITY;
  const dailyLimit = Math.min(run.dailyLimit ?? Number.POSITIVE_INFINITY, accounts);
  if (!Number.isFinite(dailyLimit)) return null;
  const threshold = priority === 'background' ? (run.quotaThreshold ?? account.quotaThreshold) : 1;
  // A product such as 0.7 × 10 falls a hair short of its whole number.
  const calls = Math.max(1, Math.floor(dailyLimit * threshold + 1e-9));
  const ofAccount = run.dailyLimit === undefined || run.dailyLimit > accounts;
  return { limit: daily.name, dailyLimit, threshold, calls, ...(ofAccount ? { ofAccount } : {}) };
}

/**
 * The pause of a run on a day on which items go by files, its own or another's. Such items never ask the account's limits
 * for leave, so that the account's own daily limit is minded here, too.
 */
export function fileCap(
  limits: readonly LimitTemplate[],
  account: Pick<RunTerms, 'quotaThreshold'>,
  run: Pick<RunOptions, 'quotaThreshold' | 'dailyLimit'>,
  priority: Priority,
): RunCap | null {
  const { quotaThreshold = account.quotaThreshold, dailyLimit } = run;
  const terms = dailyLimit === undefined ? { quotaThreshold } : { quotaThreshold, dailyLimit };
  return runCap(limits, account, terms, priority);
}

/** Why a run waits, for people. */
export function capReason(cap: RunCap, used: number): string {
  const own = `${cap.ofAccount ? "the account's" : "this run's"} daily limit of ${cap.dailyLimit} calls`;
  const at = cap.threshold < 1 ? `${Math.round(cap.threshold * 100)} % of ${own}` : own;
  return `it pauses at ${at}, and the account has used ${used} today`;
}

/** A requested term of a run that the account's own terms make void. */
export interface VoidTerm {
  readonly term: 'quotaThreshold' | 'dailyLimit';
  readonly value: number;
  readonly why: string;
}

/** No requested term is silently dropped. */
export function voidTerms(
  limits: readonly LimitTemplate[],
  run: Pick<RunOptions, 'quotaThreshold' | 'dailyLimit'>,
  priority: Priority,
): readonly VoidTerm[] {
  const { dailyLimit, quotaThreshold } = run;
  const daily = dailyLimitOf(limits);
  const count = daily && enforcedCount(daily);
  if (!daily || count === null) {
    if (quotaThreshold === undefined || dailyLimit !== undefined) return [];
    const why = 'there is no daily limit that it could be a share of';
    return [{ term: 'quotaThreshold', value: quotaThreshold, why }];
  }
  const found: VoidTerm[] = [];
  if (dailyLimit !== undefined && dailyLimit > count) {
    const why = `the account's own ${count} calls a day hold; a run can only lower them`;
    found.push({ term: 'dailyLimit', value: dailyLimit, why });
  }
  const share = usableShare(daily, 'background');
  // With a lower daily limit of its own, a higher share may still come to less than the account's.
  const calls = (quotaThreshold ?? 0) * Math.min(dailyLimit ?? count, count);
  if (quotaThreshold !== undefined && priority === 'background' && calls > share * count + 1e-9) {
    const why = `background work of this account pauses at ${share} of its ${count} calls a day all the same`;
    found.push({ term: 'quotaThreshold', value: quotaThreshold, why });
  }
  return found;
}

/** Units a window, when they are enforced and not only watched. */
function enforcedCount({ mode, window }: LimitTemplate): number | null {
  return mode === 'enforce' && window.kind === 'calendar' ? window.count : null;
}
