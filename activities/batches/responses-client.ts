/**
 * Sends requests of the Responses API with OpenAI's own client and turns whatever happens into a CallResult. The client
 * retries nothing and waits for nothing by itself: permits, verdicts and delays are the door's.
 */
import OpenAI, { APIConnectionError, APIConnectionTimeoutError, APIError, APIUserAbortError } from 'openai';
import { type Dispatcher, fetch as undiciFetch } from 'undici';
import type { TextApi, TextRequest } from '../../vendors/capabilities/texts';
import type { CallResult, TransportError } from '../../vendors/contract';
import type { CallPass } from '../gateway/call-pass';
import { waitingFor } from '../gateway/departures';
import { transportError } from '../gateway/http';

export type SendText = (
  api: TextApi,
  request: TextRequest,
  key: string,
  signal: AbortSignal | undefined,
  pass: CallPass,
) => Promise<CallResult>;

/** A text has no more; what has is no answer of this API, bytes. */
const BODY_MAX = 32 * 1024 * 1024;

/** Bodies of answers that are no success, by their headers: the client keeps of an error what it knows of. */
type Bodies = WeakMap<object, string>;

/**
 * One client for each base URL and key, on a shared pool of connections. An answer is read to its end within the
 * account's timeout, so that one which comes byte by byte holds nothing up.
 */
export function createTextSender(dispatcher: Dispatcher): SendText {
  let last: { readonly id: string; readonly client: OpenAI } | null = null;
  const bodies: Bodies = new WeakMap();
  const clientFor = (api: TextApi, key: string): OpenAI => {
    const id = JSON.stringify([api.baseUrl, api.organization, api.project, api.timeoutMs, key]);
    if (last?.id !== id) last = { id, client: createClient(api, key, dispatcher, bodies) };
    return last.client;
  };
  const send = async (...[api, request, key, signal, pass]: Parameters<SendText>): Promise<CallResult> => {
    pass.use();
    try {
      const response = await clientFor(api, key)
        .responses.create(
          { ...request, stream: false } as OpenAI.Responses.ResponseCreateParamsNonStreaming,
          signal ? { signal } : {},
        )
        .asResponse();
      const body = await response.text();
      return {
        kind: 'response',
        response: { status: response.status, headers: Object.fromEntries(response.headers), body },
      };
    } catch (error) {
      signal?.throwIfAborted();
      return resultOf(error, bodies);
    }
  };
  return async (...call) => call[4].clean(await send(...call));
}

function createClient(api: TextApi, key: string, dispatcher: Dispatcher, bodies: Bodies): OpenAI {
  // The client's own timeout decides; the connections' is there for an answer that stops in its middle.
  const patient = dispatcher.compose(waitingFor(api.timeoutMs + 1000));
  return new OpenAI({
    apiKey: key,
    baseURL: api.baseUrl,
    organization: api.organization,
    project: api.project,
    timeout: api.timeoutMs,
    maxRetries: 0,
    logLevel: 'off',
    // Node's own fetch is of another version of undici than our pool of connections.
    fetch: async (url, init) => {
      // Whoever is sent elsewhere would call without a permit, and hand the key to a stranger.
      const options = { ...init, redirect: 'manual', dispatcher: patient } as Parameters<
        typeof undiciFetch
      >[1];
      // As the client knows a fetch that was broken off, whichever part of it was.
      const brokenOff = (error: unknown) => {
        throw init?.signal?.aborted ? Object.assign(new Error('broken off'), { name: 'AbortError' }) : error;
      };
      const answer = await undiciFetch(String(url), options).catch(brokenOff);
      // Read in here, where the client's timeout still runs; it ends with the headers otherwise.
      const body = await readText(answer.body).catch(brokenOff);
      const { status } = answer;
      const headers = Object.fromEntries(answer.headers);
      const response = new Response(BODILESS.has(status) ? null : body, { status, headers });
      if (!response.ok) bodies.set(response.headers, body);
      return response;
    },
  });
}

const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

async function readText(body: AsyncIterable<Uint8Array> | null): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body ?? []) {
    parts.push(part);
    size += part.length;
    if (size > BODY_MAX) throw new Error(`the answer is longer than ${BODY_MAX} bytes`);
  }
  return Buffer.concat(parts).toString('utf8');
}

function resultOf(error: unknown, bodies: Bodies): CallResult {
  if (error instanceof APIConnectionTimeoutError) {
    return transport({ code: 'ETIMEDOUT', message: 'no answer in time', mayHaveBeenSent: true });
  }
  if (error instanceof APIConnectionError || !(error instanceof APIError)) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    const inner = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
    return transport(transportError(inner));
  }
  if (error instanceof APIUserAbortError || error.status === undefined) {
    return transport({ code: 'ABORTED', message: error.message, mayHaveBeenSent: true });
  }
  const headers = error.headers as Headers | undefined;
  return {
    kind: 'response',
    response: {
      status: error.status,
      headers: Object.fromEntries(headers ?? []),
      body: (headers && bodies.get(headers)) ?? error.message,
    },
  };
}

function transport(error: TransportError): CallResult {
  return { kind: 'transport', error };
}
