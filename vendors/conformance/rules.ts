/** Rules that hold for every vendor, tried without a network: for tests of vendors in and outside of this repository. */
import { fillScope } from '../../quota/limits/limit';
import type { Verdict } from '../../quota/verdict';
import type { CallInfo, CallResult, VendorRules } from '../contract';
import { COMMON_ATTRIBUTES } from '../contract';
import { CANARY, fuzzedResult, secretResults } from './fuzz';

const BODIES = [
  '',
  'null',
  '[]',
  '0',
  '{',
  '"text"',
  '{"error":null}',
  '{"errors":[]}',
  '{"errors":[{}]}',
  '{"error":{"code":429,"message":null}}',
  '<html><body>Bad gateway</body></html>',
  '\u0000\ufffd',
];
const STATUSES = [200, 202, 204, 301, 400, 401, 402, 403, 404, 408, 429, 500, 502, 503, 504, 599];
const HEADERS = [
  {},
  { 'retry-after': '3' },
  { 'retry-after': 'soon' },
  { 'retry-after': '-1', 'content-type': 'text/html' },
] as const;
const NO_ANSWERS = ['ECONNREFUSED', 'ECONNRESET', 'UND_ERR_HEADERS_TIMEOUT', 'UNKNOWN'];
const KINDS: ReadonlySet<string> = new Set([
  ...['ok', 'rate', 'quota', 'server', 'auth', 'billing', 'blocked', 'gone', 'pending', 'invalid'],
]);
const EVIDENCE: ReadonlySet<string> = new Set([
  ...['vendor', 'account', 'operation', 'subject', 'caller', 'httpStatus', 'code', 'message', 'requestId'],
]);
/** Most characters of a vendor's message that are kept as evidence. */
const MESSAGE = 500;

export interface FuzzOptions {
  readonly seed: number;
  /** Answers that are made up, for each operation. */
  readonly answers: number;
}

const FUZZ: FuzzOptions = { seed: 1, answers: 300 };

/**
 * Tries the rules with answers of every kind: each is one verdict with whose call it was, no wait is negative, an answer
 * that never came is no success, no evidence holds a secret, and limits name operations and attributes that there are.
 * @returns what is wrong, one sentence each; empty when nothing is.
 */
export function checkRules(rules: VendorRules, fuzz: FuzzOptions = FUZZ): string[] {
  return [...limitProblems(rules), ...verdictProblems(rules, fuzz), ...evidenceProblems(rules)];
}

/**
 * Every limit has a scope of attributes that there are, a unit, a source, and operations that there are; and none charges what
 * is said to be outside the metered API.
 */
