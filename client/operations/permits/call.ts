/**
 * A request that another program describes, sent through the gateway with the account's own credentials: for programs
 * that want no more than the answer. It goes below the account's base URL and nowhere else; redirects are not followed.
 */
import { z } from 'zod';
import { CallFailed, PermitWait, PoolClosed } from '../../../activities/gateway/call-errors';
import { BODY_MAX, isTooLong, sendForText } from '../../../activities/gateway/http/http';
import type { Evidence, Verdict } from '../../../quota/verdict';
import type { RequestsApi } from '../../../vendors/capabilities/requests';
import type { CallResult, VendorResponse } from '../../../vendors/contract';
import type { HttpRequest } from '../../../vendors/http';
import { invalid, OperationError } from '../errors';
import { whole } from '../fields';
import { operation } from '../operation';
import { document } from '../texts';
import { atDesk } from './desk';
import { answerOf, type OutcomeAnswer, outcomeJson, withStop } from './outcome';
import { callFields, checkedTerms, explained, outsideCall } from './take';

const MAX_REQUEST = 512 * 1024;
/** Longest answer that is handed on, bytes. A longer one belongs into a stream, which the vendor's capabilities have. */
const MAX_ANSWER = 8 * 1024 * 1024;

/** Of the connection, or the gateway's own to say. */
const FORBIDDEN = new Set([
  ...['authorization', 'connection', 'content-length', 'cookie', 'expect', 'host', 'keep-alive'],
  ...['proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
]);
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/;

const headerName = z.string().refine((text) => HEADER_NAME.test(text) && !FORBIDDEN.has(text.toLowerCase()), {
  error: 'is no header that may be given',
});
const headerValue = z
  .string()
  .regex(/^[\t\x20-\x7e]{0,4000}$/, 'must be printable ASCII, at most 4,000 characters');

/** What the vendor answered, and what it means. */
export interface CallAnswer extends OutcomeAnswer {
  /** Null when there was no answer. */
  readonly status: number | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export const callVendor = operation({
  about: "a request to an account's vendor, with the account's credentials and within its limits",
  input: z.strictObject({
    ...callFields,
    method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).default('GET'),
    path: z
      .string()
      .max(4000, 'is longer than 4,000 characters')
      .describe("Below the account's base URL, with its query: /reports?pageSize=10"),
    headers: z.record(headerName, headerValue).default({}),
    body: document(
      z.union(
        [
          z.string().max(MAX_REQUEST, `is longer than ${MAX_REQUEST} characters`),
          z.record(z.string(), z.json()),
        ],
        {
          error: 'must be text or a JSON object',
        },
      ),
    )
      .optional()
      .describe('Text, or an object that is sent as JSON'),
    attempt: whole(1, 1000).default(1).describe('Which try of the same request it is: waits grow with it'),
  }),
  json: ({ status, headers, body, ...answer }: CallAnswer) => ({
    ...{ status, headers, body },
    ...outcomeJson(answer),
  }),
  run: (backend, { method, path, headers, body, waitMs, attempt, ...asked }, signal?: AbortSignal) => {
    const { account, terms } = checkedTerms(backend, asked);
    const { requests } = account.parts;
    if (requests === undefined) {
      throw invalid(
        'account',
        `"${account.name}" is of ${account.vendor.title}, which takes no such requests`,
        'NOT_APPLICABLE',
      );
    }
    const call = outsideCall(account, terms);
    if (call.outsidePool) throw invalid('operation', 'logging in is done for you', 'NOT_APPLICABLE');
    const request = requestOf(requests, { method, path, headers, body });
    return atDesk(backend, async (desk): Promise<CallAnswer> => {
      const { auth, dispatcher } = await desk.sender(account);
      const { timeoutMs } = backend.settings.http;
      const evidence = { vendor: account.vendor.id, account: account.name, operation: terms.operation };
      let result: CallResult | null = null;
      try {
        result = await desk.gateway.call<CallResult>({
          ...{ ...call, auth, attempt, inlineWaitMs: waitMs },
          ...(signal ? { signal } : {}),
          send: async (token, abort, pass) => {
            const authorized = requests.authorize(request, token ?? '', Date.now());
            result = await sendForText(authorized, { dispatcher, timeoutMs, signal: abort, pass });
            return result;
          },
        });
        return answerWith(result, answerOf({ kind: 'ok', evidence }, null, Date.now()));
      } catch (error) {
        const verdict = verdictOf(error, evidence);
        // What stood in the way before anything was sent.
        if (result === null || verdict === null) throw explained(error);
        return answerWith(result, await withStop(backend, answerOf(verdict, error, Date.now())));
      }
    });
  },
});

interface Described {
  readonly method: HttpRequest['method'];
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Readonly<Record<string, unknown>> | undefined;
}

/** Pure. @throws OperationError for a path that leads elsewhere. */
export function requestOf(
  { baseUrl }: Pick<RequestsApi, 'baseUrl'>,
  { method, path, headers, body }: Described,
): HttpRequest {
  const base = new URL(baseUrl);
  const root = base.pathname.replace(/\/+$/, '');
  const elsewhere = () => invalid('path', `must begin with a slash and stay below the account's base URL`);
  if (!/^(?:[/?]|$)/.test(path) || /[\\\s\p{Cc}#]/u.test(path)) throw elsewhere();
  const url = URL.parse(`${base.origin}${root}${path}`);
  if (url === null || url.origin !== base.origin || url.username !== '' || url.password !== '')
    throw elsewhere();
  if (
    climbs(url.pathname) ||
    !(url.pathname === root || url.pathname === '/' || url.pathname.startsWith(`${root}/`))
  )
    throw elsewhere();
  if (method === 'GET' && body !== undefined) throw invalid('body', 'does not go with GET', 'NOT_APPLICABLE');
  const lower = Object.fromEntries(Object.entries(headers).map(([key, value]) => [key.toLowerCase(), value]));
  const type =
    typeof body === 'object' && lower['content-type'] === undefined
      ? { 'content-type': 'application/json' }
      : {};
  return {
    method,
    url: url.toString(),
    headers: { ...type, ...lower },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  };
}

/** How often a server and those before it may decode a path. */
const DECODINGS = 4;

/**
 * Whether a server could read the path as one that leads up: by escapes, by escapes of escapes, or by parameters of a part
 * (`..;x`), which some take off.
 */
function climbs(path: string): boolean {
  let read = path;
  for (let i = 0; i < DECODINGS; i++) {
    if (/(?:^|[/\\])\.{1,2}(?:[;/\\]|$)/.test(read)) return true;
    read = read.replace(/%(2e|2f|5c|3b|25)/gi, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 16)),
    );
  }
  return false;
}

function verdictOf(error: unknown, evidence: Evidence): Verdict | null {
  if (error instanceof CallFailed) return error.verdict;
  if (error instanceof PoolClosed) return error.verdict;
  if (!(error instanceof PermitWait)) return null;
  // One kind of calls alone is refused.
  const { limit } = error.details;
  return { kind: 'quota', statedWaitMs: null, limit, evidence: { ...evidence, message: error.message } };
}

/** Of the connection to the vendor, or a session that is nobody's but the gateway's. */
const NOT_HANDED_ON = new Set([
  'connection',
  'keep-alive',
  'set-cookie',
  'transfer-encoding',
  'content-encoding',
]);

/** The gateway did not read the whole of it, which is longer than this; bytes. */
function cutOffAt(result: CallResult): number | null {
  return result.kind === 'transport' && isTooLong(result.error) ? BODY_MAX : null;
}

function answerWith(result: CallResult, answer: OutcomeAnswer): CallAnswer {
  const cut = cutOffAt(result);
  if (cut !== null) throw tooLarge(null, cut, answer);
  if (result.kind === 'transport') return { ...answer, status: null, headers: {}, body: '' };
  const { status, headers, body } = result.response;
  const size = Buffer.byteLength(body);
  if (size > MAX_ANSWER) throw tooLarge(result.response, size, answer);
  const kept = Object.entries(headers).filter(([key]) => !NOT_HANDED_ON.has(key));
  return { ...answer, status, headers: Object.fromEntries(kept), body };
}

/** The call was made and paid for: whoever sends it again pays again, so that it has an error of its own. */
function tooLarge(
  response: VendorResponse | null,
  size: number,
  { verdict, next: advised, waitMs, requestId }: OutcomeAnswer,
): OperationError {
  const status = response?.status ?? null;
  const read = `${response === null ? 'more than ' : ''}${size} bytes`;
  const was = status === null ? '' : ` with status ${status}`;
  const message = `the call was made, and its answer${was} is ${read} long; at most ${MAX_ANSWER} are handed on. Ask for less of it at once: sent again as it is, it costs another call`;
  // What was too long once is so again.
  const next = response === null || advised === 'use' ? 'give-up' : advised;
  const facts = { status, size, maxSize: MAX_ANSWER, verdict, next, waitMs, requestId };
  return new OperationError([{ code: 'ANSWER_TOO_LARGE', field: null, message, answer: facts }]);
}
