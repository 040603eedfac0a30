/** What the Batch API's answers mean: batches, why they failed, and the lines of their results. */

import { unsettledMs } from '../../../../../activities/batches/files/answers';
import {
  parseBatch,
  parseBatchList,
  parseBatchRefusal,
  parseBatchResult,
  parseFile,
} from '../../../../../vendors/openai/batches/contract';
import { classifyOpenAi } from '../../../../../vendors/openai/classify';

const BATCH = {
  id: 'batch_1',
  object: 'batch',
  endpoint: '/v1/responses',
  errors: null,
  status: 'in_progress',
  created_at: 1_779_278_400,
  expires_at: 1_779_364_800,
  request_counts: { total: 10, completed: 4, failed: 1 },
  metadata: { sluice_key: 'k', odd: 7 },
};

function batch(change: object) {
  const parsed = parseBatch(JSON.stringify({ ...BATCH, ...change }));
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
}

test('a batch under way: counts, labels and when it expires', () => {
  expect(batch({})).toMatchObject({
    id: 'batch_1',
    end: null,
    ending: false,
    createdAt: 1_779_278_400_000,
    expiresAt: 1_779_364_800_000,
    completed: 4,
    labels: { sluice_key: 'k' },
    outputFileId: null,
    problems: [],
  });
});

test.each([
  ['validating', null, false],
  ['in_progress', null, false],
  ['finalizing', null, true],
  ['cancelling', null, true],
  ['completed', 'completed', true],
  ['expired', 'expired', true],
  ['cancelled', 'cancelled', true],
  ['failed', 'failed', true],
  ['a_state_of_tomorrow', null, false],
])('status %s ends as %p', (status, end, ending) => {
  const strange = status === 'a_state_of_tomorrow';
  expect(batch({ status })).toMatchObject({ status, strange, end, ending });
});

test('what makes no sense is not known, and what could not be stored is no answer', () => {
  expect(
    batch({
      expires_at: 1.8e18,
      request_counts: { total: -1, completed: 1.5, failed: 'many' },
      status: 'odd\u0000',
    }),
  ).toMatchObject({ expiresAt: null, total: 0, completed: 0, failed: 0, status: 'odd ' });
  expect(parseBatch(JSON.stringify({ ...BATCH, id: 'batch_\u0000' }))).toMatchObject({ ok: false });
  expect(parseFile('{"id":"file-\ud800"}')).toMatchObject({ ok: false });
  const line = { custom_id: 'item-1', response: { status_code: 400, request_id: 'r\u0000', body: {} } };
  expect(parseBatchResult(JSON.stringify(line))).toMatchObject({ value: { requestId: 'r ' } });
});

const failed = (...data: object[]) => batch({ status: 'failed', errors: { object: 'list', data } }).problems;

test('why a batch failed: the queue, the bill, the file, a line, the vendor', () => {
  const message =
    'Enqueued token limit reached for gpt-4.1-mini in organization org-x. Limit: 2,000,000 enqueued tokens. Please try again.';
  expect(failed({ code: 'token_limit_exceeded', message })).toMatchObject([
    { kind: 'queue full', limit: 2_000_000 },
  ]);
  const azure =
    "The number of enqueued tokens has surpassed the configured limit of 30K for the deployment 'x'.";
  expect(failed({ code: 'token_limit_exceeded', message: azure })).toMatchObject([{ limit: 30_000 }]);
  expect(failed({ code: 'token_limit_exceeded', message: 'too many' })).toMatchObject([{ limit: null }]);
  expect(failed({ code: 'billing_hard_limit_reached' })).toMatchObject([{ kind: 'billing' }]);
  expect(failed({ code: 'model_not_found', message: 'no such model' })).toMatchObject([{ kind: 'refused' }]);
  expect(failed({ code: 'invalid_json_line', line: 3, message: 'bad' })).toMatchObject([
    { kind: 'line', line: 3 },
  ]);
  expect(failed({ code: 'internal_error', line: null })).toMatchObject([{ kind: 'service' }]);
  expect(failed()).toMatchObject([{ kind: 'service' }]);
});

test('a page of the list names where the next one begins', () => {
  const page = (more: boolean) =>
    parseBatchList(JSON.stringify({ object: 'list', data: [BATCH], last_id: 'batch_1', has_more: more }));
  expect(page(true)).toMatchObject({ ok: true, value: { after: 'batch_1' } });
  expect(page(false)).toMatchObject({ ok: true, value: { after: null } });
});