export function limitProblems({ limits, operations, unmetered = [], attributes }: VendorRules): string[] {
  const names = ['vendor', ...Object.keys(COMMON_ATTRIBUTES), ...Object.keys(attributes)];
  const known = Object.fromEntries(names.map((name) => [name, 'x']));
  const twice = limits.filter(({ name }, i) => limits.findIndex((one) => one.name === name) !== i);
  const problems = [
    ...twice.map(({ name }) => `limit ${name} is there twice`),
    ...unmetered
      .filter((one) => !operations.includes(one))
      .map((one) => `unmetered names the operation ${one}, which there is not`),
  ];
  for (const { name, operations: charged, scope, unit, source, match = {} } of limits) {
    const at = `limit ${name}`;
    const strange = charged === '*' ? [] : charged.filter((one) => !operations.includes(one));
    for (const one of strange) problems.push(`${at} names the operation ${one}, which there is not`);
    const free = unmetered.filter((one) => charged === '*' || charged.includes(one));
    for (const one of free) problems.push(`${at} charges ${one}, which is said to be unmetered`);
    for (const one of Object.keys(match).filter((one) => !(one in known))) {
      problems.push(`${at} matches the attribute ${one}, which there is not`);
    }
    if (unit !== 'calls' && unit !== 'tokens') problems.push(`${at} has the unit ${unit}`);
    if (source.trim() === '') problems.push(`${at} does not say where its number comes from`);
    try {
      fillScope(scope, known);
    } catch (error) {
      problems.push(`${at}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return problems;
}

/** Each answer, made up or not, is one verdict for each operation. */
export function verdictProblems(rules: VendorRules, fuzz: FuzzOptions = FUZZ): string[] {
  const results = [...writtenResults(), ...madeUp(fuzz)];
  return rules.operations.flatMap((operation) =>
    results.flatMap((result) => {
      const problem = verdictProblem(rules, callOf(rules, operation), result);
      return problem === null ? [] : [`${operation}, ${shown(result)}: ${problem}`];
    }),
  );
}

/** What is kept of an answer holds none of the secrets that stood where vendors put them. */
export function evidenceProblems(rules: VendorRules, fuzz: FuzzOptions = FUZZ): string[] {
  const results = [...secretResults(), ...madeUp(fuzz)];
  return rules.operations.flatMap((operation) =>
    results.flatMap((result) => {
      try {
        const { evidence } = rules.classify(callOf(rules, operation), result, 0);
        const strange = Object.keys(evidence).filter((key) => !EVIDENCE.has(key));
        if (strange.length > 0) return [`${operation}: evidence has the field ${strange.join(', ')}`];
        if ((evidence.message?.length ?? 0) > MESSAGE) {
          return [`${operation}, ${shown(result)}: the message is longer than ${MESSAGE} characters`];
        }
        return JSON.stringify(evidence).includes(CANARY)
          ? [`${operation}, ${shown(result)}: the evidence holds a secret`]
          : [];
      } catch {
        // A verdict's problem, and reported there.
        return [];
      }
    }),
  );
}

function callOf({ id }: VendorRules, operation: string): CallInfo {
  const account = 'conformance';
  return { vendor: id, account, operation, attributes: { vendor: id, account } };
}

const madeUp = ({ seed, answers }: FuzzOptions) =>
  Array.from({ length: answers }, (_, i) => fuzzedResult(seed, i));

function writtenResults(): CallResult[] {
  const answers = STATUSES.flatMap((status) =>
    BODIES.flatMap((body) =>
      HEADERS.map((headers): CallResult => ({ kind: 'response', response: { status, headers, body } })),
    ),
  );
  const failures = NO_ANSWERS.map(
    (code): CallResult => ({
      kind: 'transport',
      error: { code, message: code, mayHaveBeenSent: code !== 'ECONNREFUSED' },
    }),
  );
  return [...answers, ...failures];
}

const shown = (result: CallResult) =>
  (result.kind === 'response' ? JSON.stringify(result.response) : result.error.code).slice(0, 160);

function verdictProblem(rules: VendorRules, call: CallInfo, result: CallResult): string | null {
  try {
    const verdict = rules.classify(call, result, 0);
    if (!KINDS.has(verdict.kind)) return `"${verdict.kind}" is no verdict`;
    if (verdict.evidence.account !== call.account) return 'the evidence does not say whose call it was';
    if (result.kind === 'transport' && verdict.kind === 'ok') return 'no answer came, and it is a success';
    if ('statedWaitMs' in verdict && !isWait(verdict.statedWaitMs)) {
      return `the wait is ${String(verdict.statedWaitMs)} ms`;
    }
    const strange = limitProblem(rules, verdict);
    if (strange !== null) return strange;
    return result.kind === 'response' ? learnedProblem(rules, rules.learn(call, result.response)) : null;
  } catch (error) {
    return `throws ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** A verdict may name no limit, or one that there is. */
export function limitProblem({ limits }: VendorRules, verdict: Verdict): string | null {
  const named = 'limit' in verdict ? verdict.limit : null;
  if (named === null || limits.some(({ name }) => name === named)) return null;
  return `the verdict names the limit ${named}, which there is not`;
}

/** A length, or null where the vendor names none. */
const isWait = (wait: unknown) => wait === null || (typeof wait === 'number' && wait >= 0);

/** A limit that there is, and numbers that are some. */
function learnedProblem({ limits }: VendorRules, learned: ReturnType<VendorRules['learn']>): string | null {
  for (const { limit, ...numbers } of learned) {
    if (!limits.some(({ name }) => name === limit)) return `learns of the limit ${limit}, which there is not`;
    const strange = Object.entries(numbers).find(([, value]) => value !== undefined && !(value >= 0));
    if (strange !== undefined) return `learns that ${strange[0]} of ${limit} is ${strange[1]}`;
  }
  return null;
}
