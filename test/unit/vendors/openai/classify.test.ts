import fc from 'fast-check';
import type { VerdictKind } from '../../../../quota/verdict';
import type { CallInfo, CallResult } from '../../../../vendors/contract';
import { classifyOpenAi, learnOpenAi } from '../../../../vendors/openai/classify';

const NOW = Date.UTC(2026, 10, 24, 12);
const call: CallInfo = {
  vendor: 'openai',
  account: 'bios',
  operation: 'createResponse',
  attributes: { vendor: 'openai', account: 'bios' },
};

function answer(status: number, error: unknown, headers: Record<string, string> = {}): CallResult {
  const body = typeof error === 'string' ? error : JSON.stringify({ error });
  return { kind: 'response', response: { status, headers, body } };
}

const verdict = (result: CallResult) => classifyOpenAi(call, result, NOW);

describe('429', () => {
  const families: [string, { code?: string | null; type?: string; message?: string }, VerdictKind][] = [
    ['rate_limit_exceeded', { code: 'rate_limit_exceeded', type: 'requests' }, 'rate'],
    ['rate_limit_exceeded on tokens', { code: 'rate_limit_exceeded', type: 'tokens' }, 'rate'],
    ['slow_down', { code: 'slow_down', type: 'requests' }, 'rate'],
    ['no body that can be read', {}, 'rate'],
    ['type insufficient_quota alone', { code: null, type: 'insufficient_quota' }, 'billing'],
    ['insufficient_quota', { code: 'insufficient_quota', type: 'insufficient_quota' }, 'billing'],
    ['credit_balance_exhausted', { code: 'credit_balance_exhausted' }, 'billing'],
    ['organization_spend_limit_exceeded', { code: 'organization_spend_limit_exceeded' }, 'billing'],
    ['project_spend_limit_exceeded', { code: 'project_spend_limit_exceeded' }, 'billing'],
    ['organization_usage_limit_exceeded', { code: 'organization_usage_limit_exceeded' }, 'billing'],
    ['billing_hard_limit_reached', { code: 'billing_hard_limit_reached' }, 'billing'],
    ['project_usage_limit_exceeded', { code: 'project_usage_limit_exceeded' }, 'billing'],
    [
      'type project_spend_limit_exceeded alone',
      { code: null, type: 'project_spend_limit_exceeded' },
      'billing',
    ],
    [
      'the text of a spent budget alone',
      { message: 'You exceeded your current quota, please check …' },
      'billing',
    ],
    [
      'a request that no wait makes room for',
      {
        code: 'rate_limit_exceeded',
        type: 'tokens',
        message: 'Request too large for gpt-x on tokens per min (TPM): Limit 30000, Requested 45000.',
      },
      'invalid',
    ],
  ];
  test.each(families)('%s', (_, error, kind) => {
    expect(verdict(answer(429, error)).kind).toBe(kind);
  });

  test.each([
    ['credit_balance_exhausted', 'organization'],
    ['organization_spend_limit_exceeded', 'organization'],
    ['organization_usage_limit_exceeded', 'organization'],
    ['project_spend_limit_exceeded', 'account'],
    // Whose limit it is, it does not say: no other project is stopped on a guess.
    ['insufficient_quota', 'account'],
  ])('%s is of the %s', (code, scope) => {
    const type = 'insufficient_quota';
    expect(verdict(answer(429, { code, type }))).toMatchObject({ kind: 'billing', scope });
  });

  test('a billing error stays one although it states a wait', () => {
    const error = { code: 'insufficient_quota', type: 'insufficient_quota' };
    expect(verdict(answer(429, error, { 'retry-after': '1' })).kind).toBe('billing');
  });

  test.each([
    ['Rate limit reached for gpt-4.1 in organization org-x on tokens per min (TPM): Limit 1', 'tokens'],
    ['Rate limit reached for gpt-4.1 in organization org-x on requests per min (RPM): Limit 1', 'requests'],
    ['Rate limit reached', null],
  ])('%j names the limit %j', (message, limit) => {
    expect(verdict(answer(429, { code: 'rate_limit_exceeded', message }))).toMatchObject({ limit });
  });

  test.each([
    [{ 'retry-after': '7' }, '', 7000],
    [{ 'retry-after': '7', 'retry-after-ms': '6500' }, '', 6500],
    [{ 'retry-after': new Date(NOW + 90_000).toUTCString() }, '', 90_000],
    [{}, 'Please try again in 7.66s.', 7660],
    [{}, 'Please try again in 6m0s.', 360_000],
    [{}, 'Please try again in 120ms.', 120],
    [{}, 'no wait is stated', null],
    [{ 'retry-after': 'soon' }, '', null],
  ])('headers %j and the text %j state a wait of %p ms', (headers, message, statedWaitMs) => {
    const result = answer(429, { code: 'rate_limit_exceeded', message }, headers as Record<string, string>);
    expect(verdict(result)).toMatchObject({ kind: 'rate', statedWaitMs });
  });

  test.each([
    ['{"statusCode":429,"message":"Rate limit is exceeded. Try again in 2 seconds."}'],
    ['{"error":"Rate limit is exceeded. Try again in 2 seconds."}'],
    ['{"detail":"Rate limit is exceeded. Try again in 2 seconds."}'],
    ['Rate limit is exceeded. Try again in 2 seconds.'],
  ])('a gateway’s %j states its wait as well', (body) => {
    expect(verdict(answer(429, body))).toMatchObject({ kind: 'rate', statedWaitMs: 2000 });
  });

  test('a stated wait of weeks is the pool’s to decide', () => {
    const result = answer(429, { code: 'rate_limit_exceeded' }, { 'retry-after': String(30 * 86_400) });
    expect(verdict(result)).toMatchObject({ kind: 'quota', statedWaitMs: 30 * 86_400_000 });
  });
});

