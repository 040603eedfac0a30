/**
 * Errors of use cases: `{ code, field, message }`, one for each thing that is wrong. The message gives the value and
 * what would be right, and knows no command line: it names another field of the input in backticks, or another use case
 * (hints.ts), and each face replaces that by its own name (an option or a command on the command line). No message holds a
 * secret.
 */
import { AccountLeftOut } from '../../settings/accounts/accounts';

/** What kind of trouble a code is: decides the exit code of a command, and the status of an HTTP response. */
export type ErrorStatus =
  /** Something given cannot be right: exit code 2, HTTP 400. */
  | 'usage'
  /** What is named is not there: HTTP 404. */
  | 'not found'
  /** What is there is in no state for it: HTTP 409. */
  | 'conflict'
  /** Credentials that somebody has refused: HTTP 401. */
  | 'refused'
  /** A quota or a limit has no room for it now; `until` says until when: HTTP 429. */
  | 'limited'
  /** A server does not answer: HTTP 503. */
  | 'unavailable'
  /** A call was made, and its answer cannot be handed on: HTTP 502. */
  | 'not handed on'
  /** It was tried and did not work: HTTP 500. */
  | 'failed';

/** Every code that there is. Codes are stable: programs may depend on them, and on no message. */
export const ERROR_CODES = {
  /** A value that is not of the field's form or range. */
  INVALID_INPUT: 'usage',
  /** A field that is needed and was not given. */
  MISSING_INPUT: 'usage',
  /** A field that the use case does not have. */
  UNKNOWN_FIELD: 'usage',
  /** An account, dataset, pool, limit or device that settings and vendor do not know. */
  UNKNOWN_NAME: 'usage',
  /** A name that stands for several things, or none given where there are several. */
  AMBIGUOUS_NAME: 'usage',
  /** A field that does not go with this dataset, account or vendor, or with another field. */
  NOT_APPLICABLE: 'usage',
  /** An id of the caller's own that was used for something else before. */
  ID_TAKEN: 'usage',
  /** A batch, command or run that does not exist. */
  NOT_FOUND: 'not found',
  /** A run that is to be steered and has ended, or was never begun. */
  NOT_RUNNING: 'conflict',
  /** Something that is past the point at which it could be changed. */
  TOO_LATE: 'conflict',
  /** Somebody else is doing the same now. */
  BUSY: 'conflict',
  /** Something else was reported of it before. */
  ALREADY_REPORTED: 'conflict',
  /** The vendor's login wants a captcha solved, whose token comes with the request. */
  LOGIN_NEEDS_CAPTCHA: 'conflict',
  /** The vendor refuses a login for another reason than name and password, e.g. a captcha's token that was used. */
  LOGIN_REFUSED: 'conflict',
  /** The account is another user's. */
  OTHER_USER: 'conflict',
  /** The vendor refuses a user's name or password. */
  WRONG_CREDENTIALS: 'refused',
  /** A limit has nothing left, or the vendor asked for a wait. */
  LIMIT_REACHED: 'limited',
  /** The vendor reported the account's quota as used up. */
  QUOTA_PAUSED: 'limited',
  /** The account's pool lets no call through: an operator or the vendor's refusal holds it, or the vendor is down. */
  POOL_STOPPED: 'unavailable',
  /** The vendor gave no usable answer lately, and it is too early for another try. */
  NO_ANSWER: 'unavailable',
  /** Nobody is there to do it: it waits for a worker. */
  NO_WORKER: 'unavailable',
  /** Neither the settings nor this folder name a server. */
  NO_SERVER: 'unavailable',
  /** Postgres cannot be reached, or does not let us in. */
  DATABASE_UNAVAILABLE: 'unavailable',
  /** The database is there, and has no tables of Sluice. */
  NO_SCHEMA: 'unavailable',
  /** Temporal cannot be reached, or does not let us in. */
  TEMPORAL_UNAVAILABLE: 'unavailable',
  /** The vendor has answered more than is handed on; `answer` says what it was. The call is made and counts. */
  ANSWER_TOO_LARGE: 'not handed on',
  /** A file that was named cannot be read or written. */
  FILE: 'failed',
  /** It was tried and did not work; the message says why. */
  FAILED: 'failed',
} as const satisfies Readonly<Record<string, ErrorStatus>>;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface Problem {
  readonly code: ErrorCode;
  /** Path of the input's field, such as `from` or `devices.2`; null when no single one is at fault. */
  readonly field: string | null;
  /** A sentence without the field's name in front of it. */
  readonly message: string;
  /** What is known besides of a refusal for want of quota. */
  readonly wait?: WaitFacts;
  /** Of a call that was made. */
  readonly answer?: AnswerFacts;
}