test('a line is an answer, an error, or a request that was never begun', () => {
  const line = (response: unknown, error: unknown) =>
    parseBatchResult(JSON.stringify({ id: 'r', custom_id: 'item-7', response, error }));
  expect(line({ status_code: 200, request_id: 'req_1', body: { id: 'resp_1' } }, null)).toEqual({
    ok: true,
    value: { customId: 'item-7', kind: 'answer', status: 200, requestId: 'req_1', body: '{"id":"resp_1"}' },
  });
  expect(line(null, { code: 'batch_expired', message: 'too late' })).toMatchObject({
    value: { kind: 'expired', reason: 'too late' },
  });
  expect(line(null, { code: 'batch_cancelled' })).toMatchObject({ value: { kind: 'cancelled' } });
  expect(line(null, { code: 'request_timeout' })).toMatchObject({
    value: { kind: 'answer', status: 504, body: expect.stringContaining('request_timeout') },
  });
  expect(line(null, null)).toMatchObject({ value: { kind: 'error', code: 'no_answer' } });
});

test('what is not of its contract is named', () => {
  expect(parseBatchResult('{"custom_id":')).toEqual({ ok: false, problem: 'is not JSON' });
  expect(parseBatchResult('{"custom_id":""}')).toMatchObject({
    ok: false,
    problem: expect.stringContaining('custom_id'),
  });
  expect(parseFile('{"object":"file"}')).toMatchObject({ ok: false, problem: expect.stringContaining('id') });
  expect(parseBatch('{"id":"x","object":"file","status":"processed","created_at":1}')).toMatchObject({
    ok: false,
  });
});

const verdict = (operation: string, status: number, body: unknown) =>
  classifyOpenAi(
    { vendor: 'openai', account: 'a', operation, attributes: {} },
    { kind: 'response', response: { status, headers: {}, body: JSON.stringify(body) } },
    0,
  ).kind;

test('verdicts of the calls: a lost file is gone, a late cancel is no failure, a bill holds the pool', () => {
  const error = (param: string | null) => ({
    error: { message: 'Cannot find file', type: 'invalid_request_error', param },
  });
  expect(verdict('createBatch', 400, error('file_id'))).toBe('gone');
  expect(verdict('createBatch', 400, error('input_file_id'))).toBe('gone');
  expect(verdict('createBatch', 400, error('endpoint'))).toBe('invalid');
  expect(verdict('getBatch', 404, error(null))).toBe('gone');
  expect(verdict('cancelBatch', 409, error(null))).toBe('invalid');
  expect(verdict('createBatch', 409, error(null))).toBe('server');
  expect(verdict('getBatch', 200, BATCH)).toBe('ok');
  const broke = {
    ...BATCH,
    status: 'failed',
    errors: { data: [{ code: 'billing_hard_limit_reached', message: 'm' }] },
  };
  expect(verdict('getBatch', 200, broke)).toBe('billing');
  const full = {
    ...BATCH,
    status: 'failed',
    errors: { data: [{ code: 'token_limit_exceeded', message: 'm' }] },
  };
  expect(verdict('getBatch', 200, full)).toBe('ok');
});

test('the list is not believed before a creation without an answer can no longer arrive', () => {
  const part = { answered: false, askedAgoMs: 70_000 };
  expect(unsettledMs(part, 60_000, 310_000)).toBe(300_000);
  expect(unsettledMs({ ...part, answered: true }, 60_000, 310_000)).toBe(-10_000);
  expect(unsettledMs({ ...part, askedAgoMs: 370_000 }, 60_000, 310_000)).toBe(0);
});

