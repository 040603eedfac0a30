/** Limits are judged at arrival and reported in headers; a clock that only the test moves makes them exact. */
import {
  type OpenAiScenarioInput,
  type OpenAiSimulator,
  startOpenAiSimulator,
} from '../../../../vendors/openai/simulator';
import { goDuration } from '../../../../vendors/openai/simulator/headers';
import { clientOf, MODEL, refusalOf } from '../../../support/callers/openai-caller';

const START = Date.UTC(2026, 4, 20, 23, 0);
const MINUTE = 60_000;

let sim: OpenAiSimulator;
let now: number;

async function start(options: OpenAiScenarioInput = {}): Promise<void> {
  now = START;
  sim = await startOpenAiSimulator({ latencyMs: { min: 0, max: 0 }, ...options }, { clock: () => now });
}

afterEach(() => sim.close());

const ask = (key?: string, more: Record<string, unknown> = {}) =>
  clientOf(sim.baseUrl, key).responses.create({ model: MODEL, input: 'x', ...more });

async function headersOf(more: Record<string, unknown> = {}): Promise<Record<string, string>> {
  const { response } = await clientOf(sim.baseUrl)
    .responses.create({ model: MODEL, input: 'x', ...more })
    .withResponse();
  return Object.fromEntries(response.headers);
}

async function askTimes(times: number, key?: string): Promise<void> {
  for (let i = 0; i < times; i++) await ask(key);
}

const used = (limit: string) => sim.limits.report(now).find((r) => r.limit === limit)?.inUse;

describe('requests a minute', () => {
  test('are refused above the bucket, with the wait in every form, and let in after it', async () => {
    await start({ requestsPerMinute: 60, burstSeconds: 3 });
    await askTimes(3);
    const error = await refusalOf(ask());
    expect(error).toMatchObject({ status: 429, type: 'requests', code: 'rate_limit_exceeded' });
    expect(error.message).toContain(
      `Rate limit reached for ${MODEL} in organization org-simulator on requests per min (RPM): Limit 60, Used 3, Requested 1. Please try again in 1s.`,
    );
    expect(error.headers?.get('retry-after')).toBe('1');
    expect(error.headers?.get('retry-after-ms')).toBe('1000');
    now += 999;
    expect((await refusalOf(ask())).status).toBe(429);
    now += 1;
    await ask();
  });

  test('belong to the project', async () => {
    await start({ requestsPerMinute: 1 });
    await ask('sk-a');
    expect((await refusalOf(ask('sk-a'))).status).toBe(429);
    await ask('sk-b');
  });

  test('belong to the organization too, when it has a limit of its own', async () => {
    await start({ organizationLimits: { requestsPerMinute: 1 } });
    await ask('sk-acme.a');
    expect((await refusalOf(ask('sk-acme.b'))).code).toBe('rate_limit_exceeded');
    await ask('sk-other.a');
  });

  test('may be counted for each model', async () => {
    await start({ requestsPerMinute: 1, limitsPerModel: true });
    await ask();
    await ask(undefined, { model: 'gpt-4.1' });
    expect((await refusalOf(ask())).status).toBe(429);
  });

  test('a refused call costs nothing unless the scenario says so', async () => {
    await start({ requestsPerMinute: 60, burstSeconds: 1 });
    await ask();
    await refusalOf(ask());
    expect(used('requests')).toBe(1);
    await sim.close();
    await start({ requestsPerMinute: 60, burstSeconds: 1, countRefusedCalls: true });
    await ask();
    await refusalOf(ask());
    expect(used('requests')).toBe(2);
  });

  test('an error of the caller counts, and a missing key does not', async () => {
    await start();
    await refusalOf(ask(undefined, { model: 'gpt-0' }));
    await refusalOf(ask('pk-x'));
    expect(used('requests')).toBe(1);
  });
});

