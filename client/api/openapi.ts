/** The OpenAPI 3.1 document, made from the table of routes. Pure. */
import { z } from 'zod';
import { ALL_CODES } from './problem';
import { API, type ApiRoute, fullPath, pathFields, takesBody } from './route';

type Json = Record<string, unknown>;

/** Query parameters: each field of the input that is in no path. */
export function fieldSchemas(schema: z.ZodObject): Readonly<Record<string, z.core.$ZodType>> {
  return schema.shape as Readonly<Record<string, z.core.$ZodType>>;
}

function jsonSchema(schema: z.core.$ZodType, io: 'input' | 'output'): Json {
  const made = z.toJSONSchema(schema as z.ZodType, {
    ...{ io, unrepresentable: 'any' },
    // Any JSON is defined by itself: its reference would be to the root of a document of its own.
    override: ({ zodSchema, jsonSchema: found }) => {
      if (isAnyJson(zodSchema)) for (const key of Object.keys(found)) delete found[key];
    },
  }) as Json;
  const { $schema: _, $defs: __, ...rest } = made;
  return JSON.parse(JSON.stringify(rest), (_key, value) => (isOwnReference(value) ? {} : value)) as Json;
}

/** A schema that names itself; `z.json()` is the only one that there is here. */
const isAnyJson = (schema: z.core.$ZodType) => schema._zod.def.type === 'lazy';
const isOwnReference = (value: unknown) =>
  /^#\/\$defs\//.test((value as { $ref?: unknown } | null)?.$ref?.toString() ?? '');

export function openApiDocument(routes: readonly ApiRoute[], version: string): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = fullPath(route);
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
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
      schemas: { Problem: PROBLEM },
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
  },
};

function problemResponse(description: string, retryAfter = false): Json {
  return {
    description,
    ...(retryAfter
      ? { headers: { 'Retry-After': { schema: { type: 'integer' }, description: 'Seconds' } } }
      : {}),
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  };
}

function operationOf(route: ApiRoute): Json {
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
    responses: responsesOf(route),
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

/** Of every route. */
const REFUSALS: Readonly<Record<number, Json>> = {
  400: problemResponse('Something given cannot be right'),
  401: problemResponse('No key, or none that is known'),
  403: problemResponse('The key may not do this, or the page that asks may not'),
  404: problemResponse('What is named is not there'),
  409: problemResponse('Not in this state, or the same request is under way'),
  413: problemResponse('The body is too long'),
  415: problemResponse('The body is of another media type'),
  422: problemResponse('The Idempotency-Key came with another body before'),
  429: problemResponse('Too many requests', true),
  503: problemResponse('A server does not answer, or there is too much to do', true),
};

function responsesOf(route: ApiRoute): Json {
  const good: Json = {
    description: route.status === 202 ? 'Accepted' : 'Done',
    ...(route.starts
      ? { headers: { Location: { schema: { type: 'string' }, description: 'Where it is found' } } }
      : {}),
  };
  const content = {
    ...(route.result === null ? {} : { 'application/json': { schema: jsonSchema(route.result, 'output') } }),
    ...Object.fromEntries((route.produces ?? []).map((type) => [type, { schema: { type: 'string' } }])),
  };
  if (Object.keys(content).length > 0) good.content = content;
  return {
    [route.status]: good,
    ...Object.fromEntries(
      Object.keys(REFUSALS)
        .filter((status) => status !== '401' || route.scope !== null)
        .map((status) => [status, { $ref: `#/components/responses/Problem${status}` }]),
    ),
    ...Object.fromEntries(
      Object.entries(route.refusals ?? {}).map(([status, words]) => [
        status,
        problemResponse(words, status === '429' || status === '503'),
      ]),
    ),
  };
}