describe('as servers that speak alike write it', () => {
  test('empty text is absent, and times come in any form', () => {
    expect(
      batch({
        output_file_id: '',
        error_file_id: ' ',
        input_file_id: '',
        expires_at: '',
        metadata: null,
        errors: '',
      }),
    ).toMatchObject({
      outputFileId: null,
      errorFileId: null,
      inputFileId: null,
      expiresAt: null,
      labels: {},
    });
    for (const created_at of [1_779_278_400, '1779278400', 1_779_278_400_000, '2026-05-20T12:00:00Z']) {
      expect(batch({ created_at }).createdAt).toBe(1_779_278_400_000);
    }
    expect(batch({ created_at: '' }).createdAt).toBeNull();
    expect(batch({ created_at: undefined, expires_at: undefined })).toMatchObject({ createdAt: null });
    expect(parseBatch(JSON.stringify({ ...BATCH, id: '' })).ok).toBe(false);
  });

  test('one record that cannot be used spoils none of a list, and says whose it is', () => {
    const ours = { id: 'batch_2', object: 'batch', status: 7, metadata: { sluice_key: 'k2' } };
    const data = [null, 'odd', ours, BATCH, { ...BATCH, id: '' }];
    const list = parseBatchList(JSON.stringify({ data, has_more: true, last_id: '' }));
    expect(list).toMatchObject({ ok: true, value: { batches: [{ id: 'batch_1' }], after: 'batch_1' } });
    const unusable = list.ok ? list.value.unusable : [];
    expect(unusable).toHaveLength(4);
    expect(unusable[2]).toMatchObject({
      id: 'batch_2',
      labels: { sluice_key: 'k2' },
      problem: expect.stringContaining('status'),
    });
    expect(parseBatchList('{"data":null}')).toMatchObject({ ok: true, value: { batches: [], after: null } });
    expect(parseBatchList('{"data":"many"}').ok).toBe(false);
  });

  test.each<[object, object]>([
    [
      { response: { status_code: 0, request_id: '', body: {} }, error: null },
      { kind: 'error', code: 'no_answer' },
    ],
    [
      { response: { status_code: 400, request_id: 'r', body: null }, error: 'the prompt is too long' },
      { kind: 'answer', status: 400, body: '{"error":"the prompt is too long"}' },
    ],
    [
      { response: { status_code: '200', body: { id: 'x' } } },
      { kind: 'answer', status: 200, body: '{"id":"x"}' },
    ],
    [
      { response: null, error: { code: 502, message: 'lost' } },
      { kind: 'answer', status: 502 },
    ],
    [{ response: { status_code: 200, body: '{"id":"x"}' } }, { kind: 'answer', body: '{"id":"x"}' }],
    [
      { response: { object: 'response', output: [] } },
      { kind: 'answer', status: 200, body: expect.stringContaining('"output":[]') },
    ],
    [
      { response: null, error: { code: 429, message: 'slow' } },
      { kind: 'answer', status: 429, body: '{"error":{"code":429,"message":"slow"}}' },
    ],
    [
      { response: null, error: { code: 'rate_limit_exceeded', message: 'slow' } },
      { kind: 'answer', status: 429 },
    ],
    [{ response: null, error: { type: 'batch_expired', message: 'late' } }, { kind: 'expired' }],
    [{ response: null, error: { code: 'BATCH_CANCELED' } }, { kind: 'cancelled' }],
    [{ response: { status_code: 400, body: { error: { code: 'batch_expired' } } } }, { kind: 'expired' }],
    [{ response: '{"status_code":200,"body":{"id":"x"}}' }, { kind: 'answer', body: '{"id":"x"}' }],
  ])('the line %j is %j', (line, result) => {
    expect(parseBatchResult(JSON.stringify({ id: 'v', custom_id: 'item-1', ...line }))).toMatchObject({
      value: result,
    });
  });

  test.each<[string, object]>([
    ['billing', { response: null, error: { code: 'insufficient_quota', message: 'You exceeded it' } }],
    ['billing', { response: null, error: { code: 'budget_exceeded', message: 'm' } }],
    ['billing', { response: null, error: 'Budget has been exceeded! Current cost: 5' }],
    ['billing', { response: null, error: { message: 'Budget has been exceeded!' } }],
    ['billing', { response: null, error: { error: { code: 'insufficient_quota' } } }],
    ['billing', { response: { status_code: 200, body: {} }, error: { code: 'billing_hard_limit_reached' } }],
    ['blocked', { response: null, error: { code: 'account_deactivated', message: 'm' } }],
    ['gone', { response: null, error: { code: 'model_not_found', message: 'm' } }],
    ['auth', { response: null, error: { code: 'invalid_api_key', message: 'm' } }],
    ['invalid', { response: null, error: { code: 'context_length_exceeded', message: 'm' } }],
    ['rate', { response: null, errors: [{ code: 'rate_limit_exceeded', message: 'm' }] }],
    ['rate', { response: { status_code: '429 Too Many Requests', body: { error: { message: 'm' } } } }],
    ['rate', { response: { status: 429, body: { error: { message: 'm' } } } }],
    ['server', { response: null, error: { code: 'the_moon', message: 'm' } }],
    ['server', { response: null, error: 'something broke' }],
  ])('%s is the verdict of a line with no answer but %j', (kind, line) => {
    const parsed = parseBatchResult(JSON.stringify({ custom_id: 'item-1', ...line }));
    if (!parsed.ok || parsed.value.kind !== 'answer') throw new Error('no answer');
    expect(verdict('createResponse', parsed.value.status, JSON.parse(parsed.value.body))).toBe(kind);
  });

  test.each<[string, object, object]>([
    [
      '400',
      { code: 'token_limit_exceeded', message: 'The current limit is 200K for the deployment.' },
      { kind: 'queue full', limit: 200_000 },
    ],
    [
      'a count of batches',
      { message: 'Too many batches in progress for this project' },
      { kind: 'queue full' },
    ],
    ['a sentence', { message: 'The batch queue is full, try again later' }, { kind: 'queue full' }],
    ['a file not there', { param: 'file_id', message: 'Cannot find file file-1' }, { kind: 'file missing' }],
    ['the same without a field', { message: 'No such file: file-1' }, { kind: 'file missing' }],
    ['a file under way', { message: 'File file-1 is still being processed' }, { kind: 'file not ready' }],
    [
      'a state',
      { param: 'file_id', message: 'File file-1 is not in a processed state' },
      { kind: 'file not ready' },
    ],
    [
      'a count of those under way',
      { message: 'You have reached the maximum number of in-progress batches (50)' },
      { kind: 'queue full' },
    ],
    ['a file that is checked', { message: 'file validation in progress' }, { kind: 'file not ready' }],
    ['a model', { code: 'model_not_found', message: 'no such model' }, { kind: 'refused' }],
    ['anything else', { message: 'the moon' }, { kind: 'unknown' }],
    ['a code of many', { code: 'TooManyBatches', message: 'x' }, { kind: 'queue full' }],
    [
      'those that are already there',
      { message: 'You already have 100 batches in progress; wait for one to finish.' },
      { kind: 'queue full' },
    ],
    [
      'what waits',
      { message: 'There are too many pending tokens for this model. Limit is 1.35M tokens.' },
      { kind: 'queue full', limit: 1_350_000 },
    ],
    ['no room', { message: 'The deployment has no room for more batch tokens' }, { kind: 'queue full' }],
    [
      'jobs that would be too many',
      { message: 'The number of queued jobs would exceed the limit' },
      { kind: 'queue full' },
    ],
    ['a size of the file', { message: 'Maximum of 50000 requests per batch exceeded' }, { kind: 'unknown' }],
    ['a code of a file under way', { code: 'file_not_ready', message: 'x' }, { kind: 'file not ready' }],
    [
      'a file of no use yet',
      { message: 'File file-1 has status "uploaded" and cannot be used yet' },
      { kind: 'file not ready' },
    ],
    ['a code of a file not there', { code: 'fileNotFound', message: 'x' }, { kind: 'file missing' }],
    ['a contraction', { message: "Couldn't find file file-1" }, { kind: 'file missing' }],
    ['an id that is unknown', { message: 'Unknown file id file-1' }, { kind: 'file missing' }],
    ['a file of nonsense', { message: 'Invalid file: line 3 is no JSON' }, { kind: 'unknown' }],
  ])('a batch that is not made: %s', (_, error, refusal) => {
    expect(parseBatchRefusal(JSON.stringify({ error }))).toMatchObject(refusal);
  });

  test('a state in other letters is known, and a word for nothing is no file', () => {
    const batchOf = (fields: object) =>
      parseBatch(JSON.stringify({ id: 'batch_1', object: 'batch', ...fields }));
    for (const status of ['Completed', 'COMPLETED', 'succeeded']) {
      expect(batchOf({ status, output_file_id: 'null', error_file_id: 'None' })).toMatchObject({
        value: {
          status: 'completed',
          end: 'completed',
          strange: false,
          outputFileId: null,
          errorFileId: null,
        },
      });
    }
    expect(batchOf({ status: 'In Progress' })).toMatchObject({
      value: { status: 'in_progress', strange: false },
    });
    expect(batchOf({ status: 'Canceled' })).toMatchObject({ value: { end: 'cancelled' } });
    expect(batchOf({ status: 'Paused' })).toMatchObject({ value: { status: 'Paused', strange: true } });
  });

  test('a byte order mark before a line is none of it', () => {
    expect(parseBatchResult('\ufeff{"custom_id":"item-1","response":{"body":{"id":"x"}}}')).toMatchObject({
      value: { customId: 'item-1', kind: 'answer' },
    });
  });
});
