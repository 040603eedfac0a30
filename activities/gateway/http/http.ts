/** Sends one HTTP request and turns whatever happens into a CallResult: verdicts are made of results, not throws. */
import type { Readable } from 'node:stream';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { type Dispatcher, request as undiciRequest } from 'undici';
import type { CallResult, TransportError, VendorResponse } from '../../../vendors/contract';
import type { HttpRequest } from '../../../vendors/http';
import type { CallPass } from '../call-pass';
import { LATE_DEPARTURE } from './departures';

/** More than any answer that is read whole: a day's track of one device that reports every second is some 25 MiB. */
export const BODY_MAX = 64 * 1024 * 1024;

/** What is kept of a refusal that is longer, bytes. */
const REFUSAL_KEPT = 64 * 1024;

/**
 * An answer that is read whole may take this many times the longest wait: one that comes byte by byte is no answer, and
 * whoever waits for it holds a worker's slot.
 */
const WHOLE_BODY_WAITS = 10;

/** Errors that mean that no byte of the request was sent. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  LATE_DEPARTURE,
]);

export interface HttpOptions {
  readonly dispatcher: Dispatcher;
  /** Longest wait for headers and between two pieces of a body, ms. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Longest time from the request to the last byte of its answer, ms. Default: as long as it keeps coming. */
  readonly withinMs?: number | undefined;
  /** The gateway's leave to send this request. */
  readonly pass: CallPass;
  /**
   * Shown the answer as it came, before secrets are taken out of it: a token may be among what was sent, or hold it.
   * @returns what is secret in it.
   */
  readonly inspect?: ((response: VendorResponse) => readonly string[]) | undefined;
  /** Sent instead of the request's body while it is written; its length is among the request's headers. */
  readonly content?: Readable;
}

/**
 * Sends and reads the whole answer as text, up to 64 MiB; a longer one is an error, for half an answer misleads,
 * except of a refusal: its status says enough, and comes with the beginning of the text.
 * Nothing asks for compression, but some gateways compress all the same: that is undone.
 * @throws only when the caller's signal aborts.
 */
export async function sendForText(wanted: HttpRequest, options: HttpOptions): Promise<CallResult> {
  const request = options.pass.use(wanted);
  const deadline = startDeadline(options);
  try {
    const answer = await open(request, { ...options, signal: deadline.signal });
    const { status } = answer.head;
    const read = request.binary && status >= 200 && status < 300 ? readBinary : readText;
    const body = await read(answer, options.timeoutMs * WHOLE_BODY_WAITS).catch((error: unknown) => {
      if (status >= 400 && error instanceof TooLong) return error.beginning;
      throw error;
    });
    const response: VendorResponse = { ...answer.head, body };
    options.pass.alsoHide(options.inspect?.(response) ?? []);
    return options.pass.clean({ kind: 'response', response });
  } catch (error) {
    options.signal?.throwIfAborted();
    return options.pass.clean({ kind: 'transport', error: transportError(error) });
  } finally {
    deadline.end();
  }
}

/** The caller's signal, which the end of `withinMs` aborts, too. */
function startDeadline({ withinMs, signal }: Pick<HttpOptions, 'withinMs' | 'signal'>) {
  if (withinMs === undefined) return { signal, end: () => undefined };
  const over = new AbortController();
  const timer = setTimeout(
    () => over.abort(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })),
    withinMs,
  );
  return {
    signal: signal ? AbortSignal.any([signal, over.signal]) : over.signal,
    end: () => clearTimeout(timer),
  };
}

export type StreamResult = CallResult & {
  readonly stream?: Readable;
  /** Takes the call's secrets out of what is kept of the stream. */
  readonly hide?: (text: string) => string;
};

/** Sends; a 2xx answer comes back as a stream with an empty `body`, any other is read as text. */
export async function sendForStream(wanted: HttpRequest, options: HttpOptions): Promise<StreamResult> {
  const request = options.pass.use(wanted);
  try {
    const answer = await open(request, options);
    const success = answer.statusCode >= 200 && answer.statusCode < 300;
    const body = success ? '' : await readText(answer, options.timeoutMs * WHOLE_BODY_WAITS);
    const response: VendorResponse = { ...answer.head, body };
    const clean = options.pass.clean({ kind: 'response', response } as const);
    return success ? { ...clean, stream: answer.body, hide: (text) => options.pass.hide(text) } : clean;
  } catch (error) {
    options.signal?.throwIfAborted();
    return options.pass.clean({ kind: 'transport', error: transportError(error) });
  }
}

