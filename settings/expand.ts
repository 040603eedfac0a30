/**
 * References in the file's values: `${NAME}` and `${NAME:-default}` to the environment, `$${` for a plain `${`, and
 * relative paths in `file:` references. Keys without a value count as not set.
 */
import { resolve } from 'node:path';
import type { Environment } from './environment';
import { isMap, type Path, type Raw, type RawProblem } from './problems';

export interface Expansion {
  readonly root: Raw;
  readonly problems: readonly RawProblem[];
}

/** @param context `baseDir` is what relative `file:` references are relative to. */
export function expandReferences(
  raw: Raw,
  context: { readonly env: Environment; readonly baseDir: string },
): Expansion {
  const problems: RawProblem[] = [];
  const walk = (value: unknown, path: Path): unknown => {
    if (typeof value === 'string') return expandText(value, path, context, problems);
    if (Array.isArray(value)) return value.map((entry, i) => walk(entry, [...path, i]));
    return isMap(value) ? walkMap(value, path) : value;
  };
  const walkMap = (map: Raw, path: Path): Raw =>
    Object.fromEntries(
      Object.entries(map)
        .filter(([, value]) => value !== null)
        .map(([key, value]) => [key, walk(value, [...path, key])]),
    );
  return { root: walkMap(raw, []), problems };
}

function expandText(
  text: string,
  path: Path,
  { env, baseDir }: { readonly env: Environment; readonly baseDir: string },
  problems: RawProblem[],
): string {
  const expanded = text.replace(
    /\$(\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
    (whole, escaped: string | undefined, name: string | undefined, fallback: string | undefined) => {
      if (escaped !== undefined || name === undefined) return '${';
      const value = (Object.hasOwn(env, name) && env[name]) || fallback;
      if (value !== undefined) return value;
      problems.push({
        path,
        what: `refers to the environment variable ${name}, which is not set; set it, or write \${${name}:-default}`,
      });
      return whole;
    },
  );
  return expanded.startsWith('file:') ? `file:${resolve(baseDir, expanded.slice('file:'.length))}` : expanded;
}
