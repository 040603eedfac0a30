/** The headers of limits and waits, in the forms that OpenAI and its imitators send. */
import { HOUR_MS, MINUTE_MS } from '../../../quota/durations';
import type { LimitBook } from '../../kit/judge/limit-book';
import type { SimAnswer, SimCall, SimRequest } from '../../kit/vendor';
import { isBilling } from './answers/errors';
import type { HeaderForm } from './options';

/** Go's `Duration.String` in whole milliseconds, rounded up: `0s`, `120ms`, `7.66s`, `6m0s`, `1h2m3s`. */
export function goDuration(ms: number): string {
  const whole = Math.ceil(ms);
  if (whole <= 0) return '0s';
  if (whole < 1000) return `${whole}ms`;
  const hours = Math.floor(whole / HOUR_MS);
  const minutes = Math.floor(whole / MINUTE_MS) % 60;
  const seconds = (whole % 60_000) / 1000;
  return `${hours > 0 ? `${hours}h` : ''}${hours + minutes > 0 ? `${minutes}m` : ''}${seconds}s`;
}

/** `retry-after` and `retry-after-ms`; nothing for a wait that is not known or never ends. */
export function retryHeaders(form: HeaderForm, waitMs: number | null, now: number): Record<string, string> {
  if (waitMs === null || !Number.isFinite(waitMs)) return {};
  const headers: Record<string, string> = {};
  if (form.retryAfter === 'seconds') headers['retry-after'] = String(Math.max(1, Math.ceil(waitMs / 1000)));
  // An HTTP date has whole seconds: the first one that is not too early.
  if (form.retryAfter === 'http-date') {
    headers['retry-after'] = new Date(Math.ceil((now + waitMs) / 1000) * 1000).toUTCString();
  }
  if (form.retryAfterMs) headers['retry-after-ms'] = String(Math.ceil(waitMs));
  return without(headers, form.omit);
}

/** Headers of every answer. Limits are on answers to calls that a limit counts, and not on billing errors or 5xx. */
export function commonHeaders(
  form: HeaderForm,
  request: SimRequest,
  call: SimCall,
  answer: SimAnswer,
  limits: LimitBook,
): Record<string, string> {
  const headers: Record<string, string> = {
    'x-request-id': `req_${request.requestId.replaceAll('-', '')}`,
    'openai-version': '2020-10-01',
    'openai-processing-ms': String(Math.round(answer.delayMs ?? 3)),
  };
  const { organization, project } = call.attributes;
  if (answer.status !== 401 && organization !== undefined && project !== undefined) {
    headers['openai-organization'] = organization;
    headers['openai-project'] = `proj_${project}`;
  }
  const counted = call.operation === 'createResponse' && answer.status !== 401 && answer.status < 500;
  if (counted && !isBilling(answer.detail?.code)) {
    Object.assign(headers, rateLimitHeaders(form, call, limits, request.at), form.set);
  }
  return without(headers, form.omit);
}

function rateLimitHeaders(
  form: HeaderForm,
  call: SimCall,
  limits: LimitBook,
  now: number,
): Record<string, string> {
  if (form.rateLimit === 'missing') return {};
  const headers: Record<string, string> = {};
  for (const kind of ['requests', 'tokens'] as const) {
    const announced = announcedState(kind, call, limits, now);
    if (!announced) continue;
    const unknown = form.rateLimit === 'minus-one' ? '-1' : '0';
    const known = form.rateLimit === 'present';
    headers[`x-ratelimit-limit-${kind}`] = known ? String(announced.limit) : unknown;
    headers[`x-ratelimit-remaining-${kind}`] = known ? String(announced.remaining) : unknown;
    headers[`x-ratelimit-reset-${kind}`] = known ? goDuration(announced.fullInMs) : unknown;
  }
  return headers;
}

/** A limit as announced: per minute or day, what is left of it, and when all of it is free again. */
export function announcedState(
  name: string,
  call: SimCall,
  limits: LimitBook,
  now: number,
): { limit: number; remaining: number; used: number; fullInMs: number } | null {
  const limit = limits.limit(name);
  const state = limits.state(name, call, now);
  if (!limit || state?.window.kind !== 'token-bucket') return null;
  const { window } = state;
  const rate = limit.announcedRatePerSecond ?? window.ratePerSecond;
  const announced = Math.round(rate * (limit.announcedPerSeconds ?? 60));
  // What is used is counted against the announced limit: a lower true limit stays hidden.
  const used = window.burst - state.remaining;
  return {
    limit: announced,
    remaining: Math.max(0, Math.floor(announced - used)),
    used: Math.ceil(used),
    fullInMs: (used / rate) * 1000,
  };
}

function without(headers: Record<string, string>, omit: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !omit.includes(name)));
}
