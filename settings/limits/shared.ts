/**
 * Limits that several accounts share, e.g. those of an egress IP, are one row in the database: the accounts must say
 * the same of them. Which accounts share a limit follows from its scope, whatever the vendor.
 */
import { type LimitTemplate, limitKey, scopeNames } from '../../quota/limits/limit';
import { COMMON_ATTRIBUTES } from '../../vendors/contract';
import { accountAttributes, accountParts, findVendor, type Vendor } from '../../vendors/registry';
import { effectiveLimits } from '../accounts/effective';
import { isMap, type RawProblem } from '../problems';
import { isOwnLimit } from './own';

type AccountKeys = Pick<Shared, 'account' | 'vendor' | 'own'>;

interface Shared {
  readonly account: string;
  readonly vendor: Vendor;
  readonly own: Readonly<Record<string, string>>;
  /** By key, as far as the account decides it: what only the single call has stands as in the scope. */
  readonly limits: ReadonlyMap<string, LimitTemplate>;
  /** Names of those whose scope the settings choose. */
  readonly chosen: ReadonlySet<string>;
}

/**
 * Enabled accounts that override a shared limit differently, or of which only one overrides it, or has it at all.
 * Ill-formed accounts are left to the schema.
 * @param accounts as written in the settings.
 */
export function sharedLimitProblems(accounts: unknown): RawProblem[] {
  const seen: Shared[] = [];
  const problems: RawProblem[] = [];
  for (const [account, raw] of isMap(accounts) ? Object.entries(accounts) : []) {
    const shared = sharedLimits(account, raw);
    if (shared === null) continue;
    const reported = new Set<string>();
    for (const other of seen.filter(({ vendor }) => vendor === shared.vendor)) {
      for (const problem of differences(shared, other)) {
        const id = JSON.stringify(problem.path);
        if (!reported.has(id)) problems.push(problem);
        reported.add(id);
      }
    }
    seen.push(shared);
  }
  return problems;
}

function differences(a: Shared, b: Shared): RawProblem[] {
  const problems: RawProblem[] = [];
  for (const [key, template] of a.limits) {
    const other = b.limits.get(key);
    const differs = other !== undefined ? !areAlike(other, template) : lacks(b, a, key, template);
    if (differs) problems.push(problemOf(a.account, template, b.account));
  }
  for (const [key, template] of b.limits) {
    if (!a.limits.has(key) && lacks(a, b, key, template)) {
      problems.push(problemOf(a.account, template, b.account));
    }
  }
  return problems;
}

/** Whether an account that has none should have the limit that the settings of another one give it. */
function lacks(account: Shared, other: Shared, key: string, template: LimitTemplate): boolean {
  return other.chosen.has(template.name) && keyOf(account, template) === key;
}

/** The key that a limit would have for an account; null when it is none that accounts may share. */
function keyOf({ account, vendor, own }: AccountKeys, limit: LimitTemplate): string | null {
  const names = scopeNames(limit.scope);
  // An account's own; or of an attribute that another account has, and this one has not.
  if (names.includes('account')) return null;
  const known = { ...COMMON_ATTRIBUTES, ...vendor.rules.attributes };
  if (names.some((name) => known[name]?.of === 'account' && !Object.hasOwn(own, name))) return null;
  const ofCalls = names.filter((name) => !Object.hasOwn(own, name) && name !== 'vendor');
  // Nothing in it is the account's: then it is of all accounts that there are.
  const open = Object.fromEntries(ofCalls.map((name) => [name, `{${name}}`]));
  return limitKey(vendor.id, limit, { ...open, ...own, vendor: vendor.id, account });
}

/** The limits of an account that other accounts may share. */
function sharedLimits(account: string, raw: unknown): Shared | null {
  const vendor = isMap(raw) && typeof raw.vendor === 'string' ? findVendor(raw.vendor) : undefined;
  if (vendor === undefined) return null;
  const parsed = vendor.account.safeParse(raw);
  if (!parsed.success || !parsed.data.enabled) return null;
  const { rules = vendor.rules, limits = parsed.data.limits } = accountParts(parsed.data);
  const own = accountAttributes(parsed.data);
  const shared = { account, vendor, own };
  const effective = effectiveOrNone(rules, limits);
  if (effective === null) return null;
  const keyed = effective.flatMap((template): [string, LimitTemplate][] => {
    const key = keyOf(shared, template);
    return key === null ? [] : [[key, template]];
  });
  const chosen = Object.entries(limits ?? {}).filter(([, limit]) => isOwnLimit(limit) || limit.scope);
  return { ...shared, limits: new Map(keyed), chosen: new Set(chosen.map(([name]) => name)) };
}

/** Overrides that do not fit are reported elsewhere. */
function effectiveOrNone(
  rules: Parameters<typeof effectiveLimits>[0],
  limits: Parameters<typeof effectiveLimits>[1]['limits'],
): readonly LimitTemplate[] | null {
  try {
    return effectiveLimits(rules, { limits });
  } catch {
    return null;
  }
}

function areAlike(a: LimitTemplate, b: LimitTemplate): boolean {
  const reported = ({ window, reserve, mode, slackMs, source, match, operations, unit }: LimitTemplate) =>
    JSON.stringify([
      ...[sorted(window), sorted(reserve ?? {}), sorted(match ?? {})],
      ...[operations, unit, mode, slackMs ?? null, source],
    ]);
  return reported(a) === reported(b);
}

function sorted(value: object): [string, unknown][] {
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
}

function problemOf(account: string, { name, scope }: LimitTemplate, other: string): RawProblem {
  const keys = scopeNames(scope).join(', ');
  return {
    path: ['accounts', account, 'limits', name],
    what: `must be the same as in accounts.${other}: both accounts share this limit; give both the same override, or each its own ${keys}`,
  };
}
