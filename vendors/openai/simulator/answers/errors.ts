/** OpenAI's error bodies: `{error: {message, type, param, code}}`. */
import { json } from '../../../kit/server/server';
import type { SimAnswer } from '../../../kit/vendor';

export interface OpenAiError {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
}

export function errorAnswer(
  status: number,
  error: OpenAiError,
  headers: Readonly<Record<string, string>> = {},
): SimAnswer {
  return { ...json(status, { error }, headers), detail: { code: error.code } };
}

export const invalidRequest = (message: string, param: string | null, code: string | null): OpenAiError => ({
  message,
  type: 'invalid_request_error',
  param,
  code,
});

export const modelNotFound = (model: string): OpenAiError =>
  invalidRequest(
    `The model \`${model}\` does not exist or you do not have access to it.`,
    null,
    'model_not_found',
  );

export const contentPolicyViolation = (): OpenAiError =>
  invalidRequest(
    'Your request was rejected as a result of our safety system. Your prompt may contain text that is not allowed by our safety system.',
    null,
    'content_policy_violation',
  );

export const promptsShutDown = (): OpenAiError =>
  invalidRequest(
    'Prompt objects were shut down on 2026-11-30. Send the text of the prompt in instructions and input.',
    'prompt',
    'unsupported_parameter',
  );

export const serverError = (): OpenAiError => ({
  message:
    'The server had an error while processing your request. Sorry about that! You can retry your request.',
  type: 'server_error',
  param: null,
  code: null,
});

export const noSuchFile = (id: string): OpenAiError =>
  invalidRequest(`No such File object: ${id}`, 'id', null);

export const noSuchBatch = (id: string): OpenAiError =>
  invalidRequest(`No batch found with id '${id}'.`, null, null);

/** Never shows more of a key than its ends. */
export function invalidApiKey(key: string): SimAnswer {
  const shown = key.length > 12 ? `${key.slice(0, 3)}${'*'.repeat(8)}${key.slice(-2)}` : '********';
  return errorAnswer(
    401,
    invalidRequest(
      `Incorrect API key provided: ${shown}. You can find your API key at https://platform.openai.com/account/api-keys.`,
      null,
      'invalid_api_key',
    ),
  );
}

export function missingApiKey(): SimAnswer {
  return errorAnswer(
    401,
    invalidRequest(
      "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
      null,
      null,
    ),
  );
}

/** The body that a fault with an error status has by itself; a gateway answers in HTML. */
export function faultBody(status: number): string {
  if (status === 502 || status === 504) {
    return `<html><head><title>${status} Bad Gateway</title></head><body>cloudflare</body></html>`;
  }
  const error: OpenAiError =
    status === 503
      ? {
          message: 'The engine is currently overloaded, please try again later.',
          type: 'service_unavailable_error',
          param: null,
          code: 'overloaded',
        }
      : status >= 500
        ? serverError()
        : invalidRequest(`The request was rejected with status ${status}.`, null, null);
  return JSON.stringify({ error });
}

const QUOTA = 'insufficient_quota';
const BILLING =
  'For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.';

/** The errors that a scenario or a control command may bring about by code. */
export const ERROR_CODES = {
  rate_limit_exceeded: { status: 429, type: 'requests', message: 'Rate limit reached. Please slow down.' },
  slow_down: {
    status: 429,
    type: 'rate_limit_error',
    message: 'You have increased your request rate too quickly. Please slow down to your earlier rate.',
  },
  insufficient_quota: {
    status: 429,
    type: QUOTA,
    message: `You exceeded your current quota, please check your plan and billing details. ${BILLING}`,
  },
  credit_balance_exhausted: {
    status: 429,
    type: QUOTA,
    message: `Your credit balance is used up. Please add credits to continue. ${BILLING}`,
  },
  organization_spend_limit_exceeded: {
    status: 429,
    type: QUOTA,
    message: `Your organization has reached its spend limit. ${BILLING}`,
  },
  project_spend_limit_exceeded: {
    status: 429,
    type: QUOTA,
    message: `Your project has reached its spend limit. ${BILLING}`,
  },
  organization_usage_limit_exceeded: {
    status: 429,
    type: QUOTA,
    message: `Your organization has reached its usage limit. ${BILLING}`,
  },
  content_policy_violation: {
    status: 400,
    type: 'invalid_request_error',
    message: contentPolicyViolation().message,
  },
  /** Whatever the model: taken away from the project, or not yet given to it. */
  model_not_found: {
    status: 404,
    type: 'invalid_request_error',
    message: 'The model does not exist or you do not have access to it.',
  },
} as const satisfies Record<string, { status: number; type: string; message: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** True for the errors that last until somebody pays or raises a limit. */
export function isBilling(code: unknown): boolean {
  return typeof code === 'string' && Object.hasOwn(ERROR_CODES, code)
    ? ERROR_CODES[code as ErrorCode].type === QUOTA
    : false;
}
