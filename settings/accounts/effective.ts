/**
 * The rules that hold for an account: the vendor's, with the account's overrides merged in. Pure. Overrides that
 * do not fit are SettingsErrors that name the key; `loadSettings` has reported them before anything runs.
 */
import { type LimitTemplate, type LimitWindow, scopeOf } from '../../quota/limits/limit';
import type { PoolPolicy } from '../../quota/pools/state';
import type { BackoffPolicy, RetryPolicies } from '../../quota/retry-delay';
import {
  type LimitOverride,
  limitOverride,
  type PoolOverride,
  type RetryOverride,
} from '../../vendors/account-fields';
import type { VendorRules } from '../../vendors/contract';
import { withPoolOverride } from '../../vendors/pool-override';
import {
  attributeProblem,
  type CallTable,
  isOwnLimit,
  OWN_KEYS,
  ownLimitProblems,
  ownTemplate,
} from '../limits/own';
import { isMap, pathText, type Raw, type RawProblem, SettingsError, suggestion } from '../problems';

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
const COMMON_KEYS: readonly (keyof LimitOverride)[] = ['scope', 'reserve', 'mode', 'slackMs'];

/** The vendor's part in an account's limits. */
type LimitRules = Pick<VendorRules, 'limits'> & CallTable;

/**
 * Overrides of limits that do not exist, or with keys that do not apply to the limit's kind; limits of one's own that
 * cannot be.
 * @param own attributes that the account has, with its own name; null when they are not known.
 */
export function limitProblems(
  rules: LimitRules,
  overrides: Readonly<Record<string, unknown>>,
  own: Readonly<Record<string, string>> | null = null,
): RawProblem[] {
  return Object.entries(overrides).flatMap(([name, override]): RawProblem[] => {
    const template = rules.limits.find((limit) => limit.name === name);
    if (template !== undefined)
      return isMap(override) ? overrideProblems(rules, template, override, own) : [];
    if (isMap(override) && isOwnLimit(override)) return ownLimitProblems(rules, name, override, own);
    const names = rules.limits.map((limit) => limit.name);
    const what = `is not a limit of ${rules.id}${suggestion(name, names)}; one of your own names its operations`;
    return [{ path: ['limits', name], what }];
  });
}

function overrideProblems(
  rules: LimitRules,
  template: LimitTemplate,
  override: Raw,
  own: Readonly<Record<string, string>> | null,
): RawProblem[] {
  const { name } = template;
  const { kind } = template.window;
  const allowed: readonly string[] = [...WINDOW_KEYS[kind], ...COMMON_KEYS];
  const misplaced = givenKeys(override)
    .filter((key) => key in limitOverride.shape && !allowed.includes(key))
    .map((key) => ({
      path: ['limits', name, key],
      what: (OWN_KEYS as readonly string[]).includes(key)
        ? `does not apply to ${name}, which is a limit of ${rules.id}; a limit of your own needs another name`
        : `does not apply to ${name}, a ${kind} limit; it takes: ${allowed.join(', ')}`,
    }));
  const operations = template.operations === '*' ? (rules.operations ?? []) : template.operations;
  const scope = limitOverride.shape.scope.safeParse(override.scope).data ?? [];
  const unusable = scope.flatMap((attribute, i): RawProblem[] => {
    const what = attributeProblem(rules, attribute, operations, own);
    return what === null ? [] : [{ path: ['limits', name, 'scope', i], what }];
  });
  return [...misplaced, ...unusable];
}

/** The vendor's limits with the account's overrides, whose source is `settings`, and then the account's own. */
export function effectiveLimits(rules: LimitRules, account: AccountOverrides): readonly LimitTemplate[] {
  const problems = limitProblems(rules, account.limits ?? {});
  if (problems.length > 0) {
    throw new SettingsError(
      problems.map(({ path, what }) => ({ where: pathText(path), what, line: null })),
      null,
    );
  }
  const known = rules.limits.map((template) => {
    const override = account.limits?.[template.name];
    return override === undefined || givenKeys(override).length === 0
      ? template
      : overridden(template, override);
  });
  const own = Object.entries(account.limits ?? {})
    .filter(([name]) => !rules.limits.some((template) => template.name === name))
    .map(([name, limit]) => ownTemplate(name, limit, rules));
  return [...known, ...own];
}

function overridden(template: LimitTemplate, override: LimitOverride): LimitTemplate {
  const reserve =
    override.reserve === undefined ? template.reserve : { ...template.reserve, ...given(override.reserve) };
  const slackMs = override.slackMs ?? template.slackMs;
  return {
    ...template,
    scope: override.scope === undefined ? template.scope : scopeOf(override.scope),
    window: overriddenWindow(template.window, override),
    mode: override.mode ?? template.mode,
    ...(reserve === undefined ? {} : { reserve }),
    ...(slackMs === undefined ? {} : { slackMs }),
    source: SIZES.some((key) => override[key] !== undefined) ? 'settings' : template.source,
  };
}

/** A size that a person has set is only lowered by what the vendor announces; a limit that is only watched learns from it all the same. */
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

/** What comes between a permit and a stored verdict besides the call itself, ms. */
const PROBE_MARGIN_MS = 15_000;

/**
 * The vendor's pool policy with the account's overrides, in milliseconds.
 * @param longestAnswerMs how long a call may be under way. A probe that is given up before it can have been answered
 * would never close the pool of a vendor that is slow but well.
 */
export function effectivePool(
  rules: Pick<VendorRules, 'pool'>,
  { pool = {} }: AccountOverrides,
  longestAnswerMs = 0,
): PoolPolicy {
  const policy = withPoolOverride(rules.pool, pool);
  if (longestAnswerMs === 0) return policy;
  return {
    ...policy,
    probeTimeoutMs: Math.max(policy.probeTimeoutMs, longestAnswerMs + PROBE_MARGIN_MS),
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