describe('tokens a minute', () => {
  test('are charged with the estimate at arrival and with the truth once the answer is sent', async () => {
    await start({ latencyMs: { min: 150, max: 150 }, tokens: { inputErrorShare: 0 } });
    const asked = ask(undefined, { input: 'x'.repeat(4000), max_output_tokens: 5000 });
    while (used('tokens') === undefined) await new Promise(setImmediate);
    expect(used('tokens')).toBe(1000 + 5000);
    const { usage } = await asked;
    expect(usage?.input_tokens).toBe(1000);
    expect(used('tokens')).toBeCloseTo(usage?.total_tokens ?? 0, 6);
  });

  test('may stay charged as estimated', async () => {
    await start({ tokens: { settle: 'estimate' } });
    await ask(undefined, { input: 'x'.repeat(4000), max_output_tokens: 5000 });
    expect(used('tokens')).toBe(6000);
  });

  test('are refused above the bucket', async () => {
    await start({ tokensPerMinute: 6000, tokens: { settle: 'estimate' } });
    await ask(undefined, { max_output_tokens: 5999 });
    const error = await refusalOf(ask(undefined, { max_output_tokens: 199 }));
    expect(error).toMatchObject({ status: 429, type: 'tokens', code: 'rate_limit_exceeded' });
    expect(error.message).toContain('tokens per min (TPM): Limit 6000, Used 6000, Requested 200');
    expect(error.headers?.get('retry-after')).toBe('2');
  });

  test('a request above the whole limit is refused as such, without a wait', async () => {
    await start({ tokensPerMinute: 1000 });
    const error = await refusalOf(ask(undefined, { max_output_tokens: 2000 }));
    expect(error.message).toContain('Request too large');
    expect(error.headers?.get('retry-after')).toBeNull();
  });
});

describe('requests a day', () => {
  test('start over at midnight UTC', async () => {
    await start({ requestsPerDay: 2 });
    await askTimes(2);
    const error = await refusalOf(ask());
    expect(error.message).toContain(
      'requests per day (RPD): Limit 2, Used 2, Requested 1. Please try again in 1h0m0s.',
    );
    expect(error.headers?.get('retry-after')).toBe('3600');
    now += 60 * MINUTE;
    await askTimes(2);
  });

  test('or leave one by one after 24 hours', async () => {
    await start({ requestsPerDay: 1, dayWindow: 'rolling' });
    await ask();
    now += 60 * MINUTE;
    expect((await refusalOf(ask())).headers?.get('retry-after')).toBe(String(23 * 3600));
    now += 23 * 60 * MINUTE;
    await ask();
  });
});

describe('headers', () => {
  test('state the limit, what is left of it and when all of it is free again', async () => {
    await start({ requestsPerMinute: 500, tokensPerMinute: 60_000, tokens: { settle: 'estimate' } });
    expect(await headersOf({ max_output_tokens: 7659 })).toMatchObject({
      'x-ratelimit-limit-requests': '500',
      'x-ratelimit-remaining-requests': '499',
      'x-ratelimit-reset-requests': '120ms',
      'x-ratelimit-limit-tokens': '60000',
      'x-ratelimit-remaining-tokens': '52340',
      'x-ratelimit-reset-tokens': '7.66s',
    });
  });

  test('keep a lower true limit to themselves', async () => {
    await start({ requestsPerMinute: 100, trueLimits: { requestsPerMinute: 2 } });
    await ask();
    expect(await headersOf()).toMatchObject({
      'x-ratelimit-limit-requests': '100',
      'x-ratelimit-remaining-requests': '98',
      'x-ratelimit-reset-requests': '1.2s',
    });
    const error = await refusalOf(ask());
    expect(error.message).toContain('Limit 100, Used 2');
    expect(error.headers?.get('x-ratelimit-remaining-requests')).toBe('98');
    expect(error.headers?.get('retry-after')).toBe('30');
  });

  test('follow a limit that is changed while running', async () => {
    await start({ requestsPerMinute: 100 });
    sim.control({ limits: { requests: { ratePerSecond: 0.5, burst: 30 } } });
    expect((await headersOf())['x-ratelimit-limit-requests']).toBe('30');
  });

  test.each([
    ['missing', undefined],
    ['minus-one', '-1'],
    ['zero', '0'],
  ] as const)('may be %s', async (rateLimit, value) => {
    await start({ headers: { rateLimit } });
    const headers = await headersOf();
    for (const kind of ['requests', 'tokens']) {
      for (const what of ['limit', 'remaining', 'reset']) {
        expect(headers[`x-ratelimit-${what}-${kind}`]).toBe(value);
      }
    }
  });

  test('may be left out one by one, or sent literally', async () => {
    await start();
    sim.control({
      headers: {
        omit: ['x-ratelimit-limit-tokens', 'x-request-id'],
        set: { 'x-ratelimit-reset-requests': '1h2m3s' },
      },
    });
    const headers = await headersOf();
    expect(headers['x-ratelimit-limit-tokens']).toBeUndefined();
    expect(headers['x-request-id']).toBeUndefined();
    expect(headers['x-ratelimit-reset-requests']).toBe('1h2m3s');
  });

  test('state a wait as an HTTP date, or not at all', async () => {
    await start({ requestsPerMinute: 1, headers: { retryAfter: 'http-date', retryAfterMs: false } });
    await ask();
    const dated = (await refusalOf(ask())).headers;
    expect(dated?.get('retry-after')).toBe('Wed, 20 May 2026 23:01:00 GMT');
    expect(dated?.get('retry-after-ms')).toBeNull();
    sim.control({ headers: { retryAfter: 'missing', retryAfterMs: false } });
    expect((await refusalOf(ask())).headers?.get('retry-after')).toBeNull();
  });

  test.each([
    [0, '0s'],
    [0.2, '1ms'],
    [120, '120ms'],
    [1000, '1s'],
    [7660, '7.66s'],
    [60_000, '1m0s'],
    [360_000, '6m0s'],
    [3_600_000, '1h0m0s'],
    [3_723_000, '1h2m3s'],
  ])('print %d ms as %s', (ms, text) => {
    expect(goDuration(ms)).toBe(text);
  });
});

