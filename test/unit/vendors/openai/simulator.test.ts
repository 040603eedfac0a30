/** What OpenAI answers, asked by its own client and, where that client would not send it, by plain HTTP. */
import {
  type OpenAiScenarioInput,
  type OpenAiSimulator,
  startOpenAiSimulator,
} from '../../../../vendors/openai/simulator';
import { readMultipart } from '../../../../vendors/openai/simulator/batches/multipart';
import { clientOf, MODEL, readLines, refusalOf, upload } from '../../../support/callers/openai-caller';

const NO_WAIT = { latencyMs: { min: 0, max: 0 } };

let sim: OpenAiSimulator;

async function start(options: OpenAiScenarioInput = {}): Promise<void> {
  sim = await startOpenAiSimulator({ ...NO_WAIT, ...options });
}

afterEach(() => sim.close());

const ask = (input: string, more: Record<string, unknown> = {}) =>
  clientOf(sim.baseUrl).responses.create({ model: MODEL, input, ...more });

async function post(path: string, body: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${sim.baseUrl}${path}`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk-bios', 'content-type': 'application/json', ...headers },
    body,
  });
  return { status: response.status, body: (await response.json()) as { error: Record<string, unknown> } };
}

describe('the official client', () => {
  test('gets a text, its usage and the headers of a response', async () => {
    await start();
    const { data, response, request_id } = await clientOf(sim.baseUrl)
      .responses.create({
        model: MODEL,
        instructions: 'Write a biography.',
        input: 'Nina Simone',
        metadata: { artist: '7' },
      })
      .withResponse();
    expect(data.output_text.length).toBeGreaterThan(100);
    expect(data).toMatchObject({
      object: 'response',
      status: 'completed',
      model: MODEL,
      instructions: 'Write a biography.',
      metadata: { artist: '7' },
      output: [
        { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: data.output_text }] },
      ],
    });
    const { usage } = data;
    expect(usage?.total_tokens).toBe((usage?.input_tokens ?? 0) + (usage?.output_tokens ?? 0));
    expect(usage?.output_tokens).toBeGreaterThanOrEqual(90);
    expect(request_id).toMatch(/^req_[0-9a-f]{32}$/);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'openai-organization': 'org-simulator',
      'openai-project': 'proj_bios',
      'openai-version': '2020-10-01',
      'openai-processing-ms': '0',
    });
  });

  test('gets the same text again for the same seed and input, and another for another', async () => {
    await start();
    const [first, again, other] = [await ask('A'), await ask('A'), await ask('B')];
    expect(again.output_text).toBe(first.output_text);
    expect(again.id).not.toBe(first.id);
    expect(other.output_text).not.toBe(first.output_text);
    await sim.close();
    await start({ seed: 2 });
    expect((await ask('A')).output_text).not.toBe(first.output_text);
  });

  test('reads a stream, whose text is the one without stream', async () => {
    await start({ latencyMs: { min: 50, max: 50 } });
    const whole = await ask('Nina Simone');
    const types: string[] = [];
    let text = '';
    for await (const event of await clientOf(sim.baseUrl).responses.create({
      model: MODEL,
      input: 'Nina Simone',
      stream: true,
    })) {
      expect(event.sequence_number).toBe(types.length);
      types.push(event.type);
      if (event.type === 'response.output_text.delta') text += event.delta;
      if (event.type === 'response.completed') expect(event.response.usage).toEqual(whole.usage);
    }
    expect(text).toBe(whole.output_text);
    expect([...new Set(types)]).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ]);
  });

  test('puts a streamed response together itself, reasoning item included', async () => {
    await start();
    const final = await clientOf(sim.baseUrl)
      .responses.stream({ model: 'gpt-5-mini', input: 'Moondog' })
      .finalResponse();
    expect(final.output.map((item) => item.type)).toEqual(['reasoning', 'message']);
    expect(final.output_text).not.toBe('');
    expect(final.usage?.output_tokens_details.reasoning_tokens).toBeGreaterThan(0);
  });

  test('uploads, lists, reads and deletes a file', async () => {
    await start();
    const client = clientOf(sim.baseUrl);
    const id = await upload(client, ['{"n":1}', '{"n":"é"}']);
    const file = await client.files.retrieve(id);
    expect(file).toMatchObject({
      id,
      object: 'file',
      purpose: 'batch',
      filename: 'requests.jsonl',
      bytes: 19,
    });
    expect(await readLines(client, id)).toEqual([{ n: 1 }, { n: 'é' }]);
    expect((await client.files.list()).data.map((f) => f.id)).toEqual([id]);
    const second = await upload(client, ['{"n":2}']);
    expect((await client.files.list()).data.map((f) => f.id)).toEqual([second, id]);
    expect((await client.files.list({ order: 'asc' })).data.map((f) => f.id)).toEqual([id, second]);
    expect((await client.files.list({ purpose: 'evals' })).data).toEqual([]);
    expect((await refusalOf(clientOf(sim.baseUrl, 'sk-other').files.retrieve(id))).status).toBe(404);
    expect(await client.files.delete(id)).toMatchObject({ id, deleted: true });
    expect((await refusalOf(client.files.content(id))).status).toBe(404);
  });

  test('lists the models', async () => {
    await start({ models: [{ id: 'm-1' }, { id: 'm-2' }] });
    expect((await clientOf(sim.baseUrl).models.list()).data.map((m) => m.id)).toEqual(['m-1', 'm-2']);
    expect((await refusalOf(clientOf(sim.baseUrl).models.retrieve('m-3'))).code).toBe('model_not_found');
  });
});

describe('an answer', () => {
  beforeEach(() => start());

  test('ends where max_output_tokens ends it', async () => {
    const cut = await ask('Nina Simone', { max_output_tokens: 20 });
    expect(cut).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
    expect(cut.usage?.output_tokens).toBe(20);
  });

  test('is JSON when JSON was requested', async () => {
    const { output_text } = await ask('Nina Simone', { text: { format: { type: 'json_object' } } });
    expect(JSON.parse(output_text)).toEqual({ text: expect.any(String) });
  });

  test('is a refusal for an input with the marker of refusals', async () => {
    const { output, output_text } = await ask('write [[refuse]]');
    expect(output_text).toBe('');
    expect(output).toMatchObject([{ content: [{ type: 'refusal', refusal: expect.any(String) }] }]);
  });

  test('is a content_policy_violation for an input with the marker of the filter', async () => {
    const error = await refusalOf(ask('write [[content-filter]]'));
    expect(error).toMatchObject({
      status: 400,
      code: 'content_policy_violation',
      type: 'invalid_request_error',
    });
  });
});

describe('validation', () => {
  beforeEach(() => start());

  test.each([
    ['not JSON', '{', 400, null, null],
    ['an array', '[]', 400, null, null],
    ['no model', '{"input":"x"}', 400, 'model', 'missing_required_parameter'],
    ['no input', `{"model":"${MODEL}"}`, 400, 'input', 'missing_required_parameter'],
    ['a number as input', `{"model":"${MODEL}","input":5}`, 400, 'input', 'invalid_type'],
    ['an empty input', `{"model":"${MODEL}","input":[]}`, 400, 'input', 'empty_array'],
    [
      'an unknown role',
      `{"model":"${MODEL}","input":[{"role":"bard","content":"x"}]}`,
      400,
      'input[0].role',
      'invalid_value',
    ],
    [
      'an unknown parameter',
      `{"model":"${MODEL}","input":"x","max_tokens":5}`,
      400,
      'max_tokens',
      'unknown_parameter',
    ],
    [
      'too few output tokens',
      `{"model":"${MODEL}","input":"x","max_output_tokens":5}`,
      400,
      'max_output_tokens',
      'integer_below_min_value',
    ],
    [
      'a high temperature',
      `{"model":"${MODEL}","input":"x","temperature":3}`,
      400,
      'temperature',
      'decimal_above_max_value',
    ],
    [
      'a number in metadata',
      `{"model":"${MODEL}","input":"x","metadata":{"a":1}}`,
      400,
      'metadata.a',
      'invalid_type',
    ],
    ['an unknown model', '{"model":"gpt-0","input":"x"}', 404, null, 'model_not_found'],
    [
      'a prompt object',
      `{"model":"${MODEL}","prompt":{"id":"pmpt_1"}}`,
      400,
      'prompt',
      'unsupported_parameter',
    ],
  ])('refuses %s', async (_, body, status, param, code) => {
    const answer = await post('/responses', body);
    expect(answer.status).toBe(status);
    expect(answer.body.error).toEqual({
      message: expect.any(String),
      type: 'invalid_request_error',
      param,
      code,
    });
  });

  test('says of a prompt object that it was shut down, and what to send', async () => {
    const { body } = await post('/responses', `{"model":"${MODEL}","prompt":{"id":"pmpt_1"}}`);
    expect(body.error.message).toMatch(/shut down on 2026-11-30.*instructions and input/);
  });

  test.each([
    ['no form', 'application/json', '{}', null],
    [
      'no purpose',
      'multipart/form-data; boundary=b',
      '--b\r\ncontent-disposition: form-data; name="x"\r\n\r\ny\r\n--b--\r\n',
      'purpose',
    ],
    [
      'no file',
      'multipart/form-data; boundary=b',
      '--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--b--\r\n',
      'file',
    ],
  ])('refuses an upload with %s', async (_, type, body, param) => {
    const answer = await post('/files', body, { 'content-type': type });
    expect(answer.status).toBe(400);
    expect(answer.body.error.param).toBe(param);
  });

  test('refuses a file that is too large', async () => {
    await sim.close();
    await start({ maxFileBytes: 10 });
    expect((await refusalOf(upload(clientOf(sim.baseUrl), ['0123456789']))).status).toBe(413);
  });

  test('reads a form whose content holds line ends, hyphens and half a boundary', () => {
    const content = '\r\n--bou\r\n--\r\n';
    const form = `--bound\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\nContent-Type: x/y\r\n\r\n${content}\r\n--bound--\r\n`;
    const parts = readMultipart('multipart/form-data; boundary="bound"', Buffer.from(form));
    expect(parts?.get('file')?.filename).toBe('a.jsonl');
    expect(parts?.get('file')?.content.toString()).toBe(content);
  });
});

describe('keys', () => {
  test('any sk- key is its own project, and another one is refused without being shown', async () => {
    await start();
    await clientOf(sim.baseUrl, 'sk-acme.bios').responses.create({ model: MODEL, input: 'x' });
    expect(sim.log.list({ account: 'bios' })).toHaveLength(1);
    const error = await refusalOf(clientOf(sim.baseUrl, 'pk-very-secret-key').models.list());
    expect(error).toMatchObject({ status: 401, code: 'invalid_api_key' });
    expect(error.message).not.toContain('secret');
  });

  test('a request without a key is a 401', async () => {
    await start();
    expect((await post('/responses', '{}', { authorization: '' })).status).toBe(401);
  });

  test('configured projects are the only ones', async () => {
    await start({ projects: [{ name: 'bios', apiKey: 'sk-1', organization: 'org-a' }] });
    expect(
      (await clientOf(sim.baseUrl, 'sk-1').models.list().withResponse()).response.headers.get(
        'openai-organization',
      ),
    ).toBe('org-a');
    expect((await refusalOf(clientOf(sim.baseUrl, 'sk-2').models.list())).status).toBe(401);
  });

  test('a revoked key is refused until it is restored', async () => {
    await start();
    sim.control({ revokeKeys: ['sk-bios'] });
    expect((await refusalOf(ask('x'))).status).toBe(401);
    sim.control({ restoreKeys: ['sk-bios'] });
    expect((await ask('x')).status).toBe('completed');
  });

  test('an unknown path is a 404 in the same form', async () => {
    await start();
    expect((await post('/chat/completions', '{}')).body.error).toMatchObject({
      type: 'invalid_request_error',
    });
    expect((await post('/prompts', '{}')).body.error.message).toContain('shut down');
  });
});
