/** What is wrong with a limit of a vendor's rules. */
import { timeZone } from '../account-fields';
import {
  isRecord,
  isText,
  isTexts,
  must,
  numbers,
  placeholders,
  type Raw,
  shown,
  unknownFields,
} from './values';

/** What a limit may name; null where that is itself wrong. */
export interface Nameable {
  readonly operations: readonly string[] | null;
  readonly attributes: Raw | null;
}

const UNITS = ['calls', 'tokens'];
const MODES = ['enforce', 'shadow'];
const PERIODS = ['minute', 'hour', 'day', 'month'];
const RESERVED_FOR = ['background', 'scheduled', 'live'];
const FIELDS = [
  ...['name', 'operations', 'scope', 'match', 'unit', 'window', 'reserve', 'mode', 'slackMs', 'source'],
];
/** What a window of each kind has, beside its kind: numbers above 0, and numbers of units, of which one must fit. */
const WINDOWS: Readonly<
  Record<string, { readonly above: readonly string[]; readonly units: readonly string[] }>
> = {
  'token-bucket': { above: ['ratePerSecond'], units: ['burst'] },
  spacing: { above: ['ms'], units: [] },
  rolling: { above: ['ms'], units: ['count'] },
  calendar: { above: [], units: ['count'] },
  'vendor-reset': { above: [], units: ['count'] },
};

export function limitProblems(limit: unknown, at: string, known: Nameable): string[] {
  if (!isRecord(limit)) return must(false, at, 'an object', limit);
  const { name, operations, scope, match, unit, window, reserve, mode, slackMs, source } = limit;
  const isSlack = slackMs === undefined || (typeof slackMs === 'number' && slackMs >= 0);
  return [
    ...unknownFields(limit, at, FIELDS),
    ...must(isText(name), `${at}.name`, 'text', name),
    ...operationProblems(operations, `${at}.operations`, known),
    ...scopeProblems(scope, `${at}.scope`, operations, match, known),
    ...(match === undefined ? [] : matchProblems(match, `${at}.match`, known)),
    ...must(UNITS.includes(unit as string), `${at}.unit`, UNITS.join(' or '), unit),
    ...must(MODES.includes(mode as string), `${at}.mode`, MODES.join(' or '), mode),
    ...must(
      isText(source) && source.trim() !== '',
      `${at}.source`,
      'text that says where the number comes from',
      source,
    ),
    ...must(isSlack, `${at}.slackMs`, 'a number of milliseconds, at least 0', slackMs),
    ...(reserve === undefined ? [] : reserveProblems(reserve, `${at}.reserve`)),
    ...windowProblems(window, `${at}.window`),
  ];
}

function operationProblems(operations: unknown, at: string, known: Nameable): string[] {
  if (operations === '*') return [];
  if (!isTexts(operations)) return must(false, at, "'*' or a list of operations", operations);
  return operations
    .filter((one) => known.operations?.includes(one) === false)
    .map((one) => `${at}: ${one} is none of rules.operations`);
}

/** Every call that is charged must have what the scope names. */
function scopeProblems(
  scope: unknown,
  at: string,
  operations: unknown,
  match: unknown,
  known: Nameable,
): string[] {
  const { names, isWhole } = placeholders(isText(scope) ? scope : '{');
  if (!isWhole) return must(false, at, 'a template such as {account}', scope);
  if (known.attributes === null) return [];
  const there = { vendor: {}, ...known.attributes };
  const charged = operations === '*' ? known.operations : isTexts(operations) ? operations : null;
  return names.flatMap((name) => {
    if (!Object.hasOwn(there, name)) {
      return [`${at}: names the attribute {${name}}; there are ${Object.keys(there).join(', ')}`];
    }
    const attribute = known.attributes?.[name];
    const of = isRecord(attribute) ? attribute.of : undefined;
    // Only calls that have it are charged.
    if (!isTexts(of) || (isRecord(match) && Object.hasOwn(match, name))) return [];
    const without =
      charged?.filter((one) => !of.includes(one) && known.operations?.includes(one) !== false) ?? [];
    return without.length === 0
      ? []
      : [
          `${at}: names {${name}}, which calls of ${without.join(', ')} do not have (rules.attributes.${name}.of)`,
        ];
  });
}

function matchProblems(match: unknown, at: string, { attributes }: Nameable): string[] {
  if (!isRecord(match)) return must(false, at, 'an object of attributes and lists of their values', match);
  return Object.entries(match).flatMap(([name, values]) => [
    ...must(isTexts(values), `${at}.${name}`, 'a list of values', values),
    ...(attributes === null || Object.hasOwn(attributes, name) || name === 'vendor'
      ? []
      : [`${at}.${name}: is none of rules.attributes`]),
  ]);
}

function reserveProblems(reserve: unknown, at: string): string[] {
  if (!isRecord(reserve)) return must(false, at, `an object of ${RESERVED_FOR.join(', ')}`, reserve);
  const isShare = (value: unknown) => typeof value === 'number' && value >= 0 && value < 1;
  return [
    ...unknownFields(reserve, at, RESERVED_FOR),
    ...RESERVED_FOR.filter((name) => reserve[name] !== undefined).flatMap((name) =>
      must(isShare(reserve[name]), `${at}.${name}`, 'a share from 0 to below 1', reserve[name]),
    ),
  ];
}

function windowProblems(window: unknown, at: string): string[] {
  const kind = isRecord(window) ? window.kind : undefined;
  const wanted = typeof kind === 'string' && Object.hasOwn(WINDOWS, kind) ? WINDOWS[kind] : undefined;
  if (wanted === undefined || !isRecord(window)) {
    return [`${at}.kind: must be one of ${Object.keys(WINDOWS).join(', ')}, not ${shown(kind)}`];
  }
  const { above, units } = wanted;
  const calendar = kind === 'calendar' ? ['per', 'zone'] : [];
  const { per, zone } = window;
  return [
    ...unknownFields(window, at, ['kind', ...above, ...units, ...calendar]),
    ...numbers(window, at, above),
    ...numbers(window, at, units, 1),
    ...(kind !== 'calendar'
      ? []
      : [
          ...must(PERIODS.includes(per as string), `${at}.per`, `one of ${PERIODS.join(', ')}`, per),
          ...must(timeZone.safeParse(zone).success, `${at}.zone`, 'an IANA time zone such as UTC', zone),
        ]),
  ];
}