test.each<[number, unknown, VerdictKind]>([
  [200, null, 'ok'],
  [200, { code: 'server_error', message: 'The model failed' }, 'server'],
  [200, { code: 'invalid_prompt', message: 'It was flagged' }, 'invalid'],
  [400, { code: 'content_policy_violation', message: 'flagged' }, 'invalid'],
  [400, { code: 'billing_hard_limit_reached', message: 'limit' }, 'billing'],
  [402, { code: 402, message: 'Insufficient credits' }, 'billing'],
  [402, '', 'billing'],
  [401, { code: 'invalid_api_key', message: 'Incorrect API key provided: sk-abc***xyz' }, 'auth'],
  [403, { code: 'unsupported_country_region_territory', message: '' }, 'blocked'],
  [403, '<html>forbidden</html>', 'blocked'],
  [404, { code: 'model_not_found', message: 'no such model' }, 'gone'],
  [408, {}, 'server'],
  [409, {}, 'server'],
  [413, {}, 'invalid'],
  [422, {}, 'invalid'],
  [500, { code: null, type: 'server_error', message: 'oops' }, 'server'],
  [503, '<html>overloaded</html>', 'server'],
  [503, { code: 'slow_down', type: 'service_unavailable' }, 'rate'],
  [200, { code: null, type: 'server_error', message: 'oops' }, 'server'],
  [400, { code: 'model_not_found', param: 'model', message: 'does not exist' }, 'gone'],
  [403, { code: 'model_not_found', message: 'Project has no access to model' }, 'gone'],
  [400, { code: 'integer_below_min_value', param: 'max_output_tokens' }, 'gone'],
  [400, { code: 'context_length_exceeded', param: 'input' }, 'invalid'],
  [301, '', 'gone'],
  [405, { message: 'Not allowed to GET on /v1/responses.' }, 'gone'],
])('%i %j is %s', (status, error, kind) => {
  expect(verdict(answer(status, error)).kind).toBe(kind);
});

