/**
 * Sends requests of the Responses API with OpenAI's own client and turns whatever happens into a CallResult. The client
 * retries nothing and waits for nothing by itself: permits, verdicts and delays are the door's.
 */
import OpenAI, { APIConnectionError, APIConnectionTimeoutError, APIError, APIUserAbortError } from 'openai';
import { type Dispatcher, fetch as undiciFetch } from 'undici';
import type { CallResult, TransportError } from '../vendors/contract';
import type { TextApi, TextRequest } from '../vendors/texts';
import { transportError } from './http';

export type SendText = (
  api: TextApi,
  request: TextRequest,
  key: string,
  signal: AbortSignal | undefined,
) => Promise<CallResult>;

/** One client for each base URL and key, on a shared pool of connections. */
export function createTextSender(dispatcher: Dispatcher): SendText {
  let last: { readonly id: string; readonly client: OpenAI } | null = null;
  const clientFor = (api: TextApi, key: string): OpenAI => {
    const id = JSON.stringify([api.baseUrl, api.organization, api.project, api.timeoutMs, key]);
    if (last?.id !== id) last = { id, client: createClient(api, key, dispatcher) };
    return last.client;
  };
  return async (api, request, key, signal) => {
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
      return resultOf(error);
    }
  };
}

function createClient(api: TextApi, key: string, dispatcher: Dispatcher): OpenAI {
  return new OpenAI({
    apiKey: key,
    baseURL: api.baseUrl,
    organization: api.organization,
    project: api.project,
    timeout: api.timeoutMs,
    maxRetries: 0,
    logLevel: 'off',
    // Node's own fetch is of another version of undici than our pool of connections.
    fetch: ((url: string, init: Parameters<typeof undiciFetch>[1]) =>
      undiciFetch(url, { ...init, dispatcher })) as unknown as typeof fetch,
  });
}

function resultOf(error: unknown): CallResult {
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
  return {
    kind: 'response',
    response: {
      status: error.status,
      headers: Object.fromEntries((error.headers as Headers | undefined) ?? []),
      // A body that is no JSON of OpenAI's is in the message only.
      body: error.error === undefined ? error.message : JSON.stringify({ error: error.error }),
    },
  };
}

function transport(error: TransportError): CallResult {
  return { kind: 'transport', error };
}
