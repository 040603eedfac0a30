import { type ForecastInput, type ForecastLimit, forecast } from '../../../quota/forecast';

const NOW = Date.parse('2026-11-23T12:00:00Z');
const INSTANT = { min: 0, max: 0 };

function bucket(
  operation: string,
  ratePerSecond: number,
  burst: number,
  more: Partial<ForecastLimit> = {},
): ForecastLimit {
  return {
    name: operation,
    operations: [operation],
    window: { kind: 'token-bucket', ratePerSecond, burst },
    used: 0,
    share: 1,
    resetsAt: null,
    ...more,
  };
}

function plan(input: Partial<ForecastInput>) {
  const result = forecast({
    items: 1,
    steps: [{ operation: 'create', callMs: INSTANT }],
    limits: [],
    now: NOW,
    ...input,
  });
  return { ...result, earliest: result.earliestFinish - NOW, latest: result.latestFinish - NOW };
}

describe('token buckets', () => {
  test('a full burst goes at once, the rest at the rate', () => {
    expect(plan({ items: 15, limits: [bucket('create', 2, 15)] }).latest).toBe(0);
    expect(plan({ items: 25, limits: [bucket('create', 2, 15)] }).latest).toBeCloseTo(5_000);
  });

  test('what is used up now is not there', () => {
    const { latest } = plan({ items: 10, limits: [bucket('create', 2, 15, { used: 15 })] });
    expect(latest).toBeCloseTo(5_000);
  });

  test('a reserve is left untouched', () => {
    const { latest } = plan({ items: 14, limits: [bucket('create', 2, 15, { share: 13 / 15 })] });
    expect(latest).toBeCloseTo(500);
  });

  test('Amazon’s 120 reports take 105 minutes beyond the burst', () => {
    const { latest, binding } = plan({ items: 120, limits: [bucket('create', 1 / 60, 15)] });
    expect(latest).toBeCloseTo(105 * 60_000);
    expect(binding).toMatchObject({ limit: 'create', operation: 'create' });
  });
});

describe('other windows', () => {
  const limit = (window: ForecastLimit['window'], more: Partial<ForecastLimit> = {}): ForecastLimit =>
    bucket('create', 1, 1, { window, ...more });

  test('spacing', () => {
    expect(plan({ items: 4, limits: [limit({ kind: 'spacing', ms: 1000 })] }).latest).toBe(3_000);
  });

  test('a rolling window lets its count go again when it has passed', () => {
    const window = { kind: 'rolling', count: 3, ms: 1000 } as const;
    expect(plan({ items: 3, limits: [limit(window)] }).latest).toBe(0);
    expect(plan({ items: 7, limits: [limit(window)] }).latest).toBe(2_000);
    expect(plan({ items: 3, limits: [limit(window, { used: 1, resetsAt: NOW + 400 })] }).latest).toBe(400);
  });

  test('a calendar day that is used up waits for the next', () => {
    const window = { kind: 'calendar', count: 10, per: 'day', zone: 'UTC' } as const;
    const midnight = NOW + 12 * 3_600_000;
    expect(plan({ items: 10, limits: [limit(window, { used: 4, resetsAt: midnight })] }).latestFinish).toBe(
      midnight,
    );
  });

  test('a reset that only the vendor knows cannot be forecast', () => {
    const { latestFinish } = plan({ items: 3, limits: [limit({ kind: 'vendor-reset', count: 2 })] });
    expect(latestFinish).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('the pipeline', () => {
  const steps: ForecastInput['steps'] = [
    { operation: 'create', callMs: INSTANT },
    {
      operation: 'poll',
      callMs: INSTANT,
      poll: { initialMs: 1000, factor: 2, maxMs: 4000, readyAfterMs: { min: 500, max: 6_000 } },
    },
    { operation: 'document', callMs: { min: 100, max: 200 } },
  ];

  test('polls until the report is ready: once at best, after 1, 3 and 7 s at worst', () => {
    const { callsByOperation, earliest, latest } = plan({ steps });
    expect(callsByOperation).toEqual({
      create: { min: 1, max: 1 },
      poll: { min: 1, max: 3 },
      document: { min: 1, max: 1 },
    });
    expect(earliest).toBe(1_100);
    expect(latest).toBe(7_200);
  });

  test('steps overlap: the slowest limit alone decides, the others add their latency once', () => {
    const limits = [bucket('create', 1, 1), bucket('document', 1, 1)];
    const { earliest, binding } = plan({ items: 30, steps, limits });
    expect(earliest).toBe(29_000 + 1_100);
    expect(binding?.waitMs).toBeCloseTo(29_000);
  });

  test('a limit over all operations is charged by every call', () => {
    const all = bucket('all', 1, 1, { operations: '*' });
    const { latest, callsByOperation } = plan({ items: 5, steps: steps.slice(0, 2), limits: [all] });
    const calls = (callsByOperation.create?.max ?? 0) + (callsByOperation.poll?.max ?? 0);
    expect(latest).toBeGreaterThanOrEqual((calls - 1) * 1000);
  });

  test('nothing goes before a pause has ended', () => {
    expect(plan({ notBefore: NOW + 60_000 }).earliest).toBe(60_000);
  });

  test('no work is done at once', () => {
    expect(plan({ items: 0 })).toMatchObject({ earliest: 0, latest: 0, binding: null });
  });
});