describe('what gateways say', () => {
  const spent = 'Budget has been exceeded! Team=0000 Current cost: 10.2, Max budget: 10.0';
  test.each<[string, number, unknown, VerdictKind]>([
    ['a team’s budget as 400', 400, { message: spent, type: 'budget_exceeded', code: '400' }, 'billing'],
    [
      'its text alone',
      400,
      { message: `litellm.BadRequestError: ${spent}`, type: null, code: '400' },
      'billing',
    ],
    ['as 429', 429, { message: spent, type: 'budget_exceeded', code: '429' }, 'billing'],
    ['inside a success', 200, { message: spent, type: 'budget_exceeded' }, 'billing'],
    ['inside a success, its text alone', 200, { message: spent }, 'billing'],
    ['as a class', 403, { message: 'over', type: 'BudgetExceededError' }, 'billing'],
    ['credits inside a success', 200, { message: 'Insufficient credits. Add more', code: 402 }, 'billing'],
    ['credits as 403', 403, { message: 'You have run out of credits' }, 'billing'],
    ['a thinking budget', 400, { message: 'The thinking budget has been exceeded', code: 'bad' }, 'invalid'],
    ['a minute’s budget', 429, { message: 'Token budget of 100 per minute exceeded' }, 'rate'],
    ['a quoted budget', 400, { message: 'Bad input: "my budget has been exceeded"', code: 'x' }, 'invalid'],
    ['429 inside a success', 200, { message: 'Provider returned error', code: 429 }, 'rate'],
    ['429 as text', 200, { message: 'Provider returned error', code: '429' }, 'rate'],
    ['502 inside a success', 200, { message: 'Network connection lost.', code: 502 }, 'server'],
    ['503 as a word', 200, { message: 'later', type: 'overloaded_error' }, 'server'],
    ['429 as a class', 200, { message: 'later', type: 'RateLimitError' }, 'rate'],
    [
      'a word of its metadata',
      200,
      { message: 'x', metadata: { error_type: 'provider_unavailable' } },
      'server',
    ],
    ['401 inside a success', 200, { message: 'no', code: 401 }, 'auth'],
    ['403 inside a success', 200, { message: 'flagged', code: 403 }, 'blocked'],
    ['400 inside a success', 200, { message: 'bad', code: 400 }, 'invalid'],
    ['a bare sentence inside a success', 200, { message: 'Something went wrong' }, 'server'],
    ['a text inside a success', 200, '{"error":"Something went wrong"}', 'server'],
    ['fields of another name', 200, '{"statusCode":429,"message":"slow"}', 'rate'],
    ['a list', 200, '[{"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED"}}]', 'rate'],
    ['a list of errors', 200, '{"errors":[{"code":502,"message":"lost"}]}', 'server'],
    [
      'a list of errors inside a success',
      200,
      '{"error":[{"type":"budget_exceeded","message":"x"}]}',
      'billing',
    ],
    [
      'a code of success beside an answer',
      200,
      '{"id":"r","output":[{}],"error":{"code":0,"message":""}}',
      'ok',
    ],
    ['another', 200, '{"id":"r","output":[{}],"error":{"code":"200","message":"OK"}}', 'ok'],
    [
      'a code of success and words of failure',
      200,
      '{"error":{"code":0,"message":"Network lost"}}',
      'server',
    ],
    ['no error, but an answer', 200, '{"id":"r","output":[],"message":"x","status":429}', 'ok'],
    ['a stream', 200, 'event: response.created\ndata: {"type":"response.created"}\n\n', 'invalid'],
    ['an error within an error', 200, { error: { code: 429, message: 'slow' } }, 'rate'],
    ['an error in a text', 200, { message: 'x - {"error":{"code":"insufficient_quota"}}' }, 'billing'],
    ['an error as a text of JSON', 200, '{"error":"{\\"code\\":502,\\"message\\":\\"lost\\"}"}', 'server'],
    ['a wrapped error', 200, '{"detail":{"error":{"code":429,"message":"slow"}}}', 'rate'],
    ['a word at the root', 200, '{"code":"rate_limit_exceeded","message":"slow"}', 'rate'],
    ['no success', 200, '{"success":false,"msg":"Something went wrong"}', 'server'],
    [
      'a completion that broke off',
      200,
      '{"object":"chat.completion","choices":[{"error":{"code":502}}]}',
      'server',
    ],
    ['a byte order mark', 200, '\ufeff{"error":{"code":429}}', 'rate'],
    ['a number with words', 200, { code: '429 Too Many Requests' }, 'rate'],
    ['a word of no model', 200, { message: 'gone', type: 'not_found_error' }, 'gone'],
    ['lines of JSON', 200, '{"response":"a","done":false}\n{"response":"b","done":true}\n', 'invalid'],
    ['a stream that begins with a comment', 200, ': PROCESSING\n\ndata: {"x":1}\n\n', 'invalid'],
    [
      'Python’s word for nothing',
      400,
      { message: spent, type: 'None', param: 'None', code: '400' },
      'billing',
    ],
    ['a proxy that wants a login', 407, '<html>Proxy Authentication Required</html>', 'blocked'],
    [
      'a quota of API management',
      403,
      { message: 'Out of call volume quota. Quota will be replenished in 00:13:18.' },
      'quota',
    ],
    ['a rate limit as 403', 403, { message: 'You have exceeded a secondary rate limit' }, 'rate'],
    ['a rate limit as 500', 500, { message: 'litellm.RateLimitError: slow down', code: '500' }, 'rate'],
    [
      'an advertisement beside a rate limit',
      429,
      { message: 'Rate limit reached on requests. Add a payment method to raise it.', type: 'requests' },
      'rate',
    ],
  ])('%s', (_, status, error, kind) => {
    expect(verdict(answer(status, error)).kind).toBe(kind);
  });

  test.each([
    'ExceededTokenBudget: Current spend for token: 7.2e-05; Max Budget for Token: 2e-07',
    'Crossed budget limit for user',
    'You have exceeded your monthly spend limit',
    'Your credit balance is too low to access the API. Please go to Plans & Billing.',
    'This request requires more credits, or fewer max_tokens. You can only afford 1428.',
    'Key limit exceeded (daily limit).',
    'Your prepayment credits are depleted.',
    'Your trial has ended. Please add a payment method.',
    'Access denied, please make sure your account is in good standing (Arrearage).',
    'You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.',
    'Your team has either used all available credits or reached its monthly spending limit.',
    'Das Budget ist aufgebraucht',
    '账户余额不足',
    'クレジット残高が不足しています',
    'Недостаточно средств на балансе',
    'Niewystarczające środki na koncie',
  ])('%j says that the money is gone, whatever the status', (message) => {
    for (const status of [400, 401, 402, 403, 429, 500]) {
      expect([status, verdict(answer(status, { message, code: String(status) })).kind]).toEqual([
        status,
        'billing',
      ]);
    }
    expect(verdict(answer(200, { message, code: 400 })).kind).toBe('billing');
  });

  test.each([
    ["Your prompt was blocked: 'the budget has been exceeded' is flagged", {}],
    ['thinking.budget_tokens: budget exceeded', {}],
    ['The maximum context length is 8192 tokens; the budget for the reply is exceeded', {}],
    ['the budget is exceeded', { param: 'max_output_tokens_budget' }],
  ])('%j says nothing of money', (message, more) => {
    expect(verdict(answer(400, { message, type: 'invalid_request_error', ...more })).kind).toBe('invalid');
  });

  test.each([
    [403, { message: 'Your input was flagged', code: 403, metadata: { reasons: ['violence'] } }],
    [403, '<html><head><title>Blocked</title></head></html>'],
    [200, { message: 'Your input was flagged', code: 403 }],
    [302, ''],
    [404, '<html>nothing here</html>'],
  ])('%i %j may be of this one request', (status, error) => {
    expect(verdict(answer(status, error))).toMatchObject({ ofRequest: true });
  });

  test.each([
    [403, { code: 'account_deactivated', message: '' }],
    [404, { code: 'model_not_found', message: '' }],
    [404, { message: 'Invalid URL (POST /v1/respons)', type: 'invalid_request_error' }],
  ])('%i %j is of all', (status, error) => {
    expect(verdict(answer(status, error))).not.toHaveProperty('ofRequest');
  });

  test('a 403 of another call is of the account', () => {
    const { kind, ofRequest } = classifyOpenAi(
      { ...call, operation: 'createBatch' },
      answer(403, ''),
      NOW,
    ) as {
      kind: string;
      ofRequest?: boolean;
    };
    expect([kind, ofRequest]).toEqual(['blocked', undefined]);
  });
});

