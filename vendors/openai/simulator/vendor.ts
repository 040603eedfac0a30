/** OpenAI as the simulator kit sees it: which call is what, whose it is, and who answers it. */
import { z } from 'zod';
import type { Clock } from '../../kit/clock';
import type { LimitBook } from '../../kit/judge/limit-book';
import { json } from '../../kit/server/server';
import type { Identified, SimAnswer, SimCall, SimRequest, SimulatedVendor } from '../../kit/vendor';
import { ErrorBook } from './answers/error-book';
import {
  errorAnswer,
  faultBody,
  invalidApiKey,
  invalidRequest,
  missingApiKey,
  modelNotFound,
  promptsShutDown,
} from './answers/errors';
import { OddAnswers } from './answers/odd-answers';
import { rateLimited, standingAnswer } from './answers/refusals';
import { ResponseDesk } from './answers/responses';
import { inputHash } from './answers/text';
import { BatchDesk } from './batches/batches';
import { FileDesk } from './batches/files';
import { applyOpenAiControl, openAiControlShape } from './control';
import { commonHeaders } from './headers';
import { KeyRing, type Principal } from './keys';
import { modelGroupOf, type OpenAiScenario, openAiLimits } from './options';
import { type Operation, routeOf } from './routes';
import { parseJson, type Validated, validateResponseRequest } from './validate';

const errorHitSchema = z.object({ type: z.literal('error-hit'), id: z.string() });
const NOBODY: Principal = { project: 'unknown', organization: 'unknown' };

