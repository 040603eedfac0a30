/** What a use case is: its input as a schema, its typed result, and how that looks as JSON. */
import { z } from 'zod';
import type { Backend } from './backend/backend';
import { type ErrorCode, OperationError, type Problem } from './errors';
import { quoted, unfitTexts } from './texts';

/**
 * A use case. It takes an object, checks it, and prints nothing: faces (command line, API, library) call it.
 *
 * @typeParam Input what callers give: JSON values, with instants in ISO 8601 and lengths such as `6h`.
 * @typeParam Result what they get: instants in epoch ms, counts that may be infinite.
 * @typeParam Json the same as JSON, with instants in ISO 8601 and null for what is unknown or infinite.
 * @typeParam More what is no JSON, such as the stream that an export is written to.
 */
export interface Operation<Schema extends z.ZodObject, Result, Json, More extends unknown[] = []> {
  /** @throws OperationError for a person to read. */
  (backend: Backend, input: z.input<Schema>, ...more: More): Promise<Result>;
  /** What it does, in one phrase. */
  readonly about: string;
  readonly input: Schema;
  json(result: Result): Json;
}

interface Definition<Schema extends z.ZodObject, Result, Json, More extends unknown[]> {
  readonly about: string;
  readonly input: Schema;
  /** Without it, the result is JSON as it is. */
  readonly json?: (result: Result) => Json;
  readonly run: (backend: Backend, input: z.output<Schema>, ...more: More) => Promise<Result>;
}

export function operation<Schema extends z.ZodObject, Result, Json = Result, More extends unknown[] = []>(
  definition: Definition<Schema, Result, Json, More>,
): Operation<Schema, Result, Json, More> {
  const { about, input, json = (result) => result as unknown as Json, run } = definition;
  const call = async (backend: Backend, given: z.input<Schema>, ...more: More) =>
    run(backend, checkInput(input, given), ...more);
  return Object.assign(call, { about, input, json });
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  number: 'a number',
  object: 'an object',
  string: 'text',
};

/**
 * The input with its values read: instants as epoch ms, lengths as ms.
 * @throws OperationError with everything that is wrong.
 */
export function checkInput<Schema extends z.ZodObject>(schema: Schema, given: unknown): z.output<Schema> {
  const unfit = unfitTexts(schema, given).map((one) =>
    isSecret(schema, one.field?.split('.') ?? []) ? { ...one, message: UNFIT_SECRET } : one,
  );
  const [unfitFirst, ...unfitOthers] = unfit;
  if (unfitFirst !== undefined) throw new OperationError([unfitFirst, ...unfitOthers]);
  const parsed = schema.safeParse(given, { error: ordinaryWords });
  if (parsed.success) return parsed.data;
  const [first, ...others] = parsed.error.issues.flatMap((issue) => problemsOf(schema, issue, given));
  if (first === undefined) throw parsed.error;
  throw new OperationError([first, ...others]);
}

const UNFIT_SECRET = 'is too long, or holds a control character';

/** Where a schema has no message of its own. */
function ordinaryWords(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_value') return `is none of ${issue.values.join(', ')}`;
  if (issue.code === 'invalid_union') return wordsOfUnion(issue.errors);
  if (issue.code !== 'invalid_type') return undefined;
  return issue.input === undefined
    ? 'is missing'
    : `must be ${TYPE_NAMES[issue.expected] ?? `a ${issue.expected}`}`;
}

/** What it may be, each kind once. */
function wordsOfUnion(branches: readonly (readonly z.core.$ZodIssue[])[]): string | undefined {
  const kinds = branches.map(([first]) =>
    first?.code === 'invalid_type' && first.path.length === 0
      ? (TYPE_NAMES[first.expected] ?? `a ${first.expected}`)
      : null,
  );
  if (kinds.length === 0 || kinds.includes(null)) return undefined;
  return `must be ${[...new Set(kinds)].join(' or ')}`;
}

function problemsOf(schema: z.ZodObject, issue: z.core.$ZodIssue, given: unknown): Problem[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(schema.shape).join(', ');
    return issue.keys.map((key) => ({
      code: 'UNKNOWN_FIELD',
      field: [...path, key].join('.'),
      message: `is not known (fields: ${known || 'none'})`,
    }));
  }
  if (issue.code === 'invalid_key') {
    // A name that a record does not take: it is at fault, and not what stands under it.
    const [first] = issue.issues;
    return [{ code: 'INVALID_INPUT', field: path.join('.'), message: first?.message ?? issue.message }];
  }
  const value = path.reduce<unknown>(
    (inside, key) => (inside as Record<string, unknown> | null)?.[key],
    given,
  );
  const field = path.length === 0 ? null : path.join('.');
  if (value === undefined) return [{ code: 'MISSING_INPUT', field, message: issue.message }];
  const code: ErrorCode = issue.code === 'custom' ? (issue.params?.code ?? 'INVALID_INPUT') : 'INVALID_INPUT';
  return [{ code, field, message: `${isSecret(schema, path) ? '' : shown(value)}${issue.message}` }];
}

/** A field that is written and never shown, such as a password. */
export function isSecret(schema: z.ZodObject, [name = '']: readonly string[]): boolean {
  let field = schema.shape[name] as z.core.$ZodType | undefined;
  while (field instanceof z.ZodOptional || field instanceof z.ZodDefault) field = field.unwrap();
  return field instanceof z.ZodType && field.meta()?.writeOnly === true;
}

/** `"x" `, in front of its problem; nothing for what has no short form. */
function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) return '';
  return `${typeof value === 'string' ? quoted(value) : String(value)} `;
}
