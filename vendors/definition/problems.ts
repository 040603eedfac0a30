/**
 * What is wrong with what was given to `defineVendor`. A vendor may be written in plain JavaScript, where no compiler has
 * looked at it: each problem names the field, the value and what would be right. Cheap, for it runs at every start; what
 * takes trying is in vendors/conformance.
 */
import { commonAccountFields } from '../account-fields';
import { rulesProblems } from './rules';
import { isRecord, isText, isTexts, must, type Raw, shown, unknownFields } from './values';

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

const READ_AS = ['text', 'number', 'flag', 'seconds'];
const FIELDS = [
  ...['rules', 'account', 'parts', 'datasets', 'descriptions', 'environment'],
  ...['simulator', 'example', 'simulatorHelp'],
];
/** Of a vendor that is made of another one: derived again. */
const DERIVED = ['id', 'title'];
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const DATASET = /^[\w-]+$/;

/** @returns sentences that begin with the field; empty when nothing is wrong. */
export function definitionProblems(definition: unknown): string[] {
  if (!isRecord(definition))
    return [`it must be an object of rules, account and parts, not ${shown(definition)}`];
  const { rules, account, parts, simulator, simulatorHelp } = definition;
  if (!isRecord(rules)) return must(false, 'rules', 'an object, the vendor contract', rules);
  const isSimulator = simulator === undefined || typeof simulator === 'function';
  const isHelp = simulatorHelp === undefined || typeof simulatorHelp === 'string';
  return [
    ...unknownFields(definition, '', [...FIELDS, ...DERIVED]),
    ...rulesProblems(rules),
    ...accountProblems(account, rules.id),
    ...must(typeof parts === 'function', 'parts', 'a function of an account', parts),
    ...datasetProblems(definition, rules.id),
    ...environmentProblems(definition.environment, account),
    ...must(isSimulator, 'simulator', 'a function that loads the simulator', simulator),
    ...exampleProblems(definition.example),
    ...must(isHelp, 'simulatorHelp', 'text', simulatorHelp),
  ];
}

function accountProblems(account: unknown, id: unknown): string[] {
  const shape = isRecord(account) ? account.shape : undefined;
  if (!isRecord(account) || !isRecord(shape) || !('_zod' in account)) {
    return [`account: must be a strict object of zod 4 (\`z\` of 'sluice/vendor'), not ${shown(account)}`];
  }
  const { vendor } = shape;
  const literal = isRecord(vendor) && isRecord(vendor.def) ? vendor.def.values : undefined;
  const missing = Object.keys(commonAccountFields).filter((name) => !(name in shape));
  const catchall = isRecord(account.def) ? account.def.catchall : undefined;
  const isStrict = isRecord(catchall) && catchall.type === 'never';
  return [
    ...(isStrict ? [] : ['account: must be a z.strictObject, so that a misspelt setting is noticed']),
    ...(Array.isArray(literal) && literal.length === 1 && literal[0] === id
      ? []
      : [`account.vendor: must be z.literal(${shown(id)}), as rules.id says`]),
    ...(missing.length === 0 ? [] : [`account: spread commonAccountFields into it (${missing.join(', ')})`]),
  ];
}

function datasetProblems({ datasets, descriptions }: Raw, id: unknown): string[] {
  if (datasets !== undefined && !isTexts(datasets)) {
    return must(false, 'datasets', 'a list of names', datasets);
  }
  const strange = (datasets ?? []).filter((name) => !DATASET.test(name));
  const named = strange.flatMap((name) =>
    must(false, 'datasets', 'names of letters, digits and dashes', name),
  );
  if (descriptions === undefined) return named;
  if (!Array.isArray(descriptions)) {
    return must(false, 'descriptions', 'a list of descriptions of datasets', descriptions);
  }
  const described = descriptions.flatMap((description: unknown, i) => {
    const own = isRecord(description) ? description.id : undefined;
    if (typeof own !== 'string' || !own.startsWith(`${String(id)}/`)) {
      return must(false, `descriptions[${i}].id`, `${String(id)}/name`, own);
    }
    const name = own.slice(String(id).length + 1);
    return datasets === undefined || datasets.includes(name)
      ? []
      : [`datasets: must name ${name}, which descriptions[${i}] describes`];
  });
  return [...named, ...described];
}

function environmentProblems(environment: unknown, account: unknown): string[] {
  if (environment === undefined) return [];
  if (!Array.isArray(environment)) return must(false, 'environment', 'a list of variables', environment);
  const shape = isRecord(account) && isRecord(account.shape) ? account.shape : null;
  return environment.flatMap((variable: unknown, i) => {
    const at = `environment[${i}]`;
    if (!isRecord(variable)) return must(false, at, 'an object of name, as and sets', variable);
    const { name, as, sets } = variable;
    const isName = isText(name) && VARIABLE.test(name);
    const [key] = isTexts(sets) ? sets : [];
    return [
      ...must(isName, `${at}.name`, 'a name of letters, digits and underscores', name),
      ...must(READ_AS.includes(as as string), `${at}.as`, `one of ${READ_AS.join(', ')}`, as),
      ...must(key !== undefined, `${at}.sets`, "the path of a key, such as ['baseUrl']", sets),
      ...(key === undefined || shape === null || Object.hasOwn(shape, key)
        ? []
        : [`${at}.sets: ${key} is no key of account; there are ${Object.keys(shape).join(', ')}`]),
    ];
  });
}

function exampleProblems(example: unknown): string[] {
  if (example === undefined) return [];
  if (!isRecord(example)) return must(false, 'example', 'an object of settings and secrets', example);
  const { settings, secrets, login, model, command } = example;
  const areTexts = (value: unknown) =>
    isRecord(value) && Object.values(value).every((one) => typeof one === 'string');
  const isCommand = command === undefined || (isRecord(command) && isText(command.code));
  return [
    ...unknownFields(example, 'example', ['settings', 'secrets', 'login', 'model', 'command']),
    ...must(isRecord(settings), 'example.settings', 'an object of settings of an account', settings),
    ...must(areTexts(secrets), 'example.secrets', 'an object of variables and texts', secrets),
    ...must(login === undefined || areTexts(login), 'example.login', 'an object of texts', login),
    ...must(model === undefined || isText(model), 'example.model', 'the name of a model', model),
    ...must(isCommand, 'example.command', 'an object of code and params', command),
  ];
}
