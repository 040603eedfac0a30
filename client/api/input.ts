/** What a request gives, as the object that a use case checks: fields of the path, and of the query or the body. */
import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { OperationError, type Problem } from '../operations/errors';
import { unfitType } from './head';
import { fieldSchemas } from './openapi';
import { ApiError } from './problem';
import { type ApiRoute, pathFields, takesBody } from './route';

/** @throws ApiError, OperationError */
export function inputOf(route: ApiRoute, request: FastifyRequest): Readonly<Record<string, unknown>> {
  const params = request.params as Readonly<Record<string, string>>;
  const query = request.query as Readonly<Record<string, unknown>>;
  if (!takesBody(route) || route.consumes !== undefined) {
    return { ...fromQuery(route, query), ...params };
  }
  const [unknown] = Object.keys(query);
  if (unknown !== undefined) {
    throw new ApiError('BAD_REQUEST', `"${unknown}" comes in the query; its fields come in the body`, {
      field: unknown,
    });
  }
  return { ...fromBody(route, request.body, request.headers['content-type']), ...params };
}

function fromBody(
  route: ApiRoute,
  body: unknown,
  type: string | undefined,
): Readonly<Record<string, unknown>> {
  if (body === undefined) return {};
  if (body instanceof Readable) throw unfitType(type);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new ApiError('BAD_REQUEST', 'the body must be a JSON object', { field: '' });
  }
  const twice = pathFields(route.path).find((name) => name in body);
  if (twice !== undefined) {
    throw new ApiError('BAD_REQUEST', `"${twice}" stands in the path, and must not stand in the body`, {
      field: `/${twice}`,
    });
  }
  return body as Readonly<Record<string, unknown>>;
}

/** Texts, where the schema wants a list or a truth value. */
function fromQuery(route: ApiRoute, query: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const schemas = fieldSchemas(route.input);
  const inPath = pathFields(route.path);
  const twice = Object.keys(query).find((name) => inPath.includes(name));
  if (twice !== undefined) {
    throw new ApiError('BAD_REQUEST', `"${twice}" stands in the path, and must not stand in the query`, {
      field: twice,
    });
  }
  const repeated: Problem[] = [];
  const read = Object.entries(query).map(([name, value]) => {
    const schema = unwrapped(schemas[name]);
    if (schema instanceof z.ZodArray) return [name, [value].flat()];
    if (Array.isArray(value)) {
      repeated.push({ code: 'INVALID_INPUT', field: name, message: 'is given several times' });
    }
    if (schema instanceof z.ZodBoolean && (value === 'true' || value === 'false'))
      return [name, value === 'true'];
    return [name, value];
  });
  const [first, ...more] = repeated;
  if (first !== undefined) throw new OperationError([first, ...more]);
  return Object.fromEntries(read);
}

function unwrapped(schema: z.core.$ZodType | undefined): z.core.$ZodType | undefined {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault) {
    inner = inner.unwrap() as z.core.$ZodType;
  }
  return inner;
}
