/** Names and lists that no schema judges rightly, found in the settings as they are written. Pure. */
import { describeValue, isMap, type Path, type Raw, type RawProblem } from './problems';

/** A map that is checked leaves this key out without a word, and nothing that it holds would hold. */
const NO_NAME = '__proto__';

/** Keys that cannot be names of anything: accounts, limits, models. */
export function unusableNames(root: Raw): RawProblem[] {
  return everyMap(root).flatMap(({ path, map }) =>
    Object.hasOwn(map, NO_NAME)
      ? [{ path: [...path, NO_NAME], what: `must have another name: "${NO_NAME}" cannot be one` }]
      : [],
  );
}

/** Whether a problem is of what has such a name, of which that has been said. */
export function isUnusable({ path }: RawProblem): boolean {
  return path.includes(NO_NAME);
}

/** Lists of names, in sections where the order of a list and how often it has a name say nothing. */
const SECTIONS = ['accounts', 'datasets', 'plugins'];

/** Texts that a list has twice: nobody means that, and one of them was to be another. */
export function namedTwice(root: Raw): RawProblem[] {
  return SECTIONS.flatMap((section) =>
    everyList(root[section], [section]).flatMap(({ path, list }) =>
      list.flatMap((value, i) =>
        typeof value === 'string' && list.indexOf(value) < i
          ? [{ path: [...path, i], what: `must not be there twice, as ${describeValue(value)} is` }]
          : [],
      ),
    ),
  );
}

function everyMap(value: unknown, path: Path = []): { readonly path: Path; readonly map: Raw }[] {
  const here = isMap(value) ? [{ path, map: value }] : [];
  return [...here, ...childrenOf(value).flatMap(([key, child]) => everyMap(child, [...path, key]))];
}

function everyList(value: unknown, path: Path): { readonly path: Path; readonly list: readonly unknown[] }[] {
  const here = Array.isArray(value) ? [{ path, list: value }] : [];
  return [...here, ...childrenOf(value).flatMap(([key, child]) => everyList(child, [...path, key]))];
}

function childrenOf(value: unknown): [string | number, unknown][] {
  if (Array.isArray(value)) return value.map((child, i) => [i, child]);
  return isMap(value) ? Object.entries(value) : [];
}
