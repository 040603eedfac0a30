/**
 * A route of the API, as data: what it takes (a zod schema, which checks, documents and types it), who may call it, and
 * what it answers. A file of routes/ exports a list of them; routes/index.ts lists the files. The server (app.ts), the
 * OpenAPI document (openapi.ts) and the tests are made from that table.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Backend } from '../operations/backend/backend';
import type { Operation } from '../operations/operation';
import type { Streams } from './event-stream';
import type { Upload } from './upload';

/** Each includes those before it. */
export const SCOPES = ['read', 'operate', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** What a handler gives back: the body as JSON, and where what was started is found. */
export interface Answer {
  /** Undefined: none. */
  readonly body?: unknown;
  /** Path, as `/api/v1/batches/12`. */
  readonly location?: string;
  /** Instead of the route's own. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Call {
  /** With the caller's name in it. */
  readonly backend: Backend;
  /** Fields of path, query and body together; the use case checks them. */
  readonly input: Readonly<Record<string, unknown>>;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** The body of a route that `consumes` other types than JSON, as a file; null for the others. */
  readonly upload: Upload | null;
  readonly streams: Streams;
}

export interface ApiRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Under `/api/v1` unless it begins with `//`, with `{field}` for a field of the input: `/pools/{pool}/pause`. */
  readonly path: string;
  /** Of OpenAPI: unique, such as `pausePool`. Clients are made from it. */
  readonly id: string;
  /** Groups routes on the reference page. */
  readonly tag: string;
  /** What it does, in a few words. */
  readonly about: string;
  /** Null: anybody, without a key. */
  readonly scope: Scope | null;
  /** All fields; those that the path does not name come in the query (GET, DELETE) or in a JSON body. */
  readonly input: z.ZodObject;
  readonly status: 200 | 201 | 202 | 204;
  /** Of the body of a good answer as JSON, for the document; null: none, or only one of another kind (`produces`). */
  readonly result: z.ZodType | null;
  /** Media types of an answer that is no JSON, e.g. `application/x-ndjson`. */
  readonly produces?: readonly string[];
  /** Media types of a body that is no JSON: it comes as a file, `upload`. */
  readonly consumes?: readonly string[];
  /** Longest JSON body, bytes; default: the server's. */
  readonly bodyLimit?: number;
  /** Starts work: takes an Idempotency-Key, and answers with `Location`. */
  readonly starts?: boolean;
  /** Changes something: is an event with the caller's name. Default: all but GET. */
  readonly audited?: boolean;
  /** Codes that it answers besides the usual ones, e.g. 429 of a permit. */
  readonly refusals?: Readonly<Record<number, string>>;
  /** Goes on for as long as the caller likes: it takes no place among the requests under way. */
  readonly longLived?: boolean;
  /** Is held until a limit has room: such requests have as many places under way as all others. */
  readonly waits?: boolean;
  /** Requests count for the caller's rate limit. Default true. */
  readonly rateLimited?: boolean;
  /** Field that names an end user: requests for one are limited, whoever asks. */
  readonly endUser?: string;
  /** Undefined: it has written the answer itself (`reply.hijack()`). */
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that streams returns nothing
  handle(call: Call): Promise<Answer | void>;
}

export type OfOperation<Json> = Omit<ApiRoute, 'input' | 'about' | 'handle' | 'status' | 'result'> & {
  readonly about?: string;
  readonly status?: ApiRoute['status'];
  /** Has every field that the use case's JSON has. */
  readonly result: z.ZodType<Json>;
};

/** A route that is a use case: its input, and its JSON as the answer. @param locate where what was started is found. */
export function operationRoute<Schema extends z.ZodObject, Result, Json>(
  operation: Operation<Schema, Result, Json>,
  { about = operation.about, status, ...terms }: OfOperation<Json>,
  locate?: (json: Json, input: Readonly<Record<string, unknown>>) => string,
): ApiRoute {
  return {
    ...terms,
    about,
    status: status ?? (terms.starts ? 202 : 200),
    input: operation.input,
    handle: async ({ backend, input }) => {
      const json = operation.json(await operation(backend, input as z.input<Schema>));
      return { body: json, ...(locate === undefined ? {} : { location: `${API}${locate(json, input)}` }) };
    },
  };
}

export const API = '/api/v1';

/** As Fastify and browsers know it. */
export function fullPath({ path }: Pick<ApiRoute, 'path'>): string {
  return path.startsWith('//') ? path.slice(1) : `${API}${path}`;
}

/** Fields that the path names. */
export function pathFields(path: string): readonly string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].flatMap(([, name]) => (name === undefined ? [] : [name]));
}

/** As GET does, without the body: for monitors and `curl -I`. What is a stream would be begun for nothing. */
export function answersHead({ method, produces }: Pick<ApiRoute, 'method' | 'produces'>): boolean {
  return method === 'GET' && produces === undefined;
}

export function takesBody({ method }: Pick<ApiRoute, 'method'>): boolean {
  return method === 'POST' || method === 'PUT';
}
