import { answeredOutcome } from '../../../../activities/batches/item-outcome';
import { parseSettings } from '../../../../settings';
import { openaiTexts } from '../../../../vendors/openai/calls';
import { parseResponse, usageOf } from '../../../../vendors/openai/contract';
import { openaiLimitOverrides } from '../../../../vendors/openai/rules';
import { openaiAccountSchema } from '../../../../vendors/openai/settings';
import { inputTokens } from '../../../../vendors/openai/tokens';
import { processorMs } from '../../../support/processes/processor-time';

function response(change: Record<string, unknown> = {}): string {
  return JSON.stringify({
    id: 'resp_1',
    created_at: 1_760_000_000,
    status: 'completed',
    output: [
      { type: 'reasoning', summary: [] },
      {
        type: 'message',
        content: [
          { type: 'output_text', text: 'A life ' },
          { type: 'output_text', text: 'in music.' },
        ],
      },
    ],
    usage: { input_tokens: 10, output_tokens: 5, total_tokens: 15 },
    ...change,
  });
}

const refusal = [{ type: 'message', content: [{ type: 'refusal', refusal: 'I cannot.' }] }];

describe('parseResponse', () => {
  test('joins the text of all messages; epoch seconds become milliseconds', () => {
    expect(parseResponse(response())).toEqual({
      ok: true,
      value: { responseId: 'resp_1', createdAt: 1_760_000_000_000, text: 'A life in music.', problem: null },
    });
  });

  test.each([
    [{ output: refusal }, 'declined', 'refused: I cannot.'],
    [
      { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
      'incomplete',
      'incomplete: max_output_tokens',
    ],
    [
      { status: 'incomplete', incomplete_details: { reason: 'content_filter' } },
      'declined',
      'incomplete: content_filter',
    ],
    [{ status: 'cancelled' }, 'failed', 'status cancelled'],
    [{ output: [] }, 'empty', 'the answer holds no text'],
  ])('%j is answered, but no text to use', (change, kind, problem) => {
    expect(parseResponse(response(change))).toMatchObject({
      ok: true,
      value: { problem: { kind, text: problem } },
    });
  });

  test.each([['not json'], ['[]'], ['{"id":"x"}'], [response({ output: 'text' })]])(
    '%s is no response',
    (body) => {
      expect(parseResponse(body).ok).toBe(false);
    },
  );
});

test('an answer of another API is named, and times in any form are read', () => {
  expect(parseResponse('{"id":"c","object":"chat.completion","choices":[]}')).toMatchObject({
    problem: expect.stringContaining('chat.completion'),
  });
  for (const created_at of ['1760000000', 1_760_000_000_000, '2025-10-09T08:53:20Z']) {
    expect(parseResponse(response({ created_at }))).toMatchObject({
      value: { createdAt: 1_760_000_000_000 },
    });
  }
  expect(parseResponse(response({ created_at: '', id: '' }))).toMatchObject({
    value: { createdAt: 0, responseId: '', problem: null },
  });
});

test('what an answer says can be stored, its id too: Postgres takes neither U+0000 nor half a surrogate pair', () => {
  const content = [{ type: 'output_text', text: 'a\ud800b\0' }];
  const body = response({ id: 'resp_\0\udc00', output: [{ type: 'message', content }] });
  expect(answeredOutcome({ parse: parseResponse }, 7, body).outcome).toMatchObject({
    state: 'done',
    responseId: 'resp_\ufffd\ufffd',
    result: { text: 'a\ufffdb\ufffd' },
  });
});

test('usage is what the answer says, or unknown', () => {
  expect(usageOf(response())).toEqual({ total: 15, output: 5 });
  expect(usageOf(response({ usage: null }))).toBeUndefined();
  expect(usageOf('<html>')).toBeUndefined();
  const absurd = { input_tokens: 10, output_tokens: 5, total_tokens: 1e15 };
  expect(usageOf(response({ usage: absurd }))).toBeUndefined();
});

describe('tokens', () => {
  test.each([
    ['', 7],
    ['hello world', 9],
    ['<|endoftext|>', 14],
  ])('%j is a message of %i tokens', (text, tokens) => {
    expect(inputTokens(text)).toBe(tokens);
  });

  test('a text of megabytes is estimated without reading it token by token', () => {
    const ms = processorMs(() => expect(inputTokens('x'.repeat(5_000_000))).toBeGreaterThan(1_000_000));
    expect(ms).toBeLessThan(1000);
  });

  test('a long text without blanks takes no time, and a text with them is counted exactly', () => {
    const letters = Array.from({ length: 100_000 }, (_, i) => String.fromCharCode(97 + ((i * i) % 26))).join(
      '',
    );
    const ms = processorMs(() => {
      expect(inputTokens(letters)).toBeGreaterThan(10_000);
      expect(inputTokens(' '.repeat(100_000))).toBeGreaterThan(100);
    });
    // Uncut, half a minute.
    expect(ms).toBeLessThan(5000);
    expect(inputTokens('hello world '.repeat(100))).toBe(208);
  });

  test('the estimate of a call is its input and all the output that it allows', () => {
    const texts = openaiTexts(account({}));
    const capped = texts.request({ model: 'm', prompt: '', maxOutputTokens: 300 }, 'hello world');
    expect(capped).toEqual({ model: 'm', input: 'hello world', max_output_tokens: 300 });
    expect(texts.estimate(capped, 50)).toBe(309);
    const open = texts.request({ model: 'm', prompt: '', maxOutputTokens: null }, 'hello world');
    expect(texts.estimate(open, 50)).toBe(59);
  });
});

function account(more: Record<string, unknown>) {
  return openaiAccountSchema.parse({ vendor: 'openai', apiKey: 'env:KEY', ...more });
}

describe('account settings', () => {
  test('a daily limit becomes an enforced limit with the threshold as reserve', () => {
    expect(openaiLimitOverrides(account({ dailyLimit: 1000 }))).toEqual({
      daily: { count: 1000, mode: 'enforce', reserve: { background: expect.closeTo(0.2) } },
    });
    expect(openaiLimitOverrides(account({}))).toEqual({});
  });

  test('what the headers say about the limit itself wins', () => {
    const limits = { daily: { zone: 'Europe/Berlin', count: 5 } };
    expect(openaiLimitOverrides(account({ dailyLimit: 1000, limits })).daily).toMatchObject({
      count: 5,
      zone: 'Europe/Berlin',
      mode: 'enforce',
    });
  });

  test.each([
    [{ quotaThreshold: 0 }, 'must be a share above 0 and up to 1'],
    [{ quotaThreshold: 1.1 }, 'must be a share above 0 and up to 1'],
    [{ dailyLimit: 0 }, 'must be a whole number, at least 1'],
    [{ logInterval: 1.5 }, 'must be a whole number, at least 1'],
    [{ concurrency: { min: 20, max: 10 } }, 'must be at least concurrency.min (20)'],
    [{ apiKey: 'sk-literal' }, 'must be a reference to a secret'],
  ])('%j is refused', (more, what) => {
    const parsed = openaiAccountSchema.safeParse({ vendor: 'openai', apiKey: 'env:KEY', ...more });
    expect(parsed.success).toBe(false);
    expect(parsed.error?.issues[0]?.message).toContain(what);
  });
});

describe('the environment', () => {
  const yaml = 'accounts: { bios: { vendor: openai, apiKey: "env:KEY", quotaThreshold: 0.5 } }';
  const parse = (env: Record<string, string>) => parseSettings(yaml, { file: null, baseDir: '/', env });

  test('wins over the file for what a run is tuned with', () => {
    const env = {
      QUOTA_THRESHOLD: '0.7',
      DAILY_LIMIT: '500',
      PAUSE_DURATION_HOURS: '2',
      QUOTA_MONITORING: 'off',
      LOG_INTERVAL: '10',
    };
    expect(parse(env).accounts.bios).toMatchObject({
      quotaThreshold: 0.7,
      dailyLimit: 500,
      pauseHours: 2,
      quotaMonitoring: false,
      logInterval: 10,
    });
    expect(parse({}).accounts.bios).toMatchObject({ quotaThreshold: 0.5, pauseHours: 24, logInterval: 100 });
  });

  test('is checked as the file is', () => {
    expect(() => parse({ QUOTA_THRESHOLD: '2' })).toThrow(/QUOTA_THRESHOLD.*share above 0 and up to 1/);
  });
});
