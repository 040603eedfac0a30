import type { LimitTemplate, LimitWindow } from '../../../../quota/limits/limit';
import { effectiveLimits, effectivePool, effectiveRetry, SettingsError } from '../../../../settings';
import type { LimitOverride } from '../../../../vendors/account-fields';
import { amazonRules } from '../../../../vendors/amazon/rules';

const limit = (name: string, window: LimitWindow, extra: Partial<LimitTemplate> = {}): LimitTemplate => ({
  name,
  operations: '*',
  scope: '{account}',
  unit: 'calls',
  window,
  mode: 'enforce',
  source: 'vendor page',
  ...extra,
});

const RULES = {
  id: 'acme',
  limits: [
    limit('bucket', { kind: 'token-bucket', ratePerSecond: 2, burst: 10 }, { reserve: { background: 0.5 } }),
    limit('gap', { kind: 'spacing', ms: 200 }),
    limit('rolling', { kind: 'rolling', count: 5, ms: 1000 }),
    limit('daily', { kind: 'calendar', count: 1440, per: 'day', zone: 'UTC' }),
    limit('stated', { kind: 'vendor-reset', count: 50 }),
  ],
} as const;

const overridden = (name: string, override: LimitOverride): LimitTemplate | undefined =>
  effectiveLimits(RULES, { limits: { [name]: override } }).find((l) => l.name === name);

describe('effective limits', () => {
  test("without overrides they are the vendor's own", () => {
    expect(effectiveLimits(RULES, {})).toEqual(RULES.limits);
    expect(effectiveLimits(RULES, { limits: { bucket: {} } })).toEqual(RULES.limits);
  });

  test.each<[string, LimitOverride, LimitWindow]>([
    ['bucket', { burst: 3 }, { kind: 'token-bucket', ratePerSecond: 2, burst: 3 }],
    ['bucket', { ratePerSecond: 0.5 }, { kind: 'token-bucket', ratePerSecond: 0.5, burst: 10 }],
    ['gap', { ms: 250 }, { kind: 'spacing', ms: 250 }],
    ['rolling', { count: 4, ms: 2000 }, { kind: 'rolling', count: 4, ms: 2000 }],
    [
      'daily',
      { per: 'month', zone: 'Asia/Shanghai' },
      { kind: 'calendar', count: 1440, per: 'month', zone: 'Asia/Shanghai' },
    ],
    ['stated', { count: 40 }, { kind: 'vendor-reset', count: 40 }],
  ])('%s with %j', (name, override, window) => {
    expect(overridden(name, override)).toMatchObject({ window, source: 'settings', scope: '{account}' });
  });

  test('only the overridden limit changes, and its source says so', () => {
    const limits = effectiveLimits(RULES, { limits: { gap: { ms: 250 } } });
    expect(limits.map((l) => l.source)).toEqual([
      'vendor page',
      'settings',
      'vendor page',
      'vendor page',
      'vendor page',
    ]);
  });

  test('a limit that is only watched or shared out otherwise keeps its size, and learns from the vendor as before', () => {
    for (const change of [{ mode: 'shadow' }, { slackMs: 5 }, { reserve: { background: 0.5 } }] as const) {
      expect(overridden('daily', change)).toMatchObject({ source: 'vendor page' });
    }
    // Said by a person, even if the vendor says the same.
    expect(overridden('daily', { count: 1440, mode: 'shadow' })).toMatchObject({ source: 'settings' });
  });

  test('mode, slack and reserve apply to any kind; a reserve keeps what is not overridden', () => {
    expect(overridden('gap', { mode: 'shadow', slackMs: 0 })).toMatchObject({ mode: 'shadow', slackMs: 0 });
    expect(overridden('bucket', { reserve: { scheduled: 0.1 } })?.reserve).toEqual({
      background: 0.5,
      scheduled: 0.1,
    });
    expect(overridden('gap', { ms: 1 })).not.toHaveProperty('reserve');
  });

  test('a key of another kind, or a limit that does not exist, is an error that names the key', () => {
    const limits = { daily: { burst: 5, ms: 3, count: 9 }, rollin: { count: 1 } };
    expect(() => effectiveLimits(RULES, { limits })).toThrow(SettingsError);
    try {
      effectiveLimits(RULES, { limits });
    } catch (error) {
      expect((error as SettingsError).problems.map(({ where, what }) => `${where}: ${what}`)).toEqual([
        'limits.daily.burst: does not apply to daily, a calendar limit; it takes: count, per, zone, scope, reserve, mode, slackMs',
        'limits.daily.ms: does not apply to daily, a calendar limit; it takes: count, per, zone, scope, reserve, mode, slackMs',
        'limits.rollin: is not a limit of acme; did you mean "rolling"?; one of your own names its operations',
      ]);
    }
  });
});

describe('effective pool and retries', () => {
  test("without overrides they are the vendor's own", () => {
    expect(effectivePool(amazonRules, {})).toEqual(amazonRules.pool);
    expect(effectiveRetry(amazonRules, {})).toEqual(amazonRules.retry);
  });

  test('minutes, hours and seconds of the settings become milliseconds', () => {
    expect(
      effectivePool(amazonRules, {
        pool: {
          cooldownMinutes: 1.5,
          cooldownFactor: 3,
          cooldownMaxMinutes: 60,
          absurdWaitHours: 2,
          breakerFailures: 2,
          breakerOpenSeconds: 30,
          probeTimeoutSeconds: 0.5,
          hintAfterStrikes: 9,
        },
      }),
    ).toEqual({
      unknownQuotaMs: 90_000,
      unknownQuotaFactor: 3,
      unknownQuotaMaxMs: 3_600_000,
      absurdWaitMs: 7_200_000,
      breakerFailures: 2,
      breakerOpenMs: 30_000,
      probeTimeoutMs: 500,
      hintAfterStrikes: 9,
      hint: amazonRules.pool.hint,
      recheck: amazonRules.pool.recheck,
    });
    expect(effectivePool(amazonRules, { pool: { recheckMinutes: 0.5 } }).recheck).toEqual({
      credentialsMs: 30_000,
      configurationMs: 30_000,
      maxMs: 8 * 3_600_000,
    });
  });

  test('a probe is never given up before its answer can have come', () => {
    const pool = { probeTimeoutSeconds: 5 };
    expect(effectivePool(amazonRules, { pool }, 600_000).probeTimeoutMs).toBe(615_000);
    expect(effectivePool(amazonRules, {}, 600_000).probeTimeoutMs).toBe(615_000);
    expect(effectivePool(amazonRules, {}, 1_000).probeTimeoutMs).toBe(amazonRules.pool.probeTimeoutMs);
  });

  test('a cap on retries below their base is raised to it', () => {
    const retry = effectiveRetry(amazonRules, { retry: { server: { baseMs: 60_000 } } });
    expect(retry.server).toEqual({
      baseMs: 60_000,
      maxMs: 60_000,
      attempts: amazonRules.retry.server.attempts,
    });
    expect(retry.rate).toEqual(amazonRules.retry.rate);
  });
});
