/** Reads a scenario file and says clearly what is wrong with it. */
import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import type { z } from 'zod';

/** Thrown for a scenario or a control command that does not fit; the message names every field at fault. */
export class ScenarioError extends Error {
  override readonly name = 'ScenarioError';
}

/** `faults[0].status: a fault of kind "status" needs a status` for each issue, one a line. */
export function describeIssues(error: z.ZodError): string {
  return error.issues
    .map((issue) => {
      const path = issue.path
        .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
        .join('')
        .replace(/^\./, '');
      return `${path === '' ? '(top level)' : path}: ${issue.message}`;
    })
    .join('\n');
}

/** Parses `value` with `schema`; `source` names it in the message. */
export function parseScenario<T extends z.ZodType>(schema: T, value: unknown, source: string): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new ScenarioError(`${source} is not a valid scenario:\n${describeIssues(result.error)}`);
}

/** JSON or YAML. Throws ScenarioError when the file cannot be read or does not fit the schema. */
export function readScenario<T extends z.ZodType>(schema: T, file: string): z.output<T> {
  let value: unknown;
  try {
    // JSON is YAML.
    value = parseYaml(readFileSync(file, 'utf8')) ?? {};
  } catch (error) {
    throw new ScenarioError(`scenario ${file} cannot be read: ${(error as Error).message}`);
  }
  return parseScenario(schema, value, `scenario ${file}`);
}
