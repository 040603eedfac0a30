import type { CallResult, VendorRules } from '../../../vendors/contract';
import { builtInVendors } from '../../../vendors/registry';
import { totalRules } from '../../../vendors/total-rules';

const [built] = builtInVendors();
const CALL = { vendor: 'line', account: 'a', operation: 'list', attributes: {} };
const ANSWER: CallResult = { kind: 'response', response: { status: 429, headers: {}, body: '{}' } };
const EVIDENCE = { vendor: 'line', account: 'a', operation: 'list' };

/** Rules of a vendor whose own parts give anything. */
const rulesWith = (own: { classify?: () => unknown; learn?: () => unknown }) =>
  totalRules({ ...(built?.rules as VendorRules), ...(own as Partial<VendorRules>) });
const verdictOf = (classify: () => unknown, result: CallResult = ANSWER) =>
  rulesWith({ classify }).classify(CALL, result, 0);

test.each([
  [
    'that throws',
    () => {
      throw new TypeError('no code');
    },
    'classify throws TypeError: no code',
  ],
  ['that gives nothing', () => undefined, 'classify gives nothing'],
  ['that gives a promise', async () => ({ kind: 'ok', evidence: EVIDENCE }), 'classify gives a promise'],
  ['with a kind that there is not', () => ({ kind: 'fine', evidence: EVIDENCE }), 'the verdict "fine"'],
])('a classify %s counts as a failure of the vendor', (_, classify, why) => {
  expect(verdictOf(classify)).toEqual({
    ...{ kind: 'server', statedWaitMs: null, ambiguous: true },
    evidence: { ...EVIDENCE, httpStatus: 429, code: 'NO_VERDICT', message: expect.stringContaining(why) },
  });
});

test('no answer is no success, whatever a classify says', () => {
  const lost = {
    kind: 'transport',
    error: { code: 'ECONNRESET', message: '', mayHaveBeenSent: true },
  } as const;
  const verdict = verdictOf(() => ({ kind: 'ok', evidence: EVIDENCE }), lost);
  expect(verdict).toMatchObject({ kind: 'server', ambiguous: true, evidence: { code: 'NO_VERDICT' } });
});

test.each([
  [Number.NaN, null],
  [-5, null],
  ['3', null],
  [undefined, null],
  [1500, 1500],
  [null, null],
])('of a stated wait of %p ms, %p is taken', (statedWaitMs, taken) => {
  const verdict = verdictOf(() => ({ kind: 'quota', evidence: EVIDENCE, statedWaitMs, limit: 3 }));
  expect(verdict).toEqual({ kind: 'quota', evidence: EVIDENCE, statedWaitMs: taken, limit: null });
});

test('evidence says whose call it was, and holds texts alone', () => {
  const strange = { message: 'x'.repeat(9000), code: 7, httpStatus: '429', body: 'secret' };
  const { evidence } = verdictOf(() => ({ kind: 'gone', evidence: strange }));
  expect(evidence).toEqual({ ...EVIDENCE, message: expect.stringMatching(/^x{499}…$/) });
  expect(verdictOf(() => ({ kind: 'gone' })).evidence).toEqual(EVIDENCE);
});

test('of what an answer teaches, numbers that are some are taken', () => {
  const learn = () => [{ limit: 'daily', remaining: Number.NaN, capacity: 5 }, { remaining: 3 }, null];
  expect(rulesWith({ learn }).learn(CALL, { status: 200, headers: {}, body: '' })).toEqual([
    { limit: 'daily', capacity: 5 },
  ]);
  expect(rulesWith({ learn: () => 'x' }).learn(CALL, { status: 200, headers: {}, body: '' })).toEqual([]);
});

test("a built-in vendor's verdicts are as its rules give them", () => {
  for (const { rules } of builtInVendors()) {
    const info = { ...CALL, vendor: rules.id, operation: rules.operations[0] ?? '' };
    expect(totalRules(rules).classify(info, ANSWER, 0)).toEqual(rules.classify(info, ANSWER, 0));
  }
});
