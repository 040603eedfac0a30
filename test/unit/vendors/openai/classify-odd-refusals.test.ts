/** Refusals whose status says less than their words, or something else. */
import type { VerdictKind } from '../../../../quota/verdict';
import { answer, verdict } from '../../../support/vendors/openai-answers';

const kindOf = (status: number, error: unknown) => verdict(answer(status, error)).kind;

describe('one item that is too large, whatever the status', () => {
  test.each([
    [500, { message: 'litellm.ContextWindowExceededError: 210000 in, 200000 taken', code: '500' }],
    [500, { message: 'Input is too long for requested model.' }],
    [502, { message: 'the prompt is too long: 210000 tokens > 200000 maximum', code: 502 }],
    [503, { message: 'Request too large for model', code: 503 }],
    [429, { message: 'Requested tokens (45000) exceed the tokens-per-minute quota (30000)' }],
    [429, { message: 'This request needs 50,000 tokens but the limit is 30,000 tokens per minute' }],
  ])('%i %j fails that item', (status, error) => {
    expect(kindOf(status, error)).toBe('invalid');
  });

  test.each<[number, string, VerdictKind]>([
    [504, 'The request took too long to process', 'server'],
    [503, 'Your request has been queued too long', 'server'],
    [429, 'You requested 45,000 tokens in the last minute, your limit is 30,000 tokens', 'rate'],
    [429, 'You requested 12 times; the limit is 10 requests per minute', 'rate'],
    [429, 'Limit 30000, Used 29500, Requested 900. Please try again in 800ms', 'rate'],
  ])('%i %s is of no single item', (status, message, kind) => {
    expect(kindOf(status, { message, code: String(status) })).toBe(kind);
  });
});

test.each<[string, VerdictKind]>([
  ['{"detail":"Budget has been exceeded! Current cost: 2.0, Max budget: 1.0"}', 'billing'],
  ['{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}', 'billing'],
  ['{"base_resp":{"status_code":1002,"status_msg":"rate limit"}}', 'rate'],
  ['{"error_code":18,"error_msg":"Open api qps request limit reached"}', 'rate'],
  ['{"code":-1,"msg":"server overloaded"}', 'server'],
  ['{"error":{"code":"ECONNRESET","message":"socket hang up"}}', 'server'],
  ['{"error":{"code":"unknown","message":"An unexpected error"}}', 'server'],
  ['{"error":{"code":1305,"message":"try later"}}', 'server'],
  ['{"error":{"code":"guardrail_intervened","message":"no"}}', 'invalid'],
  ['{"id":"r","output":[{}],"base_resp":{"status_code":0,"status_msg":"done"}}', 'ok'],
  ['{"choices":[],"msg":"x"}', 'ok'],
  ['{"base_resp":{"status_code":0,"status_msg":"success"}}', 'ok'],
])('a success that is no answer is judged by its words: %s', (body, kind) => {
  expect(verdict(answer(200, body)).kind).toBe(kind);
});

test.each<[number, VerdictKind]>([
  ...[421, 423, 424, 425, 460, 499].map((status): [number, VerdictKind] => [status, 'server']),
  ...[400, 413, 422, 446, 451].map((status): [number, VerdictKind] => [status, 'invalid']),
])('%i burns an item only where the status is about the request', (status, kind) => {
  expect(kindOf(status, { message: 'x' })).toBe(kind);
});

test.each<[string, VerdictKind]>([
  ['Organization=acme over its max_budget. Spend: 101.2, Max: 100', 'billing'],
  ["Your newly created team doesn't have any credits or licenses yet.", 'billing'],
  ['This account does not currently have enough balance', 'billing'],
  ['The model does not support payment tools', 'blocked'],
  ['thinking_budget exceeded', 'blocked'],
  ['Prompt flagged: "too many requests"', 'blocked'],
  ['You have exceeded a secondary rate limit', 'rate'],
])('403 "%s" is %s', (message, kind) => {
  expect(kindOf(403, { message, code: 403 })).toBe(kind);
});

test.each<[number, unknown, VerdictKind]>([
  [412, { message: 'Account is suspended, possibly due to reaching the monthly spending limit' }, 'billing'],
  [412, { message: 'Your account has been suspended. Contact support' }, 'blocked'],
  [400, { message: 'Project proj_1 is inactive', type: 'invalid_request_error' }, 'blocked'],
  [400, { message: 'This organization has been disabled.', type: 'invalid_request_error' }, 'blocked'],
  [400, { message: 'Invalid value: the account is closed', param: 'metadata' }, 'invalid'],
  [400, { message: 'Bad text: "my account was suspended"' }, 'invalid'],
  [200, { message: 'Your account has been suspended' }, 'blocked'],
  [502, { message: 'The connection of the project was closed' }, 'server'],
])('%i %j: a closed account, where the status speaks of the request', (status, error, kind) => {
  expect(kindOf(status, error)).toBe(kind);
});

test('a closed account that words alone tell of fails one item, and several hold the account', () => {
  expect(verdict(answer(400, { message: 'Your account has been suspended' }))).toMatchObject({
    ofRequest: true,
  });
});

test.each<[string, VerdictKind]>([
  [
    '{"__type":"ThrottlingException","message":"Too many tokens per day, please wait before trying again."}',
    'rate',
  ],
  ['{"__type":"com.amazon.coral.service#ServiceQuotaExceededException","message":"x"}', 'quota'],
  ['{"__type":"ValidationException","message":"The provided model identifier is invalid."}', 'invalid'],
])('400 %s: the code of an AWS service', (body, kind) => {
  expect(verdict(answer(400, body)).kind).toBe(kind);
});