describe('one request that is too large', () => {
  test.each([
    [{ code: 'rate_limit_exceeded', message: 'Limit 30,000, Requested 45,000.' }],
    [{ code: 'tokens', message: 'The request is larger than the limit of this deployment' }],
    [{ code: 'rate_limit_exceeded', message: 'Your prompt is too long' }],
    [{ code: 'context_length_exceeded', message: 'no' }],
  ])('%j is final, whatever wait it names', (error) => {
    expect(verdict(answer(429, error, { 'retry-after': '86400' })).kind).toBe('invalid');
  });

  test('a day’s wait for a limit of tokens may be of this one; one that the limit explains is of all', () => {
    const azure = 'have exceeded token rate limit of your current tier. Please retry after 86400 seconds.';
    expect(verdict(answer(429, { code: '429', message: azure }))).toMatchObject({
      ...{ kind: 'quota', ofRequest: true, statedWaitMs: 86_400_000 },
    });
    const daily =
      'Rate limit reached on tokens per day (TPD): Limit 200, Used 200, Requested 100. Try in 5h.';
    expect(verdict(answer(429, { code: 'rate_limit_exceeded', message: daily })).kind).toBe('rate');
  });
});

test.each([[''], ['<html>welcome</html>'], ['{"id":"resp_1","output":['], ['null']])(
  'a success of %j is a failure on the way, and no fault of the item',
  (body) => {
    expect(verdict(answer(200, body)).kind).toBe('server');
    expect(classifyOpenAi({ ...call, operation: 'downloadFile' }, answer(200, body), NOW).kind).toBe('ok');
  },
);

