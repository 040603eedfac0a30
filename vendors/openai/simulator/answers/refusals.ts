/** A call that a limit refuses, and errors that a scenario brings about, in OpenAI's words. */
import type { LimitBook, Refusal } from '../../../kit/judge/limit-book';
import type { SimAnswer, SimCall, SimRequest } from '../../../kit/vendor';
import { announcedState, goDuration, retryHeaders } from '../headers';
import type { HeaderForm } from '../options';
import type { StandingError } from './error-book';
import { ERROR_CODES, errorAnswer } from './errors';

const LEARN_MORE = 'Visit https://platform.openai.com/account/rate-limits to learn more.';

/** What a limit is called in the message, and in `type`. */
const WORDS: Readonly<Record<string, readonly [type: 'requests' | 'tokens', phrase: string]>> = {
  requests: ['requests', 'requests per min (RPM)'],
  organizationRequests: ['requests', 'requests per min (RPM)'],
  tokens: ['tokens', 'tokens per min (TPM)'],
  organizationTokens: ['tokens', 'tokens per min (TPM)'],
  requestsPerDay: ['requests', 'requests per day (RPD)'],
};

/** 429 `rate_limit_exceeded` with the announced limit, what is used of it, and the wait. */
export function rateLimited(
  form: HeaderForm,
  request: SimRequest,
  call: SimCall,
  refusal: Refusal,
  limits: LimitBook,
): SimAnswer {
  // An injected refusal names no limit: it is reported as the one that any call may run into.
  const name = refusal.limit ?? (call.operation === 'createResponse' ? 'requests' : call.operation);
  const [type, phrase] = WORDS[name] ?? ['requests', 'requests'];
  const { model, organization } = call.attributes;
  const requested = type === 'tokens' ? (call.units?.tokens ?? 0) : 1;
  const { limit, used } = usageOf(name, call, limits, request.at);
  const about = `for ${model} in organization ${organization} on ${phrase}: Limit ${limit}`;
  const never = refusal.waitMs !== null && !Number.isFinite(refusal.waitMs);
  const message = never
    ? `Request too large ${about}, Requested ${requested}. The input or output tokens must be reduced in order to run successfully. ${LEARN_MORE}`
    : `Rate limit reached ${about}, Used ${used}, Requested ${requested}.${tryAgain(refusal.waitMs)} ${LEARN_MORE}`;
  return errorAnswer(
    429,
    { message, type, param: null, code: 'rate_limit_exceeded' },
    retryHeaders(form, refusal.waitMs, request.at),
  );
}

/** The answer of an error that stands. */
export function standingAnswer(form: HeaderForm, error: StandingError, now: number): SimAnswer {
  const { status, type, message } = ERROR_CODES[error.code];
  const waitMs = error.waitMs ?? null;
  return errorAnswer(
    status,
    {
      message: `${message}${tryAgain(waitMs)}`,
      type: error.code === 'rate_limit_exceeded' ? error.about : type,
      param: null,
      code: error.code,
    },
    retryHeaders(form, waitMs, now),
  );
}

function tryAgain(waitMs: number | null): string {
  return waitMs === null ? '' : ` Please try again in ${goDuration(waitMs)}.`;
}

function usageOf(
  name: string,
  call: SimCall,
  limits: LimitBook,
  now: number,
): { limit: number; used: number } {
  const announced = announcedState(name, call, limits, now);
  if (announced) return announced;
  const window = limits.limit(name)?.window;
  const count = window && 'count' in window ? window.count : 0;
  return { limit: count, used: count - (limits.state(name, call, now)?.remaining ?? 0) };
}
