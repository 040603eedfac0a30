/** What is wrong with a vendor's rules, apart from what takes trying. */
import { COMMON_ATTRIBUTES } from '../contract';
import { limitProblems } from './limits';
import { isRecord, isText, isTexts, must, numbers, placeholders, type Raw, unknownFields } from './values';

const ID = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
const POOL_NUMBERS = [
  'unknownQuotaMs',
  'unknownQuotaFactor',
  'unknownQuotaMaxMs',
  'absurdWaitMs',
  'breakerFailures',
  'breakerOpenMs',
  'probeTimeoutMs',
  'hintAfterStrikes',
];
const RECHECK_NUMBERS = ['credentialsMs', 'configurationMs', 'maxMs'];
const FIELDS = [
  ...['id', 'title', 'limits', 'operations', 'unmetered', 'attributes', 'pool', 'retry', 'announcedWindows'],
  ...['poolScope', 'subject', 'ambiguousQuota', 'classify', 'learn'],
];

export function rulesProblems(rules: Raw): string[] {
  const { id, title, operations, unmetered, attributes, poolScope, subject, announcedWindows } = rules;
  const isSubject =
    subject === undefined || (isRecord(attributes) && Object.hasOwn(attributes, String(subject)));
  return [
    ...unknownFields(rules, 'rules', FIELDS),
    ...must(
      isText(id) && ID.test(id),
      'rules.id',
      'lower-case letters, digits and dashes, such as acme-cars',
      id,
    ),
    ...must(isText(title), 'rules.title', 'text', title),
    ...operationProblems(operations),
    ...(unmetered === undefined ? [] : unmeteredProblems(unmetered, operations)),
    ...attributeProblems(attributes, operations),
    ...must(isPoolScope(poolScope), 'rules.poolScope', 'a template of {account} or {vendor}', poolScope),
    ...must(isSubject, 'rules.subject', 'the name of one of rules.attributes', subject),
    ...must(
      announcedWindows === undefined || isLengths(announcedWindows),
      'rules.announcedWindows',
      'a list of lengths in milliseconds',
      announcedWindows,
    ),
    ...limitsProblems(rules),
    ...poolProblems(rules.pool),
    ...backoffProblems(rules.retry, 'rate'),
    ...backoffProblems(rules.retry, 'server'),
    ...['classify', 'learn'].flatMap((name) =>
      must(typeof rules[name] === 'function', `rules.${name}`, 'a function', rules[name]),
    ),
  ];
}

function operationProblems(operations: unknown): string[] {
  if (!isTexts(operations) || operations.length === 0) {
    return must(false, 'rules.operations', 'a list of names, at least one', operations);
  }
  const twice = operations.filter((name, i) => operations.indexOf(name) !== i);
  return twice.map((name) => `rules.operations: names ${name} twice`);
}

function unmeteredProblems(unmetered: unknown, operations: unknown): string[] {
  if (!isTexts(unmetered)) {
    return must(false, 'rules.unmetered', 'a list of operations that no quota counts', unmetered);
  }
  return unmetered
    .filter((name) => isTexts(operations) && !operations.includes(name))
    .map((name) => `rules.unmetered: ${name} is none of rules.operations`);
}

function attributeProblems(attributes: unknown, operations: unknown): string[] {
  if (!isRecord(attributes)) {
    return must(false, 'rules.attributes', 'an object, {} when there are none', attributes);
  }
  return Object.entries(attributes).flatMap(([name, attribute]) => {
    const at = `rules.attributes.${name}`;
    if (!isRecord(attribute)) return must(false, at, 'an object of of and about', attribute);
    const { of, about } = attribute;
    const isOf = of === 'account' || isTexts(of);
    const strange = isTexts(of) && isTexts(operations) ? of.filter((one) => !operations.includes(one)) : [];
    return [
      ...must(isOf, `${at}.of`, "'account' or a list of operations", of),
      ...strange.map((one) => `${at}.of: ${one} is none of rules.operations`),
      ...must(isText(about), `${at}.about`, 'text that says what it is', about),
    ];
  });
}

/** A pool is known before any call, by what every account has. */
function isPoolScope(scope: unknown): boolean {
  if (!isText(scope)) return false;
  const { names, isWhole } = placeholders(scope);
  return isWhole && names.every((name) => name === 'account' || name === 'vendor');
}

const isLengths = (value: unknown) =>
  Array.isArray(value) && value.every((one) => typeof one === 'number' && one > 0);

function limitsProblems({ limits, operations, attributes }: Raw): string[] {
  if (!Array.isArray(limits)) return must(false, 'rules.limits', 'a list, [] when there are none', limits);
  const names = limits.map((limit: unknown) => (isRecord(limit) ? limit.name : undefined));
  const twice = names.flatMap((name, i) =>
    isText(name) && names.indexOf(name) !== i ? [`rules.limits[${i}].name: ${name} is there twice`] : [],
  );
  const known = {
    operations: isTexts(operations) ? operations : null,
    attributes: isRecord(attributes) ? { ...COMMON_ATTRIBUTES, ...attributes } : null,
  };
  return [
    ...twice,
    ...limits.flatMap((limit: unknown, i) => limitProblems(limit, `rules.limits[${i}]`, known)),
  ];
}

function poolProblems(pool: unknown): string[] {
  const problems = numbers(pool, 'rules.pool', POOL_NUMBERS);
  if (!isRecord(pool)) return problems;
  const { hint, recheck } = pool;
  return [
    ...unknownFields(pool, 'rules.pool', [...POOL_NUMBERS, 'hint', 'recheck']),
    ...problems,
    ...must(typeof hint === 'string', 'rules.pool.hint', 'text, which may be empty', hint),
    ...(recheck === undefined ? [] : numbers(recheck, 'rules.pool.recheck', RECHECK_NUMBERS)),
  ];
}

function backoffProblems(retry: unknown, name: string): string[] {
  const at = `rules.retry.${name}`;
  const policy = isRecord(retry) ? retry[name] : undefined;
  const problems = numbers(policy, at, ['baseMs', 'maxMs', 'attempts']);
  if (problems.length > 0 || !isRecord(policy)) return problems;
  return must(Number.isInteger(policy.attempts), `${at}.attempts`, 'a whole number', policy.attempts);
}