test('of a page, its title is evidence', () => {
  const page = '<html><head><title>502 Bad Gateway</title></head><body>…</body></html>';
  expect(verdict(answer(502, page)).evidence).toMatchObject({ message: '502 Bad Gateway' });
});

test('no answer is the server’s failure, and says whether the request may have arrived', () => {
  const lost = (mayHaveBeenSent: boolean): CallResult => ({
    kind: 'transport',
    error: { code: 'ECONNRESET', message: 'reset', mayHaveBeenSent },
  });
  expect(verdict(lost(true))).toMatchObject({ kind: 'server', ambiguous: true });
  expect(verdict(lost(false))).toMatchObject({ kind: 'server', ambiguous: false });
});

test('evidence quotes code and request id, and never a part of a key', () => {
  const error = { code: 'invalid_api_key', message: 'Incorrect API key provided: sk-proj-abc***wxyz.' };
  const { evidence } = verdict(answer(401, error, { 'x-request-id': 'req_1' }));
  expect(evidence).toMatchObject({ code: 'invalid_api_key', requestId: 'req_1', httpStatus: 401 });
  expect(JSON.stringify(evidence)).not.toMatch(/abc|wxyz/);
});

test('any answer at all becomes a verdict', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 100, max: 599 }),
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.json().map((j) => `{"error":${j}}`),
      ),
      fc.dictionary(fc.constantFrom('retry-after', 'retry-after-ms', 'x-request-id'), fc.string()),
      (status, body, headers) => {
        const { kind, evidence } = verdict({ kind: 'response', response: { status, headers, body } });
        expect(typeof kind).toBe('string');
        expect(evidence.httpStatus).toBe(status);
      },
    ),
  );
});

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
