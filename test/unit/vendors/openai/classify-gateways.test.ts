/** What gateways before OpenAI's API say, and what it means. */
import type { VerdictKind } from '../../../../quota/verdict';
import { classifyOpenAi } from '../../../../vendors/openai/classify';
import { answer, call, NOW, verdict } from '../../../support/vendors/openai-answers';

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
    ['a message that is an object', 400, `{"object":"error","message":{"detail":"${spent}"}}`, 'billing'],
    ['a message that is a list', 400, { message: [spent, 'ask your team'] }, 'billing'],
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
