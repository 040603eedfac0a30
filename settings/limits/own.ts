/**
 * Limits that an operator adds in the settings, for rules of a vendor that are not in its table yet: which they are, what
 * is wrong with them, and the template that they make. Pure.
 */
import { type LimitTemplate, type LimitWindow, scopeOf } from '../../quota/limits/limit';
import { type LimitOverride, limitOverride } from '../../vendors/account-fields';
import { COMMON_ATTRIBUTES, type VendorRules } from '../../vendors/contract';
import { describeValue, type Path, type Raw, type RawProblem, suggestion } from '../problems';

/** What is known of a vendor's calls; any vendor's rules fit. */
export type CallTable = Pick<VendorRules, 'id'> & Partial<Pick<VendorRules, 'operations' | 'attributes'>>;

/** Keys that only a limit of one's own has. */
export const OWN_KEYS = ['operations', 'match', 'unit'] as const;

/** Such a limit says which operations it is for; what does not is a name that was meant otherwise. */
export function isOwnLimit(limit: Raw | LimitOverride): boolean {
  return limit.operations !== undefined;
}

const DEFAULT_SCOPE = ['account'];
const DEFAULT_ZONE = 'UTC';
const WINDOW_WORDS =
  'must say its window: ms (spacing), count and ms (rolling), count and per (calendar), or ratePerSecond and burst (token bucket)';

/** The window that the keys of a limit of one's own make; null when they make none. */
function windowOf(limit: Raw | LimitOverride): LimitWindow | null {
  const { ratePerSecond, burst, count, ms, per, zone } = limit as LimitOverride;
  const has = (...keys: unknown[]) => keys.every((key) => key !== undefined);
  const none = (...keys: unknown[]) => keys.every((key) => key === undefined);
  if (has(ratePerSecond) && none(count, ms, per, zone)) {
    return { kind: 'token-bucket', ratePerSecond: ratePerSecond ?? 1, burst: burst ?? 1 };
  }
  if (!none(ratePerSecond, burst)) return null;
  if (has(count, per) && none(ms)) {
    return { kind: 'calendar', count: count ?? 1, per: per ?? 'day', zone: zone ?? DEFAULT_ZONE };
  }
  if (!none(per, zone) || !has(ms)) return null;
  return count === undefined ? { kind: 'spacing', ms: ms ?? 1 } : { kind: 'rolling', count, ms: ms ?? 1 };
}

/** The template of a limit of one's own that has no problems. */
export function ownTemplate(name: string, limit: LimitOverride, rules: CallTable): LimitTemplate {
  const { scope = DEFAULT_SCOPE, match, unit = 'calls', mode = 'enforce', reserve, slackMs } = limit;
  const window = windowOf(limit);
  if (window === null) throw new RangeError(`limit "${name}" ${WINDOW_WORDS}`);
  const needed = [...scope, ...Object.keys(match ?? {})];
  return {
    name,
    operations: operationsOf(limit.operations ?? '*', needed, rules),
    scope: scopeOf(scope),
    ...(match === undefined ? {} : { match: listed(match) }),
    unit,
    window,
    ...(reserve === undefined ? {} : { reserve: defined(reserve) }),
    mode,
    ...(slackMs === undefined ? {} : { slackMs }),
    source: 'settings',
  };
}

/** '*' with an attribute that only some calls have is those calls. */
function operationsOf(
  operations: NonNullable<LimitOverride['operations']>,
  needed: readonly string[],
  rules: CallTable,
): LimitTemplate['operations'] {
  if (operations !== '*') return operations;
  const { operations: all = [], attributes = {} } = rules;
  const narrowing = needed.map((name) => attributes[name]?.of ?? 'account').filter((of) => of !== 'account');
  return narrowing.length === 0 ? '*' : all.filter((o) => narrowing.every((of) => of.includes(o)));
}

function listed(match: NonNullable<LimitOverride['match']>): Record<string, readonly string[]> {
  return Object.fromEntries(
    Object.entries(match).map(([name, values]) => [name, typeof values === 'string' ? [values] : values]),
  );
}

function defined(reserve: NonNullable<LimitOverride['reserve']>): NonNullable<LimitTemplate['reserve']> {
  return Object.fromEntries(Object.entries(reserve).filter(([, share]) => share !== undefined));
}

/**
 * What is wrong with a limit of one's own.
 * @param own attributes that the account has, with its own name; null when they are not known.
 */
export function ownLimitProblems(
  rules: CallTable,
  name: string,
  limit: Raw,
  own: Readonly<Record<string, string>> | null,
): RawProblem[] {
  // What is ill-formed is the schema's to say.
  if (!limitOverride.safeParse(limit).success) return [];
  const { operations = '*', scope = DEFAULT_SCOPE, match = {} } = limit as LimitOverride;
  const at = (...path: Path) => ['limits', name, ...path];
  const problems: RawProblem[] = [];
  if (windowOf(limit) === null) problems.push({ path: at(), what: WINDOW_WORDS });
  const named = operations === '*' ? [] : operations;
  const all = rules.operations ?? [];
  for (const operation of named.filter((o) => !all.includes(o))) {
    const what = `must be operations of ${rules.id}, not ${describeValue(operation)}${suggestion(operation, all)}`;
    problems.push({ path: at('operations'), what });
  }
  const wanted: [string, Path][] = [
    ...scope.map((attribute, i): [string, Path] => [attribute, at('scope', i)]),
    ...Object.keys(match).map((attribute): [string, Path] => [attribute, at('match', attribute)]),
  ];
  for (const [attribute, path] of wanted) {
    const known = named.filter((operation) => all.includes(operation));
    const what = attributeProblem(rules, attribute, known, own);
    if (what !== null) problems.push({ path, what });
  }
  return problems;
}

/** What is wrong with naming an attribute for calls of these operations; null when nothing is. */
export function attributeProblem(
  rules: CallTable,
  attribute: string,
  operations: readonly string[],
  own: Readonly<Record<string, string>> | null,
): string | null {
  const known = { ...COMMON_ATTRIBUTES, ...rules.attributes };
  const found = Object.hasOwn(known, attribute) ? known[attribute] : undefined;
  if (found === undefined) {
    return `must name an attribute of ${rules.id}'s calls, not ${describeValue(attribute)}${suggestion(attribute, Object.keys(known))}`;
  }
  const { of } = found;
  if (of === 'account') {
    if (own === null || Object.hasOwn(own, attribute)) return null;
    return `names ${attribute}, which the account does not have: set accounts.<name>.${attribute} too`;
  }
  const without = operations.filter((operation) => !of.includes(operation));
  if (without.length === 0) return null;
  return `names ${attribute}, which calls of ${without.join(', ')} do not have; it is there for: ${of.join(', ')}`;
}
