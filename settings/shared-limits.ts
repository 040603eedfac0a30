/**
 * Limits that several accounts share, e.g. those of an egress IP, are one row in the database: the accounts must say
 * the same of them. Which accounts share a limit follows from its scope, whatever the vendor.
 */
import { fillScope, type LimitTemplate } from '../quota/limit';
import { accountParts, isVendorId, VENDORS } from '../vendors/registry';
import { effectiveLimits } from './effective';
import { isMap, type RawProblem } from './problems';

interface Shared {
  readonly account: string;
  readonly template: LimitTemplate;
}

/**
 * Enabled accounts that override a shared limit differently, or of which only one overrides it. Ill-formed accounts
 * are left to the schema.
 * @param accounts as written in the settings.
 */
export function sharedLimitProblems(accounts: unknown): RawProblem[] {
  const first = new Map<string, Shared>();
  const problems: RawProblem[] = [];
  for (const [account, raw] of isMap(accounts) ? Object.entries(accounts) : []) {
    for (const [key, template] of sharedLimits(account, raw)) {
      const other = first.get(key);
      if (other === undefined) first.set(key, { account, template });
      else if (!areAlike(other.template, template))
        problems.push(problemOf(account, template, other.account));
    }
  }
  return problems;
}

/** The limits of an account that other accounts may share, by key. */
function sharedLimits(account: string, raw: unknown): [string, LimitTemplate][] {
  if (!isMap(raw) || typeof raw.vendor !== 'string' || !isVendorId(raw.vendor)) return [];
  const { vendor } = raw;
  const parsed = VENDORS[vendor].account.safeParse(raw);
  if (!parsed.success || !parsed.data.enabled) return [];
  const { rules = VENDORS[vendor].rules, limits = parsed.data.limits, fleet } = accountParts(parsed.data);
  const own: Record<string, string> = { vendor, account };
  const attributes: Record<string, string> = { ...fleet?.attributes };
  return effectiveOrNone(rules, limits).flatMap((template): [string, LimitTemplate][] => {
    const names = [...template.scope.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
    // An account's own; or of an attribute that only the single call has.
    if (names.includes('account') || names.some((name) => !(name in own) && !(name in attributes))) return [];
    return [[`${vendor}/${fillScope(template.scope, { ...own, ...attributes })}/${template.name}`, template]];
  });
}

/** Overrides that do not fit are reported elsewhere. */
function effectiveOrNone(
  rules: Parameters<typeof effectiveLimits>[0],
  limits: Parameters<typeof effectiveLimits>[1]['limits'],
): readonly LimitTemplate[] {
  try {
    return effectiveLimits(rules, { limits });
  } catch {
    return [];
  }
}

function areAlike(a: LimitTemplate, b: LimitTemplate): boolean {
  const told = ({ window, reserve, mode, slackMs, source }: LimitTemplate) =>
    JSON.stringify([sorted(window), sorted(reserve ?? {}), mode, slackMs ?? null, source]);
  return told(a) === told(b);
}

function sorted(value: object): [string, unknown][] {
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
}

function problemOf(account: string, { name, scope }: LimitTemplate, other: string): RawProblem {
  const keys = [...scope.matchAll(/\{(\w+)\}/g)].map(([, key]) => key).join(', ');
  return {
    path: ['accounts', account, 'limits', name],
    what: `must be the same as in accounts.${other}: both accounts share this limit; give both the same override, or each a ${keys} of its own`,
  };
}