export function createOpenAiVendor(
  scenario: OpenAiScenario,
  record: (entry: unknown) => void,
  clock: Clock,
): SimulatedVendor {
  const keys = new KeyRing(scenario.projects);
  const errors = new ErrorBook(scenario.seed, (id) => record({ type: 'error-hit', id }));
  for (const error of scenario.errors) errors.add(error, clock());
  const form = { current: scenario.headers };
  const oddAnswers = new OddAnswers(scenario.oddAnswers);
  const responses = new ResponseDesk(scenario, record, clock);
  const batches: BatchDesk = new BatchDesk(scenario, () => files, record, clock);
  const files = new FileDesk(scenario, record, (id, now) => batches.resultFile(id, now));
  const parts = { errors, keys, responses, batches, form };
  /** A body is read once, though it is needed to count the call and again to answer it. */
  const bodies = new WeakMap<SimRequest, Validated>();

  function bodyOf(request: SimRequest): Validated {
    let body = bodies.get(request);
    if (!body) {
      body = validateResponseRequest(parseJson(request.body.toString('utf8')), scenario.models);
      bodies.set(request, body);
    }
    return body;
  }

  function identify(request: SimRequest): Identified {
    const { operation, id } = routeOf(request);
    const key = KeyRing.keyOf(request.headers);
    const principal = key === null ? undefined : keys.lookUp(key);
    const call = describe(request, operation, id, principal ?? NOBODY);
    if (key === null) return { call, answer: missingApiKey() };
    if (!principal) return { call, answer: invalidApiKey(key) };
    if (operation === 'unknown') {
      const message = `Invalid URL (${request.method} ${request.url.pathname})`;
      return { call, answer: errorAnswer(404, invalidRequest(message, null, null)) };
    }
    if (operation === 'prompts') return { call, answer: errorAnswer(404, promptsShutDown()) };
    // A project that may not call at all is refused before anything is counted.
    const error = errors.take(call, (status) => status === 429, request.at);
    return error ? { call, answer: standingAnswer(form.current, error, request.at) } : { call };
  }

  /** The call as limits count it and as the log shows it. */
  function describe(request: SimRequest, operation: Operation, id: string, principal: Principal): SimCall {
    const call = { operation, account: principal.project };
    const attributes = { ...principal, model: 'none', modelGroup: 'none' };
    if (operation === 'unknown') {
      return { ...call, attributes, detail: { method: request.method, path: request.url.pathname } };
    }
    if (operation !== 'createResponse') return { ...call, attributes, detail: id === '' ? {} : { id } };
    const body = bodyOf(request);
    if (!body.ok) return { ...call, attributes, detail: { invalid: body.error.param ?? 'body' } };
    const { model, stream, metadata } = body.request;
    const estimatedTokens = responses.estimate(body.request);
    return {
      ...call,
      attributes: { ...principal, model, modelGroup: modelGroupOf(scenario, model) },
      units: { tokens: estimatedTokens },
      detail: { model, inputHash: inputHash(body.request), estimatedTokens, stream, metadata },
    };
  }

  function handle(request: SimRequest, call: SimCall, limits: LimitBook): SimAnswer | Promise<SimAnswer> {
    const { operation, id } = routeOf(request);
    const { account: project } = call;
    const now = request.at;
    const odd = oddAnswers.take(call, request);
    if (odd) return odd;
    switch (operation) {
      case 'createResponse': {
        const body = bodyOf(request);
        if (!body.ok) return errorAnswer(body.status, body.error);
        const error = errors.take(call, (status) => status !== 429, now);
        if (error) return standingAnswer(form.current, error, now);
        return responses.answer(request, call, body.request, limits);
      }
      case 'uploadFile':
        return files.upload(request, project);
      case 'listFiles':
        return page(files.list(project, request.url.searchParams), request.url.searchParams);
      case 'getFile':
        return files.get(project, id, now);
      case 'downloadFile':
        return files.content(project, id, now);
      case 'deleteFile':
        return files.delete(project, id, now);
      case 'createBatch': {
        const organization = call.attributes.organization ?? NOBODY.organization;
        return batches.create({ project, organization }, request.body.toString('utf8'), now);
      }
      case 'getBatch':
        return batches.get(project, id, now);
      case 'listBatches':
        return page(batches.list(project, now), request.url.searchParams);
      case 'cancelBatch':
        return batches.cancel(project, id, now);
      case 'listModels':
        return json(200, { object: 'list', data: scenario.models.map(viewModel) });
      case 'getModel': {
        const model = scenario.models.find((m) => m.id === id);
        return model ? json(200, viewModel(model)) : errorAnswer(404, modelNotFound(id));
      }
      case 'prompts':
      case 'unknown':
        throw new Error(`${request.method} ${request.url.pathname} was answered before`);
    }
  }

  return {
    id: 'openai',
    limits: openAiLimits(scenario),
    identify,
    handle,
    faultBody,
    refuse: (request, call, refusal, limits) => rateLimited(form.current, request, call, refusal, limits),
    decorate: (request, call, answer, limits) => commonHeaders(form.current, request, call, answer, limits),
    controlShape: openAiControlShape,
    control: (command, now) => applyOpenAiControl(command, parts, now),
    pages: {},
    stats: () => ({
      responses: responses.stats(),
      files: files.count,
      batches: batches.stats(clock()),
      errors: errors.list(),
    }),
    replay: (entry, limits) => {
      const hit = errorHitSchema.safeParse(entry);
      if (hit.success) errors.replayHit(hit.data.id);
      else if (!responses.replay(entry, limits) && !files.replay(entry) && !batches.replay(entry)) {
        throw new Error(
          `the state file holds an entry that is not OpenAI's: ${JSON.stringify(entry).slice(0, 200)}`,
        );
      }
    },
  };
}

function viewModel(model: OpenAiScenario['models'][number]): unknown {
  return { id: model.id, object: 'model', created: 1_744_316_542, owned_by: 'system' };
}

/** A page of things with an `id`: `limit` (1 to 100, default 20) of them behind `after`. */
function page(all: readonly unknown[], query: URLSearchParams): SimAnswer {
  const limit = Number(query.get('limit') ?? 20);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) {
    return errorAnswer(400, invalidRequest(`Invalid 'limit': expected 1 to 100.`, 'limit', 'invalid_value'));
  }
  const ids = all.map((thing) => (thing as { id: string }).id);
  const after = query.get('after');
  const from = after === null ? 0 : ids.indexOf(after) + 1;
  const data = all.slice(from, from + limit);
  return json(200, {
    object: 'list',
    data,
    first_id: ids[from] ?? null,
    last_id: data.length === 0 ? null : (ids[from + data.length - 1] ?? null),
    has_more: from + limit < all.length,
  });
}
