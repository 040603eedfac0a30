/**
 * What is wrong with the settings, all of it at once. Each problem names the key (or the environment variable),
 * the value unless it may be a secret, and what would be right.
 */
import type { z } from 'zod';

export interface SettingsProblem {
  /** Key path such as `accounts.main.region`, or the name of the environment variable that set it. */
  readonly where: string;
  /** What is wrong and what would be right, as a predicate: `must be na, eu or fe, not "us"`. */
  readonly what: string;
  /** Line in the settings file, counted from 1; null when the value is not from the file. */
  readonly line: number | null;
}

/** Thrown when the settings cannot be used. `problems` lists everything that is wrong, not just the first. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';

  constructor(
    readonly problems: readonly SettingsProblem[],
    /** The settings file; null when there is none. */
    readonly file: string | null,
  ) {
    super(
      [
        `the settings${file === null ? '' : ` in ${file}`} have ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:`,
        ...problems.map((p) => `  ${p.where}${p.line === null ? '' : ` (line ${p.line})`}: ${p.what}`),
      ].join('\n'),
    );
  }
}

/** Settings as they are written, before they are checked. */
export type Raw = Record<string, unknown>;

export function isMap(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export type Path = readonly (string | number)[];

/** `['accounts', 'main', 'marketplaces', 0]` → `accounts.main.marketplaces[0]`. */
export function pathText(path: Path): string {
  if (path.length === 0) return '(top level)';
  return path.map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? key : `.${key}`)).join('');
}

/** A JSON Schema node, as far as this file reads it. */
interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
  readonly type?: string;
  readonly const?: unknown;
  readonly writeOnly?: boolean;
}

/** A problem without its place in the file or the environment, which the loader knows. */
export interface RawProblem {
  readonly path: Path;
  readonly what: string;
}

/**
 * Turns zod's issues into problems.
 * @param root the raw settings that were validated.
 * @param schema their JSON Schema: shows which keys exist and which values are secret.
 */
export function problemsOf(error: z.ZodError, root: unknown, schema: object): RawProblem[] {
  return error.issues.flatMap((issue) => describeIssue(issue, [], root, schema as SchemaNode));
}

function describeIssue(
  issue: z.core.$ZodIssue,
  prefix: Path,
  root: unknown,
  schema: SchemaNode,
): RawProblem[] {
  const path = [...prefix, ...issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key))];
  const nodes = nodesAt(schema, path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        what: `is not a setting${suggestion(key, knownKeys(variantsOf(nodes, valueAt(root, path))))}`,
      }));
    case 'invalid_key':
      return issue.issues.map((inner) => ({ path, what: inner.message }));
    case 'invalid_union': {
      const closest = closestBranch(issue.errors);
      if (closest !== null) return closest.flatMap((inner) => describeIssue(inner, path, root, schema));
      break;
    }
    default:
  }
  const value = valueAt(root, path);
  const expected = issue.message;
  if (value === undefined) {
    // A refinement says by itself what is missing.
    return [{ path, what: issue.code === 'custom' ? issue.message : `is missing; it ${expected}` }];
  }
  if (issue.code === 'custom') return [{ path, what: issue.message }];
  if (Array.isArray(value) && issue.code !== 'invalid_type') {
    return [{ path, what: `${expected}, not ${value.length === 0 ? 'an empty list' : value.length}` }];
  }
  return [{ path, what: `${expected}${shown(value, nodes, path)}` }];
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  object: 'a map',
  record: 'a map',
  array: 'a list',
  string: 'text',
  boolean: 'true or false',
};

/** For `safeParse`: plain words for a wrong type where the schema has none of its own. */
export const PLAIN_WORDS = {
  error: (issue: z.core.$ZodRawIssue) =>
    issue.code === 'invalid_type'
      ? `must be ${TYPE_NAMES[issue.expected] ?? `a ${issue.expected}`}`
      : undefined,
};

/** Of a union's branches, the one whose problems lie inside the value rather than at it: that one was meant. */
function closestBranch(
  branches: readonly (readonly z.core.$ZodIssue[])[],
): readonly z.core.$ZodIssue[] | null {
  const inside = branches.filter((issues) => issues.length > 0 && issues.every((i) => i.path.length > 0));
  return inside.length === 0 ? null : inside.reduce((a, b) => (b.length < a.length ? b : a));
}

/** `, not "x"` for a value that cannot be a secret; otherwise only what kind of thing it is. */
function shown(value: unknown, nodes: readonly SchemaNode[], path: Path): string {
  if (Array.isArray(value)) return ', not a list';
  if (typeof value === 'object') return ', not a map';
  const scalar = nodes.some((node) => node.type !== 'object' && node.type !== 'array');
  if (!scalar) return `, not a ${typeof value}`;
  const secret =
    nodes.some((node) => node.writeOnly === true) || path.some((key) => SECRET_KEY.test(String(key)));
  return secret ? '' : `, not ${describeValue(value)}`;
}

const SECRET_KEY = /secret|password|token$|apikey|credential/i;

/** A scalar as it is quoted in messages, cut to 80 characters. */
export function describeValue(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}

function nodesAt(schema: SchemaNode, path: Path): readonly SchemaNode[] {
  let nodes = branches(schema);
  for (const key of path) {
    nodes = nodes.flatMap((node) => {
      const next =
        typeof key === 'number'
          ? node.items
          : (node.properties?.[key] ??
            (typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined));
      return next === undefined ? [] : branches(next);
    });
  }
  return nodes;
}

function branches(node: SchemaNode): readonly SchemaNode[] {
  const inner = node.anyOf ?? node.oneOf;
  return inner === undefined ? [node] : inner.flatMap(branches);
}

/** Of several forms of a map, the one that it says it has: an account's vendor has settings of its own. */
function variantsOf(nodes: readonly SchemaNode[], value: unknown): readonly SchemaNode[] {
  const isMeant = ({ properties = {} }: SchemaNode) =>
    Object.entries(properties).every(
      ([key, property]) => property.const === undefined || property.const === valueAt(value, [key]),
    );
  const meant = nodes.filter(isMeant);
  return meant.length === 0 ? nodes : meant;
}

function knownKeys(nodes: readonly SchemaNode[]): readonly string[] {
  return [...new Set(nodes.flatMap((node) => Object.keys(node.properties ?? {})))];
}

export function valueAt(root: unknown, path: Path): unknown {
  let value: unknown = root;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Readonly<Record<string | number, unknown>>)[key];
  }
  return value;
}

/** `; did you mean "region"?`, or the names that there are when none is close. */
export function suggestion(given: string, known: readonly string[]): string {
  const ranked = known
    .map((name) => ({ name, distance: editDistance(given.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  if (best === undefined) return '';
  if (best.distance <= Math.max(2, Math.floor(given.length / 3))) return `; did you mean "${best.name}"?`;
  return `; there are: ${known.join(', ')}`;
}

/** Edits (insert, delete, replace, swap of neighbours) that turn one name into the other. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (before[j - 2] ?? 0) + 1);
      }
      row.push(best);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
