/**
 * Vendors that write texts: one call for each item of a batch. What differs between such vendors is described here;
 * permits, verdicts, retries and results are shared.
 */
import type { ConcurrencyPolicy } from '../../quota/batches/concurrency';
import type { HttpRequest, Parsed } from '../http';

/** What all items of a batch share. */
export interface TextJob {
  readonly model: string;
  /** With `{{variables}}` in it. */
  readonly prompt: string;
  /** Most tokens of an answer; null for the model's own limit. */
  readonly maxOutputTokens: number | null;
}

/** The body of one request, as it goes out and as it is exported. */
export type TextRequest = Readonly<Record<string, unknown>>;

/** `declined`: the model refuses. `incomplete`: cut short. `empty`: no text. `failed`: anything else. */
export type TextProblem = 'declined' | 'incomplete' | 'empty' | 'failed';

export interface TextAnswer {
  readonly responseId: string;
  /** Epoch ms. */
  readonly createdAt: number;
  readonly text: string;
  /** Why the text must not be used although the vendor answered: a refusal, cut short; null when it is whole. */
  readonly problem: { readonly kind: TextProblem; readonly text: string } | null;
}

/** The calls of one account at such a vendor. */
export interface TextApi {
  /** Operation name, as the limits know it. */
  readonly operation: string;
  /** Attributes by which limits distinguish calls. */
  attributes(model: string): Readonly<Record<string, string>>;
  /** Longest wait for a whole answer, ms. */
  readonly timeoutMs: number;
  readonly concurrency: ConcurrencyPolicy;
  /** Items between two lines of progress in the log. */
  readonly logInterval: number;
  /** Share of a daily limit at which background work pauses, above 0 up to 1. */
  readonly quotaThreshold: number;
  /** Whether use of quota is watched: alerts, and the share in the concurrency's decisions. */
  readonly quotaMonitoring: boolean;
  /** Longest time that background work sleeps at the threshold before it checks again, ms. */
  readonly pauseMs: number;
  /** @param filled the prompt with its variables filled in. */
  request(job: TextJob, filled: string): TextRequest;
  /** The request as it is sent by itself. */
  post(request: TextRequest): HttpRequest;
  /** Adds the key to a request. */
  authorize(request: HttpRequest, key: string): HttpRequest;
  /** Tokens that a call will be charged, before it is made. @param expectedOutput tokens, where nothing caps them. */
  estimate(request: TextRequest, expectedOutput: number): number;
  /** Tokens that an answer says it has cost; undefined when it does not. */
  used(body: string): { readonly total: number; readonly output: number } | undefined;
  parse(body: string): Parsed<TextAnswer>;
}
