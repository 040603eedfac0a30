/** The OpenAPI 3.1 document, made from the table of routes. Pure. */
import { z } from 'zod';
import { ALL_CODES, codesOf } from './problem';
import { API, type ApiRoute, fullPath, pathFields, takesBody } from './route';

type Json = Record<string, unknown>;

/** Query parameters: each field of the input that is in no path. */
export function fieldSchemas(schema: z.ZodObject): Readonly<Record<string, z.core.$ZodType>> {
  return schema.shape as Readonly<Record<string, z.core.$ZodType>>;
}

/** @param named gets the schemas that have a name, by it. */
function jsonSchema(schema: z.core.$ZodType, io: 'input' | 'output', named: Json = {}): Json {
  const made = z.toJSONSchema(schema as z.ZodType, {
    ...{ io, unrepresentable: 'any' },
    // Any JSON is defined by itself: its reference would be to the root of a document of its own.
    override: ({ zodSchema, jsonSchema: found }) => {
      if (isAnyJson(zodSchema)) for (const key of Object.keys(found)) delete found[key];
    },
  }) as Json;
  const { $schema: _, $defs = {}, ...rest } = made;
  for (const [name, shape] of Object.entries($defs as Json)) {
    if (!UNNAMED.test(name)) named[name] = referring(shape) as Json;
  }
  return referring(rest) as Json;
}

/** What zod calls a schema that has no name and names itself; `z.json()` is the only one that there is here. */
const UNNAMED = /^__schema/;
const isAnyJson = (schema: z.core.$ZodType) => schema._zod.def.type === 'lazy';

/** With references to where the document has its schemas. */
function referring(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema), (_key, value) => {
    const name = /^#\/\$defs\/(.+)$/.exec((value as { $ref?: unknown } | null)?.$ref?.toString() ?? '')?.[1];
    if (name === undefined) return value;
    return UNNAMED.test(name) ? {} : { $ref: `#/components/schemas/${name}` };
  });
}

export function openApiDocument(routes: readonly ApiRoute[], version: string): Json {
  const paths: Record<string, Json> = {};
  const named: Json = {};
  for (const route of routes) {
    const path = fullPath(route);
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route, named) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Sluice',
      version,
      description: `Runs calls to vendor APIs within their quotas. Times are ISO 8601 in UTC, amounts decimal strings, cursors opaque. Everything under ${API} is also a use case of the command line.`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ key: [] }, {}],
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        key: {
          type: 'http',
          scheme: 'bearer',
          description: 'A key of `sluice keys create`. On a loopback address none is needed.',
        },
      },
      schemas: { Problem: PROBLEM, ...named },
      responses: Object.fromEntries(
        Object.entries(REFUSALS).map(([status, response]) => [`Problem${status}`, response]),
      ),
    },
  };
}

const PROBLEM: Json = {
  type: 'object',
  description: 'RFC 9457',
  required: ['type', 'title', 'status', 'detail', 'code', 'field', 'limit', 'until', 'requestId'],
  properties: {
    type: { type: 'string', description: '`urn:sluice:problem:` and the code' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', enum: ALL_CODES, description: 'Stable: programs may depend on it' },
    field: {
      type: ['string', 'null'],
      description: 'JSON pointer into the body, or the name of a parameter',
    },
    limit: { type: ['string', 'null'] },
    until: { type: ['string', 'null'], format: 'date-time' },
    requestId: { type: 'string' },
    errors: {
      type: 'array',
      description: 'When several things are wrong: all of them',
      items: {
        type: 'object',
        properties: {
          code: { type: 'string' },
          field: { type: ['string', 'null'] },
          detail: { type: 'string' },
        },
      },
    },
    stop: {
      type: 'object',
      description: 'What lets no call of the pool through. Where only a person ends it, `until` is null',
      required: ['pool', 'state', 'since', 'reason', 'by'],
      properties: {
        pool: { type: 'string' },
        state: { type: 'string' },
        since: { type: 'string', format: 'date-time' },
        reason: { type: 'string' },
        by: { type: ['string', 'null'], description: 'The operator who has paused it' },
      },
    },
    answer: {
      type: 'object',
      description: "A vendor's answer that is not handed on: the call was made, and counts",
      required: ['status', 'size', 'maxSize', 'verdict', 'next', 'waitMs', 'requestId'],
      properties: {
        status: { type: ['integer', 'null'], description: 'Null: it was not read to its end' },
        size: { type: 'integer', description: 'Bytes, as far as it was read' },
        maxSize: { type: 'integer', description: 'Bytes that are handed on at most' },
        verdict: { type: 'string' },
        next: { type: 'string', description: 'As in an outcome' },
        waitMs: { type: ['number', 'null'], description: 'Null: only a person ends the stop' },
        requestId: { type: ['string', 'null'] },
      },
    },
  },
};

/** With the codes that come with this status, wherever it is answered. */
function problemResponse(status: number, description: string): Json {
  const retryAfter = status === 429 || status === 503;
  return {
    description,
    ...(retryAfter
      ? { headers: { 'Retry-After': { schema: { type: 'integer' }, description: 'Seconds' } } }
      : {}),
    content: { 'application/problem+json': { schema: problemWith(status) } },
  };
}

function problemWith(status: number): Json {
  const narrower = {
    type: 'object',
    properties: { status: { const: status }, code: { enum: codesOf(status) } },
  };
  return { allOf: [{ $ref: '#/components/schemas/Problem' }, narrower] };
}

function operationOf(route: ApiRoute, named: Json): Json {
  const inPath = pathFields(route.path);
  const fields = Object.entries(fieldSchemas(route.input));
  const body = takesBody(route);
  const parameters = fields
    .filter(([name]) => inPath.includes(name) || !body || route.consumes !== undefined)
    .map(([name, schema]) => parameter(name, schema, inPath.includes(name)));
  if (route.starts) parameters.push(IDEMPOTENCY_KEY);
  return {
    operationId: route.id,
    tags: [route.tag],
    summary: route.about,
    ...(route.scope === null ? { security: [] } : { description: `Scope: ${route.scope}` }),
    parameters,
    ...(body ? requestBody(route, inPath) : {}),
    responses: responsesOf(route, named),
  };
}

const IDEMPOTENCY_KEY: Json = {
  name: 'Idempotency-Key',
  in: 'header',
  description:
    'Of your choice, 1 to 255 visible characters. The same key and body give the same answer; work is started once.',
  schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-~]+$' },
};

