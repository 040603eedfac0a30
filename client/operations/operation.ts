/** What a use case is: its input as a schema, its typed result, and how that looks as JSON. */
import { z } from 'zod';
import type { Backend } from './backend/backend';
import { type ErrorCode, OperationError, type Problem } from './errors';
import { quoted, unfitTexts } from './texts';
import { countText } from './time-text';

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
  record: 'an object',
  string: 'text',
};

/** So many mistakes are listed; a list of a million rows of the wrong kind would be answered with a hundred megabytes. */
const MOST_LISTED = 50;
/** Of a long list, so many entries are checked before the rest: mostly all are wrong in the same way. */
const CHECKED_FIRST = 1_000;

/**
 * The input with its values read: instants as epoch ms, lengths as ms.
 * @throws OperationError with what is wrong: all of it, or the first fifty things and how many more were found.
 */
export function checkInput<Schema extends z.ZodObject>(schema: Schema, given: unknown): z.output<Schema> {
  const unfit = unfitTexts(schema, given).map((one) =>
    isSecret(schema, one.field?.split('.') ?? []) ? { ...one, message: UNFIT_SECRET } : one,
  );
  if (unfit.length > 0) throw listing(unfit, unfit.length);
  const parse = (input: unknown) => schema.safeParse(input, { error: ordinaryWords });
  const beginning = beginningOf(given);
  const early = beginning === null ? undefined : parse(beginning).error;
  const parsed = early?.issues.some(({ path }) => path.length > 1) ? null : parse(given);
  if (parsed?.success) return parsed.data;
  const { issues } = (parsed?.error ?? early) as z.ZodError;
  const found = issues.slice(0, MOST_LISTED).flatMap((issue) => problemsOf(schema, issue, given));
  throw listing(found, found.length + Math.max(0, issues.length - MOST_LISTED));
}

/** With the beginnings of its lists; null where none is long. */
function beginningOf(given: unknown): unknown {
  if (typeof given !== 'object' || given === null) return null;
  const isLong = (value: unknown) => Array.isArray(value) && value.length > CHECKED_FIRST;
  if (!Object.values(given).some(isLong)) return null;
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [
      name,
      isLong(value) ? (value as unknown[]).slice(0, CHECKED_FIRST) : value,
    ]),
  );
}

/** @param count of all that is wrong. */
function listing(found: readonly Problem[], count: number): OperationError {
  const [first, ...others] = found.slice(0, MOST_LISTED);
  if (first === undefined) throw new RangeError('there is nothing wrong');
  const left = count - 1 - others.length;
  const more: Problem = {
    code: first.code,
    field: null,
    message: `and ${countText(left)} more mistakes`,
  };
  return new OperationError([first, ...others, ...(left > 0 ? [more] : [])]);
}

const UNFIT_SECRET = 'is too long, or holds a control character';

/** Where a schema has no message of its own. */
function ordinaryWords(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_value') return `is none of ${issue.values.join(', ')}`;
  if (issue.code === 'invalid_union') return wordsOfUnion(issue.errors);
  if (issue.code === 'too_big') return sizeWords(issue.origin, 'at most', 'less than', issue.maximum, issue);
  if (issue.code === 'too_small')
    return sizeWords(issue.origin, 'at least', 'more than', issue.minimum, issue);
  if (issue.code !== 'invalid_type') return undefined;
  return issue.input === undefined
    ? 'is missing'
    : `must be ${TYPE_NAMES[issue.expected] ?? `a ${issue.expected}`}`;
}

/** What is counted in it. */
const PARTS: Readonly<Record<string, string>> = { string: 'characters', array: 'entries' };

function sizeWords(
  origin: string,
  within: string,
  beyond: string,
  bound: number | bigint,
  { inclusive = true }: { readonly inclusive?: boolean | undefined },
): string {
  const range = `${inclusive ? within : beyond} ${bound}`;
  const parts = PARTS[origin];
  return parts === undefined ? `must be ${range}` : `must have ${range} ${parts}`;
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
