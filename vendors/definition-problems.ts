/**
 * What is wrong with what was given to `defineVendor`. A vendor may be written in plain JavaScript, where no compiler has
 * looked at it: each problem names the field and what would be right. Cheap, for it runs at every start; what takes
 * trying is in vendors/conformance.
 */
import { commonAccountFields } from './account-fields';

const VENDOR_ERROR = Symbol.for('sluice.vendor-error');

/** Thrown for a vendor that is not whole. A plugin has a copy of this class, whose errors are instances of ours, too. */
export class VendorError extends Error {
  override readonly name = 'VendorError';
  readonly [VENDOR_ERROR] = true;

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && VENDOR_ERROR in value;
  }

  constructor(readonly problems: readonly string[]) {
    super(
      `not a vendor: ${problems.length === 1 ? problems[0] : problems.map((one) => `\n  ${one}`).join('')}`,
    );
  }
}

type Raw = Readonly<Record<string, unknown>>;

const ID = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
const UNITS = ['calls', 'tokens'];
const READ_AS = ['text', 'number', 'flag', 'seconds'];
const MODES = ['enforce', 'shadow'];
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
const BACKOFF_NUMBERS = ['baseMs', 'maxMs', 'attempts'];
/** Numbers that a window of each kind has. */
const WINDOWS: Readonly<Record<string, readonly string[]>> = {
  'token-bucket': ['ratePerSecond', 'burst'],
  spacing: ['ms'],
  rolling: ['count', 'ms'],
  calendar: ['count'],
  'vendor-reset': ['count'],
};

/** @returns sentences that begin with the field; empty when nothing is wrong. */
export function definitionProblems(definition: unknown): string[] {
  if (!isRecord(definition)) return ['it must be an object of rules, account and parts'];
  const { rules, account, parts } = definition;
  if (!isRecord(rules)) return ['rules: must be an object, the vendor contract'];
  return [
    ...rulesProblems(rules),
    ...accountProblems(account, rules.id),
    ...(typeof parts === 'function' ? [] : ['parts: must be a function of an account']),
    ...datasetProblems(definition, rules.id),
    ...environmentProblems(definition.environment),
    ...optional(definition, 'simulator', 'function', 'a function that loads the simulator'),
    ...optional(definition, 'example', 'object', 'an object of settings and secrets'),
    ...optional(definition, 'simulatorHelp', 'string', 'text'),
  ];
}

function rulesProblems(rules: Raw): string[] {
  const { id, title, limits, operations, unmetered, attributes, pool, retry, poolScope } = rules;
  return [
    ...(typeof id === 'string' && ID.test(id)
      ? []
      : [`rules.id: must be lower-case letters, digits and dashes, such as acme-cars, not ${shown(id)}`]),
    ...(isText(title) ? [] : ['rules.title: must be text']),
    ...(isTexts(operations) && operations.length > 0
      ? []
      : ['rules.operations: must be a list of names, at least one']),
    ...(unmetered === undefined || isTexts(unmetered)
      ? []
      : ['rules.unmetered: must be a list of operations that no quota counts']),
    ...(isRecord(attributes) ? [] : ['rules.attributes: must be an object, {} when there are none']),
    ...(isText(poolScope) ? [] : ['rules.poolScope: must be a template such as {account}']),
    ...(Array.isArray(limits) ? limits.flatMap(limitProblems) : ['rules.limits: must be a list']),
    ...numbers(pool, 'rules.pool', POOL_NUMBERS),
    ...numbers(isRecord(retry) ? retry.rate : undefined, 'rules.retry.rate', BACKOFF_NUMBERS),
    ...numbers(isRecord(retry) ? retry.server : undefined, 'rules.retry.server', BACKOFF_NUMBERS),
    ...['classify', 'learn'].flatMap((name) =>
      typeof rules[name] === 'function' ? [] : [`rules.${name}: must be a function`],
    ),
  ];
}

