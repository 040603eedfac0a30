/** Errors as `application/problem+json` (RFC 9457), with stable codes. */
import type { FastifyReply } from 'fastify';
import {
  type AnswerFacts,
  ERROR_CODES,
  type ErrorStatus,
  messageOf,
  OperationError,
  type Problem,
  type StopFacts,
} from '../operations/errors';
import { isSetupError } from '../operations/settings/setup-errors';

/** Codes of the API itself; those of use cases are in client/operations/errors.ts. */
export const API_CODES = {
  BAD_REQUEST: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NO_SUCH_ROUTE: 404,
  METHOD_NOT_ALLOWED: 405,
  TOO_SLOW: 408,
  IN_FLIGHT: 409,
  TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  KEY_REUSED: 422,
  TOO_MANY_REQUESTS: 429,
  HEADERS_TOO_LARGE: 431,
  INTERNAL: 500,
  OVERLOADED: 503,
  /** A key or secret that the settings name is missing, or the database is of another version: an operator's to mend. */
  NOT_SET_UP: 503,
} as const;
export type ApiCode = keyof typeof API_CODES;

export interface ApiErrorDetails {
  /** JSON pointer into the body, or the name of a parameter or header. */
  readonly field?: string;
  readonly limit?: string;
  /** Epoch ms. */
  readonly until?: number;
  /** Seconds. */
  readonly retryAfter?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An error of the API, not of a use case. */
export class ApiError extends Error {
  constructor(
    readonly code: ApiCode,
    message: string,
    readonly details: ApiErrorDetails = {},
  ) {
    super(message);
  }
}

const STATUS: Readonly<Record<ErrorStatus, number>> = {
  usage: 400,
  'not found': 404,
  conflict: 409,
  refused: 401,
  limited: 429,
  unavailable: 503,
  'not handed on': 502,
  failed: 500,
};

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
};

/** In place of the use cases' words, which name addresses and users: callers without a key get these errors, too. */
const AWAY: Readonly<Partial<Record<string, string>>> = {
  NO_SERVER: 'a server that this needs does not run; the log has more',
  DATABASE_UNAVAILABLE: 'the database cannot be reached; the log has more',
  NO_SCHEMA: 'the database has no tables yet; the first worker makes them',
  TEMPORAL_UNAVAILABLE: 'Temporal cannot be reached; the log has more',
};

/** Before a server that is away is asked again, s. */
const AWAY_SECONDS = 5;

export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly field: string | null;
  readonly limit: string | null;
  readonly until: string | null;
  readonly requestId: string;
  readonly errors?: readonly {
    readonly code: string;
    readonly field: string | null;
    readonly detail: string;
  }[];
  readonly answer?: AnswerFacts;
  readonly stop?: Omit<StopFacts, 'since'> & { readonly since: string };
}

export interface ProblemAnswer {
  readonly body: ProblemBody;
  readonly headers: Readonly<Record<string, string>>;
  /** The cause is none of the caller's business, and belongs in the log. */
  readonly internal: boolean;
}

/**
 * @param inBody whether a field of the input comes in the body: it is named by a JSON pointer then.
 * @param stop what stops the pool that the error names.
 */
export function problemOf(
  error: unknown,
  requestId: string,
  inBody: (field: string) => boolean = () => false,
  stop: StopFacts | null = null,
): ProblemAnswer {
  if (error instanceof ApiError) {
    const { field, limit, until, retryAfter, headers } = error.details;
    const status = API_CODES[error.code];
    return answer(
      { status, code: error.code, detail: error.message, field, limit, until, requestId },
      retryAfter,
      headers,
    );
  }
  if (error instanceof OperationError) {
    const status = STATUS[error.status];
    const limit = error.wait?.limit ?? error.wait?.pool;
    const until = error.wait?.until ?? undefined;
    const problems = error.problems.map((one) => shown(one, inBody));
    const [first] = problems;
    const away = AWAY[error.code];
    const detail = problems.map((one) => (one.field === null ? one.detail : `${one.field}: ${one.detail}`));
    const made = answer(
      {
        ...{ status, code: error.code, field: first?.field ?? undefined, limit, until, requestId },
        detail: away ?? detail.join('\n'),
        ...(problems.length > 1 ? { errors: problems } : {}),
        answer: error.problems[0].answer,
        ...(stop === null ? {} : { stop }),
      },
      secondsUntil(until) ?? (error.wait?.pool === undefined ? undefined : patience(stop, Date.now())),
    );
    return away === undefined ? made : { ...made, internal: true };
  }
  if (isSetupError(error)) return { ...problemOf(NOT_SET_UP, requestId), internal: true };
  const known = ofFramework(error) ?? ofPostgres(error);
  if (known !== null) return problemOf(known, requestId);
  return {
    ...answer({
      status: 500,
      code: 'INTERNAL',
      detail: 'something failed on our side; the log has it',
      requestId,
    }),
    internal: true,
  };
}

