/** Rules that hold for every vendor: for tests of vendors in and outside of this repository. */
import { fillScope } from '../../quota/limits/limit';
import type { CallInfo, CallResult, VendorRules } from '../contract';
import { COMMON_ATTRIBUTES } from '../contract';

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

function results(): CallResult[] {
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

/**
 * Tries the rules with answers of every kind: each is one verdict with whose call it was, no wait is negative, an answer
 * that never came is no success, and limits name operations and attributes that there are.
 * @returns what is wrong, one sentence each; empty when nothing is.
 */
export function checkRules(rules: VendorRules): string[] {
  return [...limitProblems(rules), ...rules.operations.flatMap((name) => verdictProblems(rules, name))];
}

function limitProblems({ limits, operations, attributes }: VendorRules): string[] {
  const problems: string[] = [];
  const names = ['vendor', ...Object.keys(COMMON_ATTRIBUTES), ...Object.keys(attributes)];
  const known = Object.fromEntries(names.map((name) => [name, 'x']));
  for (const { name, operations: charged, scope } of limits) {
    const strange = charged === '*' ? [] : charged.filter((one) => !operations.includes(one));
    for (const one of strange) problems.push(`limit ${name} names the operation ${one}, which there is not`);
    try {
      fillScope(scope, known);
    } catch (error) {
      problems.push(`limit ${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return problems;
}

function verdictProblems(rules: VendorRules, operation: string): string[] {
  const account = 'conformance';
  const attributes = { vendor: rules.id, account };
  const call: CallInfo = { vendor: rules.id, account, operation, attributes };
  return results().flatMap((result) => {
    const problem = verdictProblem(rules, call, result);
    const of = result.kind === 'response' ? JSON.stringify(result.response) : result.error.code;
    return problem === null ? [] : [`${operation}, ${of}: ${problem}`];
  });
}

function verdictProblem(rules: VendorRules, call: CallInfo, result: CallResult): string | null {
  try {
    const verdict = rules.classify(call, result, 0);
    if (!KINDS.has(verdict.kind)) return `"${verdict.kind}" is no verdict`;
    if (verdict.evidence.account !== call.account) return 'the evidence does not say whose call it was';
    if (result.kind === 'transport' && verdict.kind === 'ok') return 'no answer came, and it is a success';
    if ('statedWaitMs' in verdict && verdict.statedWaitMs !== null && !(verdict.statedWaitMs >= 0)) {
      return `the wait is ${verdict.statedWaitMs} ms`;
    }
    if (result.kind === 'response') rules.learn(call, result.response);
    return null;
  } catch (error) {
    return `throws ${error instanceof Error ? error.message : String(error)}`;
  }
}
