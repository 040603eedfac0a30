/** Names that no map can hold, and lists that have a name twice: said with key, value and line, whatever they are in. */
import { parseSettings, SettingsError } from '../../../settings';
import { findAccount } from '../../../settings/accounts/accounts';

const CONTEXT = { file: 'sluice.yaml', baseDir: '/', env: {} };
const ACCOUNT = `
    vendor: amazon
    region: eu
    credentials: { clientId: env:A, clientSecret: env:A, refreshToken: env:A }
    marketplaces: [A1PA6795UKMFR9]
    currency: EUR`;
const OWN = 'operations: [createReport], count: 2, ms: 6h';
const withLimits = (limits: string) => `accounts:\n  acme:${ACCOUNT}\n    limits: ${limits}`;

function problems(text: string): string[] {
  try {
    parseSettings(text, CONTEXT);
    return [];
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.problems.map(({ where, line, what }) => `${where} (${line}): ${what}`);
  }
}

const NO_NAME = 'must have another name: "__proto__" cannot be one';

test.each([
  ['a limit', withLimits(`{ __proto__: { ${OWN} } }`), 'accounts.acme.limits.__proto__ (8)'],
  [
    'a key of a limit',
    withLimits('{ createReport: { __proto__: 1 } }'),
    'accounts.acme.limits.createReport.__proto__ (8)',
  ],
  [
    'what a limit matches',
    withLimits(`{ mine: { ${OWN}, match: { __proto__: x } } }`),
    'accounts.acme.limits.mine.match.__proto__ (8)',
  ],
  ['an account', `accounts:\n  __proto__:${ACCOUNT}`, 'accounts.__proto__ (3)'],
  [
    'a group of models',
    'accounts:\n  o: { vendor: openai, apiKey: env:A, modelGroups: { __proto__: [m] } }',
    'accounts.o.modelGroups.__proto__ (2)',
  ],
  ['a section', `__proto__: { log: 1 }\naccounts:\n  acme:${ACCOUNT}`, '__proto__ (1)'],
  [
    'an option of a dataset',
    `accounts:\n  acme:${ACCOUNT}\ndatasets:\n  - { dataset: amazon/rt-sales, account: acme, __proto__: 2 }`,
    'datasets[0].__proto__ (9)',
  ],
])('%s cannot be called __proto__', (_, text, where) => {
  expect(problems(text)).toEqual([`${where}: ${NO_NAME}`]);
});

test.each(['constructor', 'toString', 'hasOwnProperty'])('a limit or an account may be called %s', (name) => {
  expect(problems(withLimits(`{ ${name}: { ${OWN} } }`))).toEqual([]);
  const settings = parseSettings(`accounts:\n  ${name}:${ACCOUNT}`, CONTEXT);
  expect(findAccount(settings, name).poolKey).toBe(`amazon/${name}`);
  // And is there when the settings have it, and not else.
  const others = parseSettings(`accounts:\n  acme:${ACCOUNT}`, CONTEXT);
  expect(() => findAccount(others, name)).toThrow(`account "${name}" is not in the settings`);
  expect(
    problems(`accounts:\n  acme:${ACCOUNT}\ndatasets:\n  - { dataset: amazon/rt-sales, account: ${name} }`),
  ).toEqual([`datasets[0].account (9): must be one of the accounts, not "${name}"; there are: acme`]);
  expect(problems(`accounts:\n  acme: { vendor: ${name} }`)[0]).toMatch(
    /^accounts.acme.vendor \(2\): .*not "/,
  );
});

test.each([
  ['scope: [account, account]', 'scope[1] (8): must not be there twice, as "account" is'],
  ['scope: [account, reportType, account]', 'scope[2] (8): must not be there twice, as "account" is'],
  ['match: { reportType: [A, B, A] }', 'match.reportType[2] (8): must not be there twice, as "A" is'],
])("a limit of one's own names nothing twice: %s", (more, what) => {
  expect(problems(withLimits(`{ mine: { ${OWN}, ${more} } }`))).toEqual([
    `accounts.acme.limits.mine.${what}`,
  ]);
});

test('nor does any other list of names', () => {
  const text = `accounts:\n  acme:${ACCOUNT.replace('[A1', '[A1PA6795UKMFR9, A1')}`;
  expect(problems(text)).toEqual([
    'accounts.acme.marketplaces[1] (6): must not be there twice, as "A1PA6795UKMFR9" is',
  ]);
});

test.each(['constructor', 'toString', '__proto__'])('the variable %s is not set unless it is', (name) => {
  const text = `accounts:\n  acme:${ACCOUNT}\ndatabase: { url: 'postgres://\${${name}}@db/x' }`;
  expect(problems(text)).toEqual([expect.stringContaining(`variable ${name}, which is not set`)]);
});