describe('errors by code', () => {
  test.each([
    ['rate_limit_exceeded', 'requests'],
    ['slow_down', 'rate_limit_error'],
    ['insufficient_quota', 'insufficient_quota'],
    ['credit_balance_exhausted', 'insufficient_quota'],
    ['organization_spend_limit_exceeded', 'insufficient_quota'],
    ['project_spend_limit_exceeded', 'insufficient_quota'],
    ['organization_usage_limit_exceeded', 'insufficient_quota'],
  ] as const)('%s is a 429 until it is cleared, and nothing is counted', async (code, type) => {
    await start();
    sim.control({ addErrors: [{ id: 'standing', code }] });
    expect(await refusalOf(ask())).toMatchObject({ status: 429, code, type, param: null });
    await refusalOf(ask());
    sim.control({ clearErrors: ['standing'] });
    await ask();
    expect(used('requests')).toBe(1);
  });

  test('hit one project, or every project of an organization', async () => {
    await start();
    sim.control({ addErrors: [{ id: 'a', code: 'project_spend_limit_exceeded', project: 'bios' }] });
    expect((await refusalOf(ask('sk-acme.bios'))).code).toBe('project_spend_limit_exceeded');
    await ask('sk-acme.other');
    sim.control({ clearErrors: true, addErrors: [{ code: 'insufficient_quota', organization: 'acme' }] });
    await refusalOf(ask('sk-acme.bios'));
    await refusalOf(ask('sk-acme.other'));
    await ask('sk-free.bios');
  });

  test('billing errors carry no limits; a wait is stated when there is one', async () => {
    await start();
    sim.control({
      addErrors: [
        { code: 'insufficient_quota', count: 1 },
        { code: 'slow_down', waitMs: 90_500 },
      ],
    });
    expect((await refusalOf(ask())).headers?.get('x-ratelimit-limit-requests')).toBeNull();
    const slow = await refusalOf(ask());
    expect(slow.headers?.get('retry-after')).toBe('91');
    expect(slow.headers?.get('x-ratelimit-limit-requests')).toBe('5000');
  });

  test('end by count, by time, and never overtake the limits of a 400', async () => {
    await start();
    sim.control({
      addErrors: [
        { code: 'content_policy_violation', count: 1 },
        { code: 'slow_down', forMs: MINUTE },
      ],
    });
    expect((await refusalOf(ask())).code).toBe('slow_down');
    now += MINUTE;
    expect(await refusalOf(ask())).toMatchObject({ status: 400, code: 'content_policy_violation' });
    expect(used('requests')).toBe(1);
    await ask();
  });
});
