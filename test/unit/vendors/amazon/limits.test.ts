/** Amazon's limits and policies, and what its headers teach of them. */
import { fillScope, resolveLimits } from '../../../../quota/limits/limit';
import { CLOSED_POOL, transition } from '../../../../quota/pools/pool';
import { amazonRules } from '../../../../vendors/amazon/rules';
import { call, classify, NOW, QUOTA, response } from '../../../support/vendors/amazon-answers';

describe('learn', () => {
  const learn = (
    status: number,
    value: string,
    operation = 'createReport',
    name = 'x-amzn-ratelimit-limit',
  ) => amazonRules.learn(call(operation), { status, headers: { [name]: value }, body: '' });
  test.each([200, 202, 400, 404])('takes the announced rate from a %i', (status) => {
    expect(learn(status, '0.0167')).toEqual([{ limit: 'createReport', ratePerSecond: 0.0167 }]);
  });
  test.each([
    ['0.0056', 0.0056],
    ['0.008333333333333333', 1 / 120],
    ['5.6E-3', 0.0056],
    ['0.0166666666666666664353703', 1 / 60],
    ['0.01670000000000000000000000000000000000000000000000000001', 0.0167],
    ['1.67E-002', 0.0167],
    ['.0167', 0.0167],
    ['0.0167, 0.0222', 0.0167],
    ['0.00002', 0.00002],
    ['2', 2],
  ])('reads %s, however many decimals it has', (value, ratePerSecond) => {
    expect(learn(200, value)).toEqual([{ limit: 'createReport', ratePerSecond }]);
  });
  test.each([429, 401, 403, 500, 503, 0])('does not from a %i', (status) => {
    expect(learn(status, '0.0167')).toEqual([]);
  });
  test.each(['', '0', '-1', 'NaN', '1e9', '99999', '0.00001', '0,0167', '0.0167,', 'abc', '1'.repeat(400)])(
    'ignores the value %j',
    (value) => {
      expect(learn(200, value)).toEqual([]);
    },
  );
  test('reads the header in Amazon’s spelling, for operations that have a plan', () => {
    expect(learn(200, '2.0', 'getReport', 'x-amzn-RateLimit-Limit')).toEqual([
      { limit: 'getReport', ratePerSecond: 2 },
    ]);
    expect(learn(200, '2.0', 'login')).toEqual([]);
    expect(learn(200, '2.0', 'downloadDocument')).toEqual([]);
    expect(amazonRules.learn(call('getReport'), { status: 200, headers: {}, body: '' })).toEqual([]);
  });
});

describe('limits and policies', () => {
  const attributes = call('x').attributes;
  test.each([
    ['getReports', 0.0222, 10, undefined],
    ['createReport', 0.0167, 15, 1 / 15],
    ['getReport', 2, 15, undefined],
    ['cancelReport', 0.0222, 10, undefined],
    ['getReportDocument', 0.0167, 15, 1 / 15],
  ])('%s refills %f tokens a second up to %i', (operation, ratePerSecond, burst, background) => {
    const resolved = resolveLimits('amazon', amazonRules.limits, operation, attributes);
    expect(resolved.map((l) => l.key)).toEqual([`amazon/main/${operation}`]);
    const template = resolved[0]?.template;
    expect(template?.window).toEqual({ kind: 'token-bucket', ratePerSecond, burst });
    expect(template?.reserve?.background).toBe(background);
    // The share is one whole token.
    if (background) expect(background * burst).toBe(1);
  });
  test.each(['login', 'downloadDocument'])('%s has no limit of its own', (operation) => {
    expect(resolveLimits('amazon', amazonRules.limits, operation, attributes)).toEqual([]);
  });
  test('the pool is the account', () => {
    expect(fillScope(amazonRules.poolScope, attributes)).toBe('main');
  });
  test('an unknown quota pauses for 30 minutes, and the fifth time says what to check', () => {
    let state = CLOSED_POOL;
    let now = NOW;
    const lengths: number[] = [];
    for (let i = 0; i < 6; i++) {
      const verdict = classify('createReport', response(429, QUOTA));
      state = transition(
        state,
        {
          type: 'quota',
          epoch: state.epoch,
          statedWaitMs: null,
          reason: 'quota',
          evidence: verdict.evidence,
          jitter: 0,
        },
        amazonRules.pool,
        now,
      );
      lengths.push(((state.until ?? 0) - now) / 60_000);
      expect(state.hint === null).toBe(i < 4);
      now = state.until ?? now;
      state = transition(state, { type: 'timer' }, amazonRules.pool, now);
    }
    expect(lengths).toEqual([30, 60, 120, 240, 480, 480]);
    expect(state.hint).toContain('check role and report type');
  });
});