/** What is known of an answer that is not handed on. */
export interface AnswerFacts {
  /** Null for one that was not read to its end. */
  readonly status: number | null;
  /** Bytes, as far as it was read. */
  readonly size: number;
  /** What is handed on at most, bytes. */
  readonly maxSize: number;
  readonly verdict: string;
  readonly next: string;
  /** Before the next try, ms; 0 for none, null when only a person ends the stop. */
  readonly waitMs: number | null;
  /** The vendor's, to quote in a support case. */
  readonly requestId: string | null;
}

/** Until when no call may leave, and who decided that. */
export interface WaitFacts {
  /** Key of the limit that binds; left out where the pool does. */
  readonly limit?: string;
  /** Key of the pool that lets nothing through; left out where a limit binds. */
  readonly pool?: string;
  /** Epoch ms; null when nobody knows, or an operator has to end it. */
  readonly until: number | null;
  /** Of the vendor's answer that began it. */
  readonly requestId?: string;
}

/** What lets no call of a pool through, as it stands. */
export interface StopFacts {
  /** Key of the pool. */
  readonly pool: string;
  readonly state: string;
  /** Epoch ms. */
  readonly since: number;
  /** In words. */
  readonly reason: string;
  /** The operator who has paused it; null: nobody has, or nobody knows who. */
  readonly by: string | null;
}

/** The only error that use cases throw for a person to read; anything else is a fault of ours. */
export class OperationError extends Error {
  override readonly name: string = 'OperationError';
  readonly code: ErrorCode;
  readonly field: string | null;
  readonly status: ErrorStatus;
  readonly wait: WaitFacts | null;

  /** @param problems all that is wrong, at least one; the first one gives the error its code and field. */
  constructor(readonly problems: readonly [Problem, ...Problem[]]) {
    super(
      problems.map(({ field, message }) => (field === null ? message : `${field}: ${message}`)).join('\n'),
    );
    const [{ code, field, wait = null }] = problems;
    this.code = code;
    this.field = field;
    this.status = ERROR_CODES[code];
    this.wait = wait;
  }

  /** As a program gets it. */
  toJSON(): { readonly errors: readonly Problem[] } {
    return { errors: this.problems };
  }
}

/** @param field null when no single field is at fault. */
export function problem(code: ErrorCode, field: string | null, message: string): OperationError {
  return new OperationError([{ code, field, message }]);
}

/** A quota or a limit has no room for it now. Over HTTP: 429 with `Retry-After`. */
export class QuotaLimitError extends OperationError {
  override readonly name = 'QuotaLimitError';

  /** Whole seconds from now, at least 1; null when nobody knows. */
  get retryAfter(): number | null {
    const until = this.wait?.until ?? null;
    return until === null || !Number.isFinite(until)
      ? null
      : Math.max(1, Math.ceil((until - Date.now()) / 1000));
  }
}

/** There is no leave to call now. */
export function noLeave(code: ErrorCode, message: string, wait: WaitFacts): OperationError {
  const noRoom: Problem = { code, field: null, message, wait };
  return ERROR_CODES[code] === 'limited' ? new QuotaLimitError([noRoom]) : new OperationError([noRoom]);
}

/** A value that cannot be right: `invalid('from', '"x" is not a time; give …')`. */
export function invalid(field: string, message: string, code: ErrorCode = 'INVALID_INPUT'): OperationError {
  return problem(code, field, message);
}

export function failed(message: string, code: ErrorCode = 'FAILED'): OperationError {
  return problem(code, null, message);
}

/** What the settings say of an unknown name (a RangeError), as a problem of the field that named it. */
export function asField<T>(field: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw ofField(field, error);
  }
}

/** As `asField`, for work that takes a while. */
export async function asFieldLater<T>(field: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw ofField(field, error);
  }
}

function ofField(field: string, error: unknown): unknown {
  if (error instanceof AccountLeftOut) return problem('NOT_RUNNING', field, error.message);
  return error instanceof RangeError ? invalid(field, error.message, 'UNKNOWN_NAME') : error;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The command line's own: something on it cannot be right. Names the option or argument itself. */
export class UsageError extends OperationError {
  constructor(message: string) {
    super([{ code: 'INVALID_INPUT', field: null, message }]);
  }
}

/** Something outside is not as it has to be. Says what to do. */
export class ClientError extends OperationError {
  constructor(message: string) {
    super([{ code: 'FAILED', field: null, message }]);
  }
}
