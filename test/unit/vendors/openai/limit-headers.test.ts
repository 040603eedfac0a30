/** The limits that headers teach. */
import type { CallInfo } from '../../../../vendors/contract';
import { learnOpenAi } from '../../../../vendors/openai/classify';

const call: CallInfo = {
  vendor: 'openai',
  account: 'bios',
  operation: 'createResponse',
  attributes: { vendor: 'openai', account: 'bios' },
};

describe('what headers teach', () => {
  const learn = (headers: Record<string, string>) => learnOpenAi(call, { status: 200, headers, body: '' });
  const FULL = {
    'x-ratelimit-limit-requests': '5000',
    'x-ratelimit-remaining-requests': '4999',
    'x-ratelimit-reset-requests': '12ms',
  };

  test('limit, remaining and reset of both', () => {
    const tokens = {
      'x-ratelimit-limit-tokens': '4000000',
      'x-ratelimit-remaining-tokens': '3999000',
      'x-ratelimit-reset-tokens': '6m0s',
    };
    expect(learn({ ...FULL, ...tokens })).toEqual([
      { limit: 'requests', capacity: 5000, ratePerSecond: 5000 / 60, remaining: 4999, resetMs: 12 },
      {
        limit: 'tokens',
        capacity: 4_000_000,
        ratePerSecond: 4_000_000 / 60,
        remaining: 3_999_000,
        resetMs: 360_000,
      },
    ]);
  });

  test.each([
    ['1s', 1000],
    ['6m0s', 360_000],
    ['120ms', 120],
    ['7.66s', 7660],
    ['1h2m3s', 3_723_000],
    ['0s', 0],
  ])('a reset of %s is %i ms', (text, resetMs) => {
    expect(learn({ ...FULL, 'x-ratelimit-reset-requests': text })[0]).toMatchObject({ resetMs });
  });

  test.each([
    ['"5000"', '"4999"'],
    ['5,000', '4,999'],
    ['5000.0', '4999.0'],
    ['5000, 5000', '4999, 4999'],
    ['5000;w=60', '4999'],
  ])('numbers are read as %s and %s, too', (limit, remaining) => {
    const odd = { 'x-ratelimit-limit-requests': limit, 'x-ratelimit-remaining-requests': remaining };
    expect(learn({ ...FULL, ...odd })[0]).toMatchObject({ capacity: 5000, remaining: 4999 });
  });

  test.each([
    ['604.8s', 7],
    ['2592s', 30],
  ])('a reset of %s for one of a thousand is that of %i days', (reset, days) => {
    const long = { 'x-ratelimit-limit-requests': '1000', 'x-ratelimit-remaining-requests': '999' };
    const [learned] = learn({ ...FULL, ...long, 'x-ratelimit-reset-requests': reset });
    expect(learned?.ratePerSecond).toBeCloseTo(1000 / (days * 86_400), 9);
  });

  test('a missing header teaches nothing, and is never "used up"', () => {
    expect(learn({})).toEqual([]);
    const { 'x-ratelimit-remaining-requests': _, ...rest } = FULL;
    expect(learn(rest)[0]).not.toHaveProperty('remaining');
  });

  test.each(['-1', '0'])('Azure’s limit of %s is unknown, and its remaining says nothing', (unknown) => {
    expect(
      learn({ 'x-ratelimit-limit-requests': unknown, 'x-ratelimit-remaining-requests': unknown }),
    ).toEqual([]);
  });

  test('a remaining of 0 beside a real limit is used up; −1 and text say nothing', () => {
    const with_ = (remaining: string) => learn({ ...FULL, 'x-ratelimit-remaining-requests': remaining })[0];
    expect(with_('0')).toMatchObject({ remaining: 0 });
    expect(with_('-1')).not.toHaveProperty('remaining');
    expect(with_('many')).not.toHaveProperty('remaining');
  });

  test('nothing left of what is full again in no time is unknown, too', () => {
    const zeros = { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '0' };
    expect(learn({ ...FULL, ...zeros })[0]).not.toHaveProperty('remaining');
    expect(learn(zeros)[0] ?? {}).not.toHaveProperty('remaining');
    expect(learn({ ...zeros, 'x-ratelimit-reset-requests': '3s' })[0]).toMatchObject({ remaining: 0 });
  });
});
