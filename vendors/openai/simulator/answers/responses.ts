/** `POST /v1/responses`: the answer, the time it takes, and the tokens that it really used. */
import { z } from 'zod';
import type { LimitBook } from '../../../kit/judge/limit-book';
import { hash32, unitOf } from '../../../kit/random';
import { json } from '../../../kit/server/server';
import type { SimAnswer, SimCall, SimRequest } from '../../../kit/vendor';
import type { OpenAiScenario } from '../options';
import type { ResponseRequest } from '../validate';
import { contentPolicyViolation, errorAnswer } from './errors';
import { emptyResponse, makeResponse } from './response-object';
import { streamResponse } from './stream';
import { estimateTokens, inputHash } from './text';

/** Share of the latency after which a stream begins. */
const FIRST_EVENT_SHARE = 0.3;

const answeredSchema = z.object({
  type: z.literal('answered'),
  at: z.number(),
  hash: z.string(),
  call: z.object({
    operation: z.string(),
    account: z.string(),
    attributes: z.record(z.string(), z.string()),
  }),
  input: z.number(),
  output: z.number(),
  /** Tokens to add to what was charged at arrival; below zero when less was used. */
  correction: z.number(),
});
type Answered = z.infer<typeof answeredSchema>;

export class ResponseDesk {
  latencyMs: OpenAiScenario['latencyMs'];
  /** Times each input was answered, by hash. */
  private readonly answers = new Map<string, number>();
  private inputTokens = 0;
  private outputTokens = 0;

  constructor(
    private readonly scenario: OpenAiScenario,
    private readonly record: (entry: Answered) => void,
    private readonly clock: () => number,
  ) {
    this.latencyMs = scenario.latencyMs;
  }

  /** What a call is charged at arrival. */
  estimate(request: ResponseRequest): number {
    return estimateTokens(request, this.scenario.tokens);
  }

  /** Answers a request that was validated and admitted. */
  answer(http: SimRequest, call: SimCall, request: ResponseRequest, limits: LimitBook): SimAnswer {
    const { scenario } = this;
    if (request.texts.some((t) => t.includes(scenario.text.contentFilterMarker))) {
      return errorAnswer(400, contentPolicyViolation());
    }
    const hash = inputHash(request);
    const times = this.answers.get(hash) ?? 0;
    this.answers.set(hash, times + 1);
    const id = http.requestId.replaceAll('-', '');
    const response = makeResponse(scenario, request, hash, id, http.at);
    const latencyMs = this.latency(hash, times);
    const input = response.usage?.input_tokens ?? 0;
    const output = response.usage?.output_tokens ?? 0;
    this.settleAfter(latencyMs, limits, {
      type: 'answered',
      hash,
      call: { operation: call.operation, account: call.account, attributes: { ...call.attributes } },
      input,
      output,
      correction: scenario.tokens.settle === 'truth' ? input + output - this.estimate(request) : 0,
    });
    const detail = { responseId: response.id, totalTokens: input + output, latencyMs: Math.round(latencyMs) };
    if (!request.stream) return { ...json(200, response), delayMs: latencyMs, detail };
    const started = emptyResponse(request, id, http.at);
    const firstMs = latencyMs * FIRST_EVENT_SHARE;
    return {
      status: 200,
      headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
      body: () => streamResponse(started, response, scenario.text.wordsPerDelta, latencyMs - firstMs),
      delayMs: firstMs,
      detail,
    };
  }

  stats(): Record<string, number> {
    const answered = [...this.answers.values()].reduce((sum, times) => sum + times, 0);
    return {
      answered,
      distinctInputs: this.answers.size,
      repeated: answered - this.answers.size,
      inputTokens: this.inputTokens,
      outputTokens: this.outputTokens,
    };
  }

  /** True when the entry was one of ours. */
  replay(entry: unknown, limits: LimitBook): boolean {
    const parsed = answeredSchema.safeParse(entry);
    if (!parsed.success) return false;
    this.answers.set(parsed.data.hash, (this.answers.get(parsed.data.hash) ?? 0) + 1);
    this.settle(parsed.data, limits);
    return true;
  }

  /** Books when the answer goes out. Never in the same turn: the call itself is journalled first. */
  private settleAfter(delayMs: number, limits: LimitBook, entry: Omit<Answered, 'at'>): void {
    const book = () => {
      const answered = { ...entry, at: this.clock() };
      this.record(answered);
      this.settle(answered, limits);
    };
    if (delayMs > 0) setTimeout(book, delayMs).unref();
    else setImmediate(book);
  }

  private settle(entry: Answered, limits: LimitBook): void {
    this.inputTokens += entry.input;
    this.outputTokens += entry.output;
    if (entry.correction === 0) return;
    for (const name of ['tokens', 'organizationTokens']) {
      limits.book(name, entry.call, entry.correction, entry.at);
    }
  }

  private latency(hash: string, times: number): number {
    const { min, max } = this.latencyMs;
    const unit = unitOf(hash32(this.scenario.seed, hash, times, 'latency'));
    return min + (max - min) * (this.scenario.latencyShape === 'skewed' ? unit ** 4 : unit);
  }
}
