import type { VerdictKind } from '../../../../quota/verdict';
import type { CallResult } from '../../../../vendors/contract';
import { classifyOpenAi } from '../../../../vendors/openai/classify';
import fc from '../../../support/run/properties';
import { answer, call, NOW, verdict } from '../../../support/vendors/openai-answers';

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