function parameter(name: string, schema: z.core.$ZodType, inPath: boolean): Json {
  const { description, ...rest } = jsonSchema(schema, 'input');
  return {
    name,
    in: inPath ? 'path' : 'query',
    required: inPath || !isOptional(schema),
    ...(description === undefined ? {} : { description }),
    schema: inPath ? { ...rest, minLength: 1 } : rest,
  };
}

function isOptional(schema: z.core.$ZodType): boolean {
  return (schema as z.ZodType).safeParse(undefined).success;
}

function requestBody(route: ApiRoute, inPath: readonly string[]): Json {
  if (route.consumes !== undefined) {
    const content = Object.fromEntries(route.consumes.map((type) => [type, { schema: { type: 'string' } }]));
    return { requestBody: { required: true, content } };
  }
  const left = fieldSchemas(route.input);
  const inBody = Object.keys(left).filter((name) => !inPath.includes(name));
  if (inBody.length === 0) return {};
  const schema = route.input.pick(Object.fromEntries(inBody.map((name) => [name, true])) as never);
  const required = inBody.some((name) => !isOptional(left[name] as z.core.$ZodType));
  return {
    requestBody: { required, content: { 'application/json': { schema: jsonSchema(schema, 'input') } } },
  };
}

/** Of all routes. */
const REFUSALS: Readonly<Record<number, Json>> = Object.fromEntries(
  Object.entries({
    400: 'Something given cannot be right',
    401: 'No key, or none that is known; or the credentials of an end user, which the vendor refuses',
    403: 'The key may not do this, or the page that asks may not',
    404: 'What is named is not there',
    408: 'The request did not arrive in time',
    409: 'Not in this state, or the same request is under way',
    413: 'The body is too long',
    415: 'The body is of another media type',
    422: 'The Idempotency-Key came with another body before',
    429: 'Too many requests, or no room in a limit or a quota',
    431: 'The headers are too long',
    500: 'It was tried and did not work',
    503: 'A server does not answer, a pool lets no call through, or there is too much to do',
  }).map(([status, words]) => [status, problemResponse(Number(status), words)]),
);

/** Whether a route can answer with this status. */
function mayRefuse(route: ApiRoute, status: number): boolean {
  if (status === 401) return route.scope !== null;
  if (status === 422) return route.starts === true;
  return true;
}

function responsesOf(route: ApiRoute, named: Json): Json {
  const good: Json = {
    description: route.status === 202 ? 'Accepted' : 'Done',
    ...(route.starts
      ? { headers: { Location: { schema: { type: 'string' }, description: 'Where it is found' } } }
      : {}),
  };
  const content = {
    ...(route.result === null
      ? {}
      : { 'application/json': { schema: jsonSchema(route.result, 'output', named) } }),
    ...Object.fromEntries((route.produces ?? []).map((type) => [type, { schema: { type: 'string' } }])),
  };
  if (Object.keys(content).length > 0) good.content = content;
  return {
    [route.status]: good,
    ...Object.fromEntries(
      Object.keys(REFUSALS)
        .filter((status) => mayRefuse(route, Number(status)))
        .map((status) => [status, { $ref: `#/components/responses/Problem${status}` }]),
    ),
    ...Object.fromEntries(
      Object.entries(route.refusals ?? {}).map(([status, words]) => [
        status,
        problemResponse(Number(status), words),
      ]),
    ),
  };
}
