/**
 * Answers that gateways, firewalls and servers that speak like OpenAI have been seen to give, instead of the vendor's own:
 * by the name of their form, or literally. Nothing here is real.
 */
import { z } from 'zod';
import type { SimAnswer, SimCall, SimRequest } from '../../../kit/vendor';

const error = (message: string, more: object = {}) => ({ error: { message, ...more } });
const BUDGET = 'Budget has been exceeded! Team=0000 Current cost: 10.2, Max budget: 10.0';
const PAGE =
  '<html><head><title>Request blocked</title></head><body>Your request was blocked. Ray 0000</body></html>';

interface Form {
  readonly status: number;
  readonly body: string | object;
  readonly headers?: Readonly<Record<string, string>>;
}

const FORMS = {
  moderation: {
    status: 403,
    body: error('your input was flagged', { code: 403, metadata: { reasons: ['x'] } }),
  },
  'firewall-page': { status: 403, body: PAGE },
  'budget-400': { status: 400, body: error(BUDGET, { type: 'budget_exceeded', code: '400' }) },
  'budget-text': {
    status: 400,
    body: error(`litellm.BadRequestError: ${BUDGET}`, { type: null, code: '400' }),
  },
  'budget-429': { status: 429, body: error(BUDGET, { type: 'budget_exceeded', code: '429' }) },
  'rate-in-200': { status: 200, body: error('Provider returned error', { code: 429 }) },
  'lost-in-200': { status: 200, body: error('Network connection lost.', { code: 502 }) },
  'credits-in-200': { status: 200, body: error('Insufficient credits. Add more', { code: 402 }) },
  'quota-403': {
    status: 403,
    body: { statusCode: 403, message: 'Out of call volume quota. Quota will be replenished in 00:00:02.' },
  },
  'nested-rate-500': {
    status: 500,
    body: error(
      'litellm.APIError: OpenAIException - {"error":{"code":"rate_limit_exceeded","message":"slow"}}',
      {
        ...{ type: 'None', param: 'None', code: '500' },
      },
    ),
  },
  'rate-draft-headers': {
    status: 429,
    headers: { 'retry-after': '0', ratelimit: '"default";r=0;t=2' },
    body: error('Too many requests'),
  },
  'too-large-day': {
    status: 429,
    headers: { 'retry-after': '86400' },
    body: error('exceeded token rate limit. Please retry after 86400 seconds.', { code: '429' }),
  },
  stream: {
    status: 200,
    headers: { 'content-type': 'text/event-stream; charset=utf-8' },
    body: 'event: response.created\ndata: {"type":"response.created"}\n\n',
  },
  'chat-completion': {
    status: 200,
    body: { id: 'chatcmpl-0', object: 'chat.completion', created: 1_764_000_000, choices: [] },
  },
  'file-missing': {
    status: 400,
    body: error('Cannot find file file-0, or project proj_x does not have access to it.', {
      ...{ type: 'invalid_request_error', param: 'file_id', code: null },
    }),
  },
  'file-processing': {
    status: 400,
    body: error('The file is still being processed.', { code: 'invalid_state' }),
  },
  'queue-full': {
    status: 400,
    body: error('Enqueued token limit reached for deployment m. The current limit is 200K.', {
      code: 'token_limit_exceeded',
    }),
  },
} as const satisfies Record<string, Form>;

type FormName = keyof typeof FORMS;
const NAMES = Object.keys(FORMS) as [FormName, ...FormName[]];

export const oddAnswerSchema = z
  .strictObject({
    operation: z.string().min(1).default('createResponse'),
    /** Only calls whose body holds this text. */
    contains: z.string().min(1).optional(),
    /** How many calls; without it, all of them. */
    count: z.int().positive().optional(),
    form: z.enum(NAMES).optional(),
    /** Literally, instead of a form. */
    status: z.int().min(200).max(599).optional(),
    headers: z.record(z.string(), z.string()).default({}),
    body: z.union([z.string(), z.record(z.string(), z.unknown())]).optional(),
  })
  .refine(({ form, body }) => (form === undefined) !== (body === undefined), {
    message: 'needs either form or body',
  });
type OddAnswer = z.output<typeof oddAnswerSchema>;

export class OddAnswers {
  private readonly answers: { readonly odd: OddAnswer; left: number }[];

  constructor(answers: readonly OddAnswer[]) {
    this.answers = answers.map((odd) => ({ odd, left: odd.count ?? Number.POSITIVE_INFINITY }));
  }

  /** The first that fits the call; undefined for the vendor's own answer. */
  take({ operation }: SimCall, request: SimRequest): SimAnswer | undefined {
    const found = this.answers.find(
      ({ odd, left }) =>
        left > 0 &&
        odd.operation === operation &&
        (odd.contains === undefined || request.body.includes(odd.contains)),
    );
    if (!found) return undefined;
    found.left--;
    const { form, status = 200, headers, body = '' } = found.odd;
    const answer: Form = form === undefined ? { status, headers, body } : FORMS[form];
    const isText = typeof answer.body === 'string';
    return {
      status: answer.status,
      headers: { 'content-type': isText ? 'text/html' : 'application/json', ...answer.headers },
      body: isText ? answer.body : JSON.stringify(answer.body),
    };
  }
}
