/** Wrong values for a field of a route, made from what its schema says: whatever is here has to be refused. */
import { z } from 'zod';
import { type ApiRoute, pathFields, takesBody } from '../../client/api/route';

export interface BadValue {
  /** What is wrong with it. */
  readonly what: string;
  /** In a query or a path it is text. */
  readonly value: unknown;
}

/** Content of somebody else's: it may be long, hold anything, and is checked for what it means where that is known. */
const DOCUMENTS = /^(csv|rows|prompt|body|value|headers|error|fields)$/;
/** Texts that may be left empty, or be any words. */
const FREE = /^(reason|password|captcha|params|path|message)$/;
const LONG = 'x'.repeat(10_001);
const CONTROLS = ['nul\0l', 'bell\u0007'];

type JsonSchema = Readonly<Record<string, unknown>> & { readonly anyOf?: readonly JsonSchema[] };
type Kind = 'string' | 'number' | 'boolean' | 'object' | 'array' | 'null';

function kindsOf(schema: JsonSchema): readonly Kind[] {
  if (schema.anyOf) return schema.anyOf.flatMap(kindsOf);
  const types = [
    schema.type ?? (schema.$ref ? ['object', 'array', 'string', 'number', 'boolean', 'null'] : []),
  ].flat();
  return types.map((type) => (type === 'integer' ? 'number' : type) as Kind);
}

const ONE_OF_EACH: Readonly<Record<Kind, unknown>> = {
  ...{ string: '☃', number: 4.25, boolean: true, null: null },
  ...{ object: { nothing: ['of this'] }, array: [{ nothing: 'of this' }] },
};

export function badValues(route: ApiRoute, field: string, schema: z.core.$ZodType): readonly BadValue[] {
  const json = z.toJSONSchema(schema as z.ZodType, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const kinds = kindsOf(json);
  const inBody = takesBody(route) && route.consumes === undefined && !pathFields(route.path).includes(field);
  const texts = kinds.includes('array') ? itemsOf(json) : json;
  const isText = kindsOf(texts).includes('string');
  const isWords = isText && !isNarrow(texts);
  const found: BadValue[] = [];
  const add = (what: string, value: unknown) => found.push({ what, value });
  if (inBody) {
    for (const [kind, value] of Object.entries(ONE_OF_EACH)) {
      if (!kinds.includes(kind as Kind)) add(`${kind} for ${kinds.join(' or ')}`, value);
    }
  } else if (kinds.includes('boolean')) add('no truth value', 'yes');
  const wrap = (value: unknown) => (kinds.includes('array') ? [value] : value);
  if (kinds.includes('number') && !isWords) {
    for (const n of [-1, 1e300, 1.5]) {
      if (n !== 1.5 || isWhole(field)) add('a number out of range', inBody ? n : String(n));
    }
    add('no number', '12 apples');
  }
  if (isText && !DOCUMENTS.test(field)) {
    for (const text of CONTROLS) add('a control character', wrap(text));
    add('too long', wrap(inBody ? LONG : LONG.slice(0, 8_000)));
    if (!FREE.test(field) && !pathFields(route.path).includes(field)) add('empty', wrap(''));
    if (isNarrow(texts)) add('none of those that there are', wrap('☃'));
    if (kinds.includes('array') && inBody) add('a number in the list', [4.25]);
  }
  return found;
}

const itemsOf = (schema: JsonSchema) => (schema.items ?? {}) as JsonSchema;
/** Whatever is no text of free choice. */
const isNarrow = (schema: JsonSchema): boolean =>
  schema.enum !== undefined || schema.pattern !== undefined || (schema.anyOf?.some(isNarrow) ?? false);
/** Shares and rates may be fractions. */
const isWhole = (field: string) => !/^(quotaThreshold|ratePerSecond|pauseHours)$/.test(field);