async function open(request: HttpRequest, options: HttpOptions) {
  // Where a deadline stands, it decides, and the connection's own times are no second one.
  const quietMs = options.withinMs === undefined ? options.timeoutMs : options.withinMs + 1000;
  const answer = await undiciRequest(request.url, {
    method: request.method,
    headers: request.headers,
    ...(request.body === undefined ? {} : { body: request.body }),
    ...(options.content ? { body: options.content } : {}),
    dispatcher: options.dispatcher.compose(tellingWhenSent(() => options.pass.sent())),
    headersTimeout: quietMs,
    bodyTimeout: quietMs,
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined) headers[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  }
  const { statusCode, statusText } = answer;
  const head = { status: statusCode, headers, ...(statusText ? { statusText } : {}) };
  return { head, statusCode, headers, body: answer.body };
}

function tellingWhenSent(onSent: () => void): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) =>
    dispatch(options, {
      onRequestStart: (...args) => {
        onSent();
        handler.onRequestStart?.(...args);
      },
      onRequestUpgrade: (...args) => handler.onRequestUpgrade?.(...args),
      onResponseStart: (...args) => handler.onResponseStart?.(...args),
      onResponseData: (...args) => handler.onResponseData?.(...args),
      onResponseEnd: (...args) => handler.onResponseEnd?.(...args),
      onResponseError: (...args) => handler.onResponseError?.(...args),
    });
}

interface Answer {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readable;
}

/** @param withinMs the whole of it. */
async function readText(answer: Answer, withinMs: number): Promise<string> {
  // Without the byte order mark that some gateways put before JSON.
  return new TextDecoder().decode(await readWhole(answer, withinMs));
}

/** In base64. */
async function readBinary(answer: Answer, withinMs: number): Promise<string> {
  return (await readWhole(answer, withinMs)).toString('base64');
}

async function readWhole(answer: Answer, withinMs: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  const timer = setTimeout(() => answer.body.destroy(tooSlow(withinMs)), withinMs);
  try {
    for await (const part of answer.body as AsyncIterable<Buffer>) {
      parts.push(part);
      size += part.length;
      if (size > BODY_MAX) throw new TooLong(Buffer.concat(parts, REFUSAL_KEPT));
    }
  } finally {
    clearTimeout(timer);
  }
  const encoding = answer.headers['content-encoding']?.trim().toLowerCase() ?? '';
  return unpacked(Buffer.concat(parts), encoding);
}

/** GZIP is recognised by its first bytes, whatever the header says; the other two by the header, if it is true. */
function unpacked(body: Buffer, encoding: string): Buffer {
  const bounds = { maxOutputLength: BODY_MAX };
  if (body[0] === 0x1f && body[1] === 0x8b) return gunzipSync(body, bounds);
  const decode = DECODERS.get(encoding);
  if (decode === undefined || body.length === 0) return body;
  try {
    return decode(body, bounds);
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') throw error;
    return body;
  }
}

const DECODERS: ReadonlyMap<string, typeof inflateSync> = new Map([
  ['deflate', inflateSync],
  ['br', brotliDecompressSync],
]);

/** Whether an answer was cut off because it is longer than `BODY_MAX`, packed or unpacked. */
export function isTooLong({ code }: TransportError): boolean {
  return code === BODY_TOO_LONG || code === 'ERR_BUFFER_TOO_LARGE';
}

const BODY_TOO_LONG = 'BODY_TOO_LONG';

class TooLong extends Error {
  readonly code = BODY_TOO_LONG;

  constructor(private readonly bytes: Buffer) {
    super(`the answer is longer than ${BODY_MAX / 1024 / 1024} MiB`);
  }

  /** Its beginning. */
  get beginning(): string {
    return new TextDecoder().decode(this.bytes);
  }
}

function tooSlow(withinMs: number): Error {
  const message = `the answer was not there within ${Math.round(withinMs / 1000)} s of its beginning`;
  return Object.assign(new Error(message), { code: 'BODY_TOO_SLOW' });
}

/** A failure of the network in the words of verdicts. */
export function transportError(error: unknown): TransportError {
  const e = error as { code?: unknown; message?: unknown; cause?: { code?: unknown } };
  const code = String(e.code ?? e.cause?.code ?? 'UNKNOWN');
  return { code, message: String(e.message ?? error), mayHaveBeenSent: !NOT_SENT.has(code) };
}
