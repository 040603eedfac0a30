/** The part of the conformance suite that needs no network: rules, settings, and the contracts of what is offered. */
import type { AccountParts, CommonAccount, Vendor } from '../define';
import { triedParts } from '../definition/parts';
import { type Check, check, skipped } from './check';
import { evidenceProblems, type FuzzOptions, limitProblems, verdictProblems } from './rules';

export function definitionChecks(vendor: Vendor, fuzz: FuzzOptions): Check[] {
  const { rules, example } = vendor;
  const name = 'the settings of its example are valid and offer something';
  if (example === null) {
    return [...ruleChecks(rules, fuzz, ''), skipped(name, 'the vendor gives no example')];
  }
  const account = exampleAccount(vendor, {});
  if ('problems' in account) return [...ruleChecks(rules, fuzz, ''), check(name, account.problems)];
  const tried = triedParts(() => vendor.parts(account.settings));
  if ('problems' in tried) return [...ruleChecks(rules, fuzz, ''), check(name, tried.problems)];
  const parts: AccountParts = tried.parts;
  return [
    ...ruleChecks(rules, fuzz, ''),
    ...(parts.rules === undefined ? [] : ruleChecks(parts.rules, fuzz, ", by an account's own rules")),
    check(name, partProblems(parts)),
    check('limits and verdicts know every operation that it calls', operationProblems(vendor, parts)),
  ];
}

function ruleChecks(rules: Vendor['rules'], fuzz: FuzzOptions, whose: string): Check[] {
  return [
    check(`any answer is one verdict${whose}`, verdictProblems(rules, fuzz)),
    check(`no evidence holds a secret${whose}`, evidenceProblems(rules, fuzz)),
    check(`every limit has a scope, a unit and a source${whose}`, limitProblems(rules)),
  ];
}

/** The example's account, checked. @param settings that lead to the simulator. */
export function exampleAccount(
  vendor: Vendor,
  settings: Readonly<Record<string, unknown>>,
): { readonly settings: CommonAccount } | { readonly problems: readonly string[] } {
  const parsed = vendor.account.safeParse({ vendor: vendor.id, ...vendor.example?.settings, ...settings });
  if (parsed.success) return { settings: parsed.data };
  return { problems: parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`) };
}

function partProblems({ login, grant, apiKey, ...offered }: AccountParts): string[] {
  const ways = [login, grant, apiKey].filter((way) => way !== undefined).length;
  const { reports, texts, textBatches, fleet, vehicles, commands, endUsers } = offered;
  const things = [reports, texts, textBatches, fleet, vehicles, commands, endUsers];
  return [
    ...(ways === 1 ? [] : [`an account has one of login, grant and apiKey, and not ${ways}`]),
    ...(things.some((thing) => thing !== undefined) ? [] : ['the account offers nothing']),
  ];
}

function operationProblems({ rules }: Vendor, parts: AccountParts): string[] {
  const known = new Set(rules.operations);
  return operationsOf(parts)
    .filter((operation) => !known.has(operation))
    .map((operation) => `${operation} is called, and not in rules.operations`);
}

/** Names of all operations of an account's parts that are the same whatever is asked. */
function operationsOf(parts: AccountParts): string[] {
  const { login, grant, reports, texts, textBatches, fleet, vehicles, commands, endUsers } = parts;
  const inGrant =
    grant === undefined
      ? []
      : [
          grant.operation,
          ...(grant.login.kind === 'form' ? [grant.login.operation] : Object.values(grant.login.operations)),
        ];
  return [
    ...(login === undefined ? [] : [login.operation]),
    ...inGrant,
    ...Object.values(reports?.operations ?? {}),
    ...(texts === undefined ? [] : [texts.operation]),
    ...Object.values(textBatches?.operations ?? {}),
    ...Object.values(fleet?.operations ?? {}),
    ...(commands === undefined ? [] : [commands.results.operation]),
    ...Object.values(endUsers?.operations ?? {}),
    ...(vehicles === undefined ? [] : [vehicles.operation, ...vehicles.reads.map((read) => read.operation)]),
    ...Object.values(vehicles?.resource?.operations ?? {}),
  ];
}