type Parts = {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly requestId: string;
} & {
  readonly field?: string | undefined;
  readonly limit?: string | undefined;
  readonly until?: number | undefined;
  readonly errors?: ProblemBody['errors'];
  readonly answer?: AnswerFacts | undefined;
  readonly stop?: StopFacts;
};

function answer(
  { status, code, detail, field, limit, until, requestId, errors, answer: made, stop }: Parts,
  retryAfter = status === 503 ? AWAY_SECONDS : status === 429 ? 1 : undefined,
  headers: Readonly<Record<string, string>> = {},
): ProblemAnswer {
  return {
    body: {
      type: `urn:sluice:problem:${code}`,
      title: TITLES[status] ?? 'Error',
      status,
      detail,
      code,
      field: field ?? null,
      limit: limit ?? null,
      until: until === undefined || !Number.isFinite(until) ? null : new Date(until).toISOString(),
      requestId,
      ...(errors === undefined ? {} : { errors }),
      ...(made === undefined ? {} : { answer: made }),
      ...(stop === undefined ? {} : { stop: { ...stop, since: new Date(stop.since).toISOString() } }),
    },
    headers: { ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }), ...headers },
    internal: status === 500,
  };
}

function shown({ code, field, message }: Problem, inBody: (field: string) => boolean) {
  const named = (name: string) =>
    inBody(outermost(name)) ? `/${name.split('.').map(escaped).join('/')}` : outermost(name);
  return { code, field: field === null ? null : named(field), detail: message };
}

/** Whole seconds from now, at least 1; undefined when nobody knows. */
function secondsUntil(until: number | undefined): number | undefined {
  if (until === undefined || !Number.isFinite(until)) return undefined;
  return Math.max(1, Math.ceil((until - Date.now()) / 1000));
}

const [LEAST_PATIENCE, MOST_PATIENCE] = [30, 300];

/**
 * Where only a person ends a stop, its end is not known: whoever waits a tenth of the time that it has lasted asks seldom,
 * and loses little when it ends. Seconds.
 */
function patience(stop: StopFacts | null, now: number): number {
  const lasted = stop === null ? 0 : (now - stop.since) / 1000;
  return Math.ceil(Math.min(MOST_PATIENCE, Math.max(LEAST_PATIENCE, lasted / 10)));
}

/** A parameter has no parts: one that is wrong in a list is wrong as a whole. */
const outermost = (field: string) => field.split('.')[0] ?? field;

/** RFC 6901. */
const escaped = (part: string) => part.replaceAll('~', '~0').replaceAll('/', '~1');

const NOT_SET_UP = new ApiError(
  'NOT_SET_UP',
  'a key or a secret that the settings name is missing, or the database is of another version; the log has more',
);

/** What Fastify says of a request that it could not read. */
function ofFramework(error: unknown): ApiError | null {
  const { code, statusCode } = error as { readonly code?: unknown; readonly statusCode?: unknown };
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode >= 500) {
    return code === 'FST_ERR_REOPENED_CLOSE_SERVER'
      ? new ApiError('OVERLOADED', 'the server is ending')
      : null;
  }
  if (statusCode === 413) return new ApiError('TOO_LARGE', messageOf(error));
  if (statusCode === 415) return new ApiError('UNSUPPORTED_MEDIA_TYPE', messageOf(error));
  return new ApiError('BAD_REQUEST', messageOf(error));
}

/** What Postgres says of a value that no check of ours has stopped, and of work that took too long. */
function ofPostgres(error: unknown): ApiError | OperationError | null {
  const { code } = error as { readonly code?: unknown };
  if (typeof code !== 'string') return null;
  if (/^22[0-9A-Z]{3}$/.test(code)) return new ApiError('BAD_REQUEST', 'a value is out of range');
  if (/^(?:08|53|57|55)[0-9A-Z]{3}$/.test(code) || code === '25P03') {
    return new ApiError('OVERLOADED', 'the database did not do this in time', { retryAfter: 1 });
  }
  return null;
}

export function sendProblem(reply: FastifyReply, { body, headers }: ProblemAnswer): FastifyReply {
  return reply.code(body.status).headers(headers).type('application/problem+json').send(JSON.stringify(body));
}

/** Every code there is, for the document. */
export const ALL_CODES: readonly string[] = [...Object.keys(ERROR_CODES), ...Object.keys(API_CODES)];

/** Those that come with this status. */
export function codesOf(status: number): readonly string[] {
  const used = Object.entries(ERROR_CODES).filter(([, kind]) => STATUS[kind] === status);
  const own = Object.entries(API_CODES).filter(([, one]) => one === status);
  return [...used, ...own].map(([code]) => code);
}