function limitProblems(limit: unknown, i: number): string[] {
  const at = `rules.limits[${i}]`;
  if (!isRecord(limit)) return [`${at}: must be an object`];
  const { name, operations, scope, unit, window, mode, source } = limit;
  return [
    ...(isText(name) ? [] : [`${at}.name: must be text`]),
    ...(operations === '*' || isTexts(operations)
      ? []
      : [`${at}.operations: must be '*' or a list of operations`]),
    ...(isText(scope) ? [] : [`${at}.scope: must be a template such as {account}`]),
    ...(UNITS.includes(unit as string) ? [] : [`${at}.unit: must be ${UNITS.join(' or ')}`]),
    ...(MODES.includes(mode as string) ? [] : [`${at}.mode: must be ${MODES.join(' or ')}`]),
    ...(isText(source) ? [] : [`${at}.source: must say where the number comes from`]),
    ...windowProblems(window, `${at}.window`),
  ];
}

function windowProblems(window: unknown, at: string): string[] {
  const kind = isRecord(window) ? window.kind : undefined;
  const wanted = typeof kind === 'string' && Object.hasOwn(WINDOWS, kind) ? WINDOWS[kind] : undefined;
  if (wanted === undefined) return [`${at}.kind: must be one of ${Object.keys(WINDOWS).join(', ')}`];
  const problems = numbers(window, at, wanted);
  if (kind !== 'calendar') return problems;
  const { per, zone } = window as Raw;
  const lengths = ['minute', 'hour', 'day', 'month'];
  return [
    ...problems,
    ...(lengths.includes(per as string) ? [] : [`${at}.per: must be one of ${lengths.join(', ')}`]),
    ...(isText(zone) ? [] : [`${at}.zone: must be an IANA time zone such as UTC`]),
  ];
}

function accountProblems(account: unknown, id: unknown): string[] {
  const shape = isRecord(account) ? account.shape : undefined;
  if (!isRecord(account) || !isRecord(shape) || !('_zod' in account)) {
    return ["account: must be a strict object of zod 4 (`z` of 'sluice/vendor')"];
  }
  const { vendor } = shape;
  const literal = isRecord(vendor) && isRecord(vendor.def) ? vendor.def.values : undefined;
  const missing = Object.keys(commonAccountFields).filter((name) => !(name in shape));
  return [
    ...(Array.isArray(literal) && literal.length === 1 && literal[0] === id
      ? []
      : [`account.vendor: must be z.literal(${shown(id)})`]),
    ...(missing.length === 0 ? [] : [`account: spread commonAccountFields into it (${missing.join(', ')})`]),
  ];
}

function datasetProblems({ datasets, descriptions }: Raw, id: unknown): string[] {
  if (datasets !== undefined && !isTexts(datasets)) return ['datasets: must be a list of names'];
  if (descriptions === undefined) return [];
  if (!Array.isArray(descriptions)) return ['descriptions: must be a list of descriptions of datasets'];
  return descriptions.flatMap((description: unknown, i) => {
    const own = isRecord(description) ? description.id : undefined;
    if (typeof own !== 'string' || !own.startsWith(`${String(id)}/`)) {
      return [`descriptions[${i}].id: must be ${String(id)}/name`];
    }
    const name = own.slice(String(id).length + 1);
    return datasets === undefined || datasets.includes(name)
      ? []
      : [`datasets: must name ${name}, which descriptions[${i}] describes`];
  });
}

function environmentProblems(environment: unknown): string[] {
  if (environment === undefined) return [];
  if (!Array.isArray(environment)) return ['environment: must be a list of variables'];
  return environment.flatMap((variable: unknown, i) =>
    isRecord(variable) &&
    isText(variable.name) &&
    READ_AS.includes(variable.as as string) &&
    isTexts(variable.sets)
      ? []
      : [`environment[${i}]: must have a name, as (${READ_AS.join(', ')}) and the path that it sets`],
  );
}

function numbers(value: unknown, at: string, names: readonly string[]): string[] {
  if (!isRecord(value)) return [`${at}: must be an object of ${names.join(', ')}`];
  return names
    .filter((name) => !(typeof value[name] === 'number' && value[name] > 0))
    .map((name) => `${at}.${name}: must be a number above 0, not ${shown(value[name])}`);
}

function optional(definition: Raw, name: string, type: string, words: string): string[] {
  const value = definition[name];
  return value === undefined || typeof value === type ? [] : [`${name}: must be ${words}`];
}

const isRecord = (value: unknown): value is Raw =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText);

/** What was given, cut; an object by its kind alone. */
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80));
  return value === undefined ? 'nothing' : typeof value === 'object' ? 'an object' : String(value);
}
