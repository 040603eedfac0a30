import { problemsOf, vehicles } from '../../support/vendors/acme-variant';

const ANSWERS = 'the simulator answers every call that is built without knowing the vendor';
/** The vendor's own function with one thing different. */
const verdict = (change: string) => `
const { classify } = whole.rules;
definition.rules = { ...whole.rules, classify: (call, result, now) => {
  const verdict = classify(call, result, now);
  ${change}
  return verdict;
} };`;
test.each([
  [
    'takes seconds for milliseconds',
    verdict("if (verdict.kind === 'quota' && verdict.statedWaitMs) verdict.statedWaitMs /= 1000;"),
    'a wait that the vendor states is taken for as long as it is',
    'during a quota of 3600000 ms, the rules state a wait of 3600 ms',
  ],
  [
    'reads from an address that is not there',
    vehicles("read: (name, of) => vehicles.read(name + 's', of)"),
    ANSWERS,
    /status \(GET \/v1\/cars\/\w+\/statuss\): the verdict of its 404 is gone/,
  ],
  [
    'cannot read what it is answered',
    vehicles("parseRead: () => { throw new Error('no values'); }"),
    ANSWERS,
    'its answer cannot be used: its parser throws Error: no values',
  ],
  [
    'names a limit that there is not',
    verdict("if (verdict.kind === 'quota') return { ...verdict, limit: 'per-hour' };"),
    'a wait that the vendor states is taken for as long as it is',
    'names the limit per-hour',
  ],
  [
    'is not simulated after all',
    "definition.simulator = async () => ({ start: async () => { throw new Error('port taken'); }, settings: () => ({}) });",
    ANSWERS,
    'simulator: does not start: Error: port taken',
  ],
  [
    'has no parts for its own example',
    "definition.parts = () => { throw new Error('no region'); };",
    'the settings of its example are valid and offer something',
    'parts: throws Error: no region',
  ],
])('a vendor that %s fails', async (_, code, name, problem) => {
  const problems = await problemsOf(code, ['--no-jobs']);
  expect(problems[name]).toMatch(problem);
});
