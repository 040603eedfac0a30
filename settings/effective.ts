/**
 * The rules that hold for an account: the vendor's, with the account's overrides merged in. Pure. Overrides that
 * do not fit are SettingsErrors that name the key; `loadSettings` has reported them before anything runs.
 */
import type { LimitTemplate, LimitWindow } from '../quota/limit';
import type { PoolPolicy } from '../quota/pool';
import type { BackoffPolicy, RetryPolicies } from '../quota/retry-delay';
import {
  type LimitOverride,
  limitOverride,
  type PoolOverride,
  type RetryOverride,
} from '../vendors/account-fields';
import type { VendorRules } from '../vendors/contract';
import { isMap, pathText, type RawProblem, SettingsError, suggestion } from './problems';

/** What is needed of an account here; any vendor's account settings fit. */
export interface AccountOverrides {
  readonly limits?: Readonly<Record<string, LimitOverride>> | undefined;
  readonly pool?: PoolOverride | undefined;
  readonly retry?: RetryOverride | undefined;
}

/** Which override keys apply to which kind of window. */
const WINDOW_KEYS: { readonly [K in LimitWindow['kind']]: readonly (keyof LimitOverride)[] } = {
  'token-bucket': ['ratePerSecond', 'burst'],
  spacing: ['ms'],
  rolling: ['count', 'ms'],
  calendar: ['count', 'per', 'zone'],
  'vendor-reset': ['count'],
};
const COMMON_KEYS: readonly (keyof LimitOverride)[] = ['reserve', 'mode', 'slackMs'];

/** Overrides of limits that do not exist, or with keys that do not apply to the limit's kind. */
export function limitProblems(
  rules: Pick<VendorRules, 'id' | 'limits'>,
  overrides: Readonly<Record<string, unknown>>,
): RawProblem[] {
  return Object.entries(overrides).flatMap(([name, override]): RawProblem[] => {
    const template = rules.limits.find((limit) => limit.name === name);
    if (template === undefined) {
      const names = rules.limits.map((limit) => limit.name);
      return [{ path: ['limits', name], what: `is not a limit of ${rules.id}${suggestion(name, names)}` }];
    }
    if (!isMap(override)) return [];
    const { kind } = template.window;
    const allowed: readonly string[] = [...WINDOW_KEYS[kind], ...COMMON_KEYS];
    return givenKeys(override)
      .filter((key) => key in limitOverride.shape && !allowed.includes(key))
      .map((key) => ({
        path: ['limits', name, key],
        what: `does not apply to ${name}, a ${kind} limit; it takes: ${allowed.join(', ')}`,
      }));
  });
}

/** The vendor's limits with the account's overrides; an overridden limit's source is `settings`. */
export function effectiveLimits(
  rules: Pick<VendorRules, 'id' | 'limits'>,
  account: AccountOverrides,
): readonly LimitTemplate[] {
  const problems = limitProblems(rules, account.limits ?? {});
  if (problems.length > 0) {
    throw new SettingsError(
      problems.map(({ path, what }) => ({ where: pathText(path), what, line: null })),
      null,
    );
  }
  return rules.limits.map((template) => {
    const override = account.limits?.[template.name];
    return override === undefined || givenKeys(override).length === 0
      ? template
      : overridden(template, override);
  });
}

function overridden(template: LimitTemplate, override: LimitOverride): LimitTemplate {
  const reserve =
    override.reserve === undefined ? template.reserve : { ...template.reserve, ...given(override.reserve) };
  const slackMs = override.slackMs ?? template.slackMs;
  return {
    ...template,
    window: overriddenWindow(template.window, override),
    mode: override.mode ?? template.mode,
    ...(reserve === undefined ? {} : { reserve }),
    ...(slackMs === undefined ? {} : { slackMs }),
    source: SIZES.some((key) => override[key] !== undefined) ? 'settings' : template.source,
  };
}

/** What a person has sized, the vendor's word only lowers; a limit that is merely watched still learns from it. */
const SIZES = ['ratePerSecond', 'burst', 'count', 'ms', 'per', 'zone'] as const;

function overriddenWindow(window: LimitWindow, override: LimitOverride): LimitWindow {
  switch (window.kind) {
    case 'token-bucket':
      return {
        ...window,
        ratePerSecond: override.ratePerSecond ?? window.ratePerSecond,
        burst: override.burst ?? window.burst,
      };
    case 'spacing':
      return { ...window, ms: override.ms ?? window.ms };
    case 'rolling':
      return { ...window, count: override.count ?? window.count, ms: override.ms ?? window.ms };
    case 'calendar':
      return {
        ...window,
        count: override.count ?? window.count,
        per: override.per ?? window.per,
        zone: override.zone ?? window.zone,
      };
    case 'vendor-reset':
      return { ...window, count: override.count ?? window.count };
  }
}

/** The vendor's pool policy with the account's overrides, in milliseconds. */
export function effectivePool(rules: Pick<VendorRules, 'pool'>, { pool = {} }: AccountOverrides): PoolPolicy {
  const base = rules.pool;
  const ms = (value: number | undefined, unitMs: number, fallback: number) =>
    value === undefined ? fallback : Math.max(1, Math.round(value * unitMs));
  return {
    ...base,
    unknownQuotaMs: ms(pool.cooldownMinutes, 60_000, base.unknownQuotaMs),
    unknownQuotaFactor: pool.cooldownFactor ?? base.unknownQuotaFactor,
    unknownQuotaMaxMs: ms(pool.cooldownMaxMinutes, 60_000, base.unknownQuotaMaxMs),
    absurdWaitMs: ms(pool.absurdWaitHours, 3_600_000, base.absurdWaitMs),
    breakerFailures: pool.breakerFailures ?? base.breakerFailures,
    breakerOpenMs: ms(pool.breakerOpenSeconds, 1000, base.breakerOpenMs),
    probeTimeoutMs: ms(pool.probeTimeoutSeconds, 1000, base.probeTimeoutMs),
    hintAfterStrikes: pool.hintAfterStrikes ?? base.hintAfterStrikes,
  };
}

/** The vendor's retry delays with the account's overrides. A cap below the base is raised to it. */
export function effectiveRetry(
  rules: Pick<VendorRules, 'retry'>,
  { retry = {} }: AccountOverrides,
): RetryPolicies {
  const merge = (base: BackoffPolicy, override: RetryOverride['rate'] = {}): BackoffPolicy => {
    const baseMs = override.baseMs ?? base.baseMs;
    return {
      ...base,
      baseMs,
      maxMs: Math.max(baseMs, override.maxMs ?? base.maxMs),
      attempts: override.attempts ?? base.attempts,
    };
  };
  return { rate: merge(rules.retry.rate, retry.rate), server: merge(rules.retry.server, retry.server) };
}

function givenKeys(override: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(override).filter((key) => override[key] !== undefined);
}

/** Leaves out keys that are undefined. */
function given(reserve: NonNullable<LimitOverride['reserve']>): NonNullable<LimitTemplate['reserve']> {
  return {
    ...(reserve.background === undefined ? {} : { background: reserve.background }),
    ...(reserve.scheduled === undefined ? {} : { scheduled: reserve.scheduled }),
    ...(reserve.live === undefined ? {} : { live: reserve.live }),
  };
}
