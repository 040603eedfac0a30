/** Values that a program in plain JavaScript may have got wrong, checked by hand: each problem begins with the field. */

export type Raw = Readonly<Record<string, unknown>>;

export const isRecord = (value: unknown): value is Raw =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
export const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText);

/** What was given, cut; an object by its kind alone. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80));
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length > 5 ? 'a list' : `[${value.map(shown).join(', ')}]`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}

/** Empty when it is right, else the one problem. */
export const must = (isRight: boolean, at: string, be: string, value: unknown): string[] =>
  isRight ? [] : [`${at}: must be ${be}, not ${shown(value)}`];

/** A number that each of the names has to have. @param min least value; a number above 0 without it. */
export function numbers(value: unknown, at: string, names: readonly string[], min?: number): string[] {
  if (!isRecord(value)) return [`${at}: must be an object of ${names.join(', ')}, not ${shown(value)}`];
  const what = min === undefined ? 'a number above 0' : `a number, at least ${min}`;
  return names.flatMap((name) => {
    const given = value[name];
    const isRight = typeof given === 'number' && Number.isFinite(given) && given > 0 && given >= (min ?? 0);
    return must(isRight, `${at}.${name}`, what, given);
  });
}

/** Fields that nobody reads, for they are misspelt. */
export function unknownFields(value: Raw, at: string, known: readonly string[]): string[] {
  return Object.keys(value)
    .filter((name) => !known.includes(name))
    .map((name) => `${at === '' ? '' : `${at}.`}${name}: is no field; there are ${known.join(', ')}`);
}

/** Names in braces of a scope, and whether nothing else in it is a brace. */
export function placeholders(scope: string): {
  readonly names: readonly string[];
  readonly isWhole: boolean;
} {
  const names = [...scope.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  return { names, isWhole: !/[{}]/.test(scope.replace(/\{\w+\}/g, '')) };
}
