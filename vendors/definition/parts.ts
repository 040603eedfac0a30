/**
 * What is wrong with what a vendor's `parts` gives for an account. As soon as settings are read: a part that lacks a function
 * would fail at its first use, in a worker.
 */
import type { AccountParts } from '../define';
import { isRecord, isText, must, type Raw, shown } from './values';

type Kind = 'function' | 'text' | 'texts' | 'number' | 'flag' | 'list' | 'object' | 'anything';
/** A kind for each thing that a part must have; one that is added to the contract is missing here until it is named. */
type Contract<T> = { readonly [K in keyof T as undefined extends T[K] ? never : K]: Kind };
type Parts = Required<AccountParts>;
type Checked = Exclude<
  keyof Parts,
  'apiKey' | 'partitions' | 'organization' | 'sharedBy' | 'unknownValues' | 'limits'
>;

const CONTRACTS: { readonly [P in Checked]: Contract<Parts[P]> } = {
  login: { operation: 'text', credentials: 'texts', request: 'function', parse: 'function' },
  grant: {
    ...{ operation: 'text', credentials: 'texts', singleUse: 'flag', refreshLifetimeMs: 'number' },
    ...{ refresh: 'function', parse: 'function', login: 'object' },
  },
  reports: {
    ...{ operations: 'texts', attributes: 'function', authorize: 'function', create: 'function' },
    ...{ parseCreate: 'function', requestId: 'function', get: 'function', parseGet: 'function' },
    ...{ list: 'function', parseList: 'function', document: 'function', parseDocument: 'function' },
    ...{ documents: 'object', urlLifetimeMs: 'number', matches: 'function', openDocument: 'function' },
    ...{ readErrorDocument: 'function', classifyFatal: 'function' },
  },
  texts: {
    ...{ operation: 'text', attributes: 'function', timeoutMs: 'number', concurrency: 'object' },
    ...{ logInterval: 'number', quotaThreshold: 'number', quotaMonitoring: 'flag', pauseMs: 'number' },
    ...{ request: 'function', post: 'function', authorize: 'function', estimate: 'function' },
    ...{ used: 'function', parse: 'function' },
  },
  textBatches: {
    ...{ operations: 'texts', maxRequests: 'number', maxBytes: 'number', timeoutMs: 'number' },
    ...{ poll: 'object', settleMs: 'number', enqueuedTokens: 'function', priceShare: 'number' },
    ...{ priceOf: 'function', inputTokens: 'function', line: 'function', authorize: 'function' },
    ...{ upload: 'function', create: 'function', get: 'function', list: 'function', cancel: 'function' },
    ...{ download: 'function', parseFile: 'function', parseBatch: 'function', parseList: 'function' },
    ...{ parseRefusal: 'function', parseResult: 'function' },
  },
  fleet: {
    ...{ operations: 'texts', callers: 'texts', attributes: 'texts', deviceAttribute: 'text' },
    ...{ timeoutMs: 'number', maxSpanMs: 'number', authorize: 'function', devices: 'function' },
    ...{ parseDevices: 'function', limitsOf: 'function', positions: 'function', parsePositions: 'function' },
    ...{ trips: 'function', parseTrips: 'function', track: 'function', parseTrack: 'function' },
  },
  commands: {
    ...{ caller: 'text', deviceAttribute: 'text', timeoutMs: 'number', known: 'anything', forms: 'list' },
    ...{ results: 'object', password: 'anything', deviceIdProblem: 'function', authorize: 'function' },
  },
  endUsers: {
    ...{ operations: 'texts', caller: 'text', attribute: 'text', timeoutMs: 'number', login: 'function' },
    ...{ parseLogin: 'function', authorize: 'function', devices: 'function', parseDevices: 'function' },
  },
  vehicles: {
    ...{ operation: 'text', caller: 'text', vehicleAttribute: 'text', timeoutMs: 'number' },
    ...{ listStaleMs: 'number', reads: 'list', vehicleIdProblem: 'function', authorize: 'function' },
    ...{ vehicles: 'function', parseVehicles: 'function', read: 'function', parseRead: 'function' },
  },
  requests: { baseUrl: 'text', authorize: 'function' },
  stream: {
    ...{ read: 'text', silentAfterMs: 'number', gapMs: 'number', connection: 'function', parse: 'function' },
  },
  polling: {
    ...{ limit: 'text', wishes: 'list', vehicles: 'anything', night: 'anything', activeMs: 'number' },
    ...{ stateRead: 'text', state: 'function' },
  },
  identity: { name: 'function', identify: 'function' },
  rules: {
    ...{ id: 'text', title: 'text', limits: 'list', operations: 'list', attributes: 'object' },
    ...{ pool: 'object', retry: 'object', poolScope: 'text', classify: 'function', learn: 'function' },
  },
  attributes: {},
};
const OTHERS: Readonly<Record<Exclude<keyof Parts, Checked>, Kind>> = {
  apiKey: 'text',
  partitions: 'function',
  organization: 'text',
  sharedBy: 'list',
  unknownValues: 'list',
  limits: 'object',
};
const NAMES = [...Object.keys(CONTRACTS), ...Object.keys(OTHERS)];

const KINDS: Readonly<Record<Kind, readonly [words: string, is: (value: unknown) => boolean]>> = {
  function: ['a function', (value) => typeof value === 'function'],
  text: ['text', isText],
  texts: ['an object of texts', (value) => isRecord(value) && Object.values(value).every(isText)],
  number: ['a number', (value) => typeof value === 'number' && !Number.isNaN(value)],
  flag: ['true or false', (value) => typeof value === 'boolean'],
  list: ['a list', Array.isArray],
  object: ['an object', isRecord],
  anything: ['given, or null', (value) => value !== undefined],
};

/** @returns sentences that begin with the part; empty when nothing is wrong. */
export function partsProblems(parts: unknown): string[] {
  if (parts instanceof Promise) return ['parts: must give its object at once, not a promise'];
  if (!isRecord(parts)) return [`parts: must give an object, not ${shown(parts)}`];
  return Object.entries(parts).flatMap(([name, part]) => {
    const at = `parts.${name}`;
    if (!NAMES.includes(name)) return [`${at}: is no part; there are ${NAMES.join(', ')}`];
    if (part === undefined) return [];
    if (Object.hasOwn(OTHERS, name)) return kindProblem(at, OTHERS[name as keyof typeof OTHERS], part);
    const contract: Readonly<Record<string, Kind>> = CONTRACTS[name as Checked];
    if (!isRecord(part)) return must(false, at, `an object of ${Object.keys(contract).join(', ')}`, part);
    return Object.entries(contract).flatMap(([field, kind]) =>
      kindProblem(`${at}.${field}`, kind, part[field]),
    );
  });
}

const kindProblem = (at: string, kind: Kind, value: unknown): string[] => {
  const [words, is] = KINDS[kind];
  return must(is(value), at, words, value);
};

/** The parts of an account, or what is wrong with them. @param give what a vendor's `parts` does. */
export function triedParts(
  give: () => unknown,
): { readonly parts: Raw } | { readonly problems: readonly string[] } {
  try {
    const parts = give();
    const problems = partsProblems(parts);
    return problems.length > 0 ? { problems } : { parts: parts as Raw };
  } catch (error) {
    return { problems: [`parts: throws ${String(error).slice(0, 300)}`] };
  }
}
