/** Limits that an operator adds, and limits that accounts share: what they become, and what is wrong with them. */
import { resolveLimits } from '../../../../quota/limits/limit';
import { effectiveLimits, parseSettings, SettingsError, settingsWarnings } from '../../../../settings';
import { accountParts } from '../../../../vendors/registry';

const ACCOUNT = {
  amazon: [
    'vendor: amazon',
    'region: eu',
    'marketplaces: [A1PA6795UKMFR9]',
    'currency: EUR',
    'credentials: {clientId: "env:ID", clientSecret: "env:SECRET", refreshToken: "env:TOKEN"}',
  ],
  openai: ['vendor: openai', 'apiKey: env:KEY'],
  gps51: ['vendor: gps51', 'username: u', 'password: env:PASSWORD'],
} as const;

type Vendor = keyof typeof ACCOUNT;

/** Settings with accounts by name: a vendor and more lines of each. */
function settings(accounts: Readonly<Record<string, readonly [Vendor, ...string[]]>>) {
  const lines = Object.entries(accounts).flatMap(([name, [vendor, ...more]]) => [
    `  ${name}:`,
    ...[...ACCOUNT[vendor], ...more].map((line) => `    ${line}`),
  ]);
  return parseSettings(['accounts:', ...lines].join('\n'), { file: null, baseDir: '/', env: {} });
}

function problems(accounts: Parameters<typeof settings>[0]): string[] {
  try {
    settings(accounts);
    return [];
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.problems.map(({ where, what }) => `${where}: ${what}`);
  }
}

function limitsOf(name: string, from: ReturnType<typeof settings>) {
  const account = from.accounts[name];
  if (account === undefined) throw new Error(`no account ${name}`);
  const { rules, limits = account.limits } = accountParts(account);
  if (rules === undefined) throw new Error('this vendor has one set of rules');
  return effectiveLimits(rules, { limits });
}

describe("a limit of one's own", () => {
  test.each([
    ['ms: 15m', { kind: 'spacing', ms: 900_000 }],
    ['count: 96, ms: 24h', { kind: 'rolling', count: 96, ms: 86_400_000 }],
    ['count: 96, per: day', { kind: 'calendar', count: 96, per: 'day', zone: 'UTC' }],
    [
      'count: 9, per: hour, zone: Europe/Berlin',
      { kind: 'calendar', count: 9, per: 'hour', zone: 'Europe/Berlin' },
    ],
    ['ratePerSecond: 0.5', { kind: 'token-bucket', ratePerSecond: 0.5, burst: 1 }],
    ['ratePerSecond: 0.5, burst: 4', { kind: 'token-bucket', ratePerSecond: 0.5, burst: 4 }],
  ])('with %s', (window, expected) => {
    const own = `limits: {own: {operations: [createReport], ${window}}}`;
    const limit = limitsOf('a', settings({ a: ['amazon', own] })).find(({ name }) => name === 'own');
    expect(limit).toEqual({
      name: 'own',
      operations: ['createReport'],
      scope: '{account}',
      unit: 'calls',
      window: expected,
      mode: 'enforce',
      source: 'settings',
    });
  });

  test('is charged for the calls that it matches, and for no others', () => {
    const own = `limits: {own: {operations: '*', scope: [application, reportType], match: {reportType: [A, B]}, count: 96, per: day}}`;
    const limits = limitsOf('a', settings({ a: ['amazon', 'application: app 1', own] }));
    const keys = (operation: string, attributes: Record<string, string>) =>
      resolveLimits('amazon', limits, operation, { account: 'a', application: 'app 1', ...attributes }).map(
        (l) => l.key,
      );
    expect(keys('createReport', { reportType: 'A' })).toEqual([
      'amazon/a/createReport',
      'amazon/app%201/A/own',
    ]);
    expect(keys('getReport', { reportType: 'B' })).toContain('amazon/app%201/B/own');
    expect(keys('createReport', { reportType: 'C' })).toEqual(['amazon/a/createReport']);
    // A login is about no report type.
    expect(keys('login', {})).toEqual([]);
  });

  test.each([
    [
      '{operations: [createReports], ms: 1}',
      'must be operations of amazon, not "createReports"; did you mean "createReport"?',
    ],
    ['{operations: [createReport]}', 'must say its window'],
    ['{operations: [createReport], count: 5}', 'must say its window'],
    ['{operations: [createReport], ms: 5, per: day, count: 2}', 'must say its window'],
    ['{operations: [createReport], ratePerSecond: 5, ms: 2}', 'must say its window'],
    ['{operations: [createReport], burst: 5}', 'must say its window'],
    [
      '{operations: [login], ms: 5, match: {reportType: A}}',
      'names reportType, which calls of login do not have',
    ],
    [
      '{operations: [createReport], ms: 5, scope: [application]}',
      'names application, which the account does not have',
    ],
    [
      '{operations: [createReport], ms: 5, scope: [reportTyp]}',
      'must name an attribute of amazon\'s calls, not "reportTyp"; did you mean "reportType"?',
    ],
    ['{operations: [], ms: 5}', "must be '*' or a list of operations"],
    ['{operations: [createReport], ms: 5, match: {reportType: 7}}', 'must be text, or a list of texts'],
    ['{ms: 5}', 'is not a limit of amazon'],
  ])('%s is refused by name', (limit, message) => {
    const [first = '', ...more] = problems({ a: ['amazon', `limits: {own: ${limit}}`] });
    expect(more).toEqual([]);
    expect(first).toContain('accounts.a.limits.own');
    expect(first).toContain(message);
  });

  test("a vendor's limit takes another scope, and stays of its operations", () => {
    const scope = (line: string) => settings({ a: ['openai', 'organization: org-1', line] });
    expect(() => scope('limits: {requests: {scope: [organization, model]}}')).not.toThrow();
    expect(problems({ a: ['openai', 'limits: {requests: {scope: [model, shoe]}}'] })[0]).toContain(
      'limits.requests.scope[1]',
    );
    expect(problems({ a: ['openai', 'limits: {requests: {operations: [createResponse]}}'] })[0]).toContain(
      'a limit of your own needs another name',
    );
  });
});

describe('accounts that share', () => {
  const daily =
    'limits: {own: {operations: [createReport], scope: [application], match: {reportType: A}, count: 96, per: day}}';

  test('an application have the same limits of their own, each of them', () => {
    expect(
      problems({ a: ['amazon', 'application: x', daily], b: ['amazon', 'application: x', daily] }),
    ).toEqual([]);
    expect(problems({ a: ['amazon', 'application: x', daily], b: ['amazon', 'application: y'] })).toEqual([]);
    expect(problems({ a: ['amazon', 'application: x', daily], b: ['amazon', 'application: x'] })).toEqual([
      expect.stringContaining('accounts.b.limits.own: must be the same as in accounts.a'),
    ]);
    const other = daily.replace('96', '95');
    expect(
      problems({ a: ['amazon', 'application: x', daily], b: ['amazon', 'application: x', other] }),
    ).toEqual([expect.stringContaining('accounts.b.limits.own: must be the same as in accounts.a')]);
    const type = daily.replace('reportType: A', 'reportType: B');
    expect(
      problems({ a: ['amazon', 'application: x', daily], b: ['amazon', 'application: x', type] }),
    ).toHaveLength(1);
  });

  test('a limit of each report type of an application say the same of it', () => {
    const each = daily.replace('[application]', '[application, reportType]');
    expect(problems({ a: ['amazon', 'application: x', each], b: ['amazon', 'application: x'] })).toHaveLength(
      1,
    );
  });

  test('a seller and an application share their buckets', () => {
    const found = settings({
      a: ['amazon', 'sellerId: S1', 'application: x'],
      b: ['amazon', 'sellerId: S1', 'application: x'],
      c: ['amazon', 'sellerId: S1', 'application: y'],
      d: ['amazon', 'sellerId: S1'],
      e: ['amazon', 'application: x'],
    });
    const key = (name: string) => {
      const { sellerId, application } = found.accounts[name] as { sellerId?: string; application?: string };
      const all = { account: name, sellerId: sellerId ?? '', application: application ?? '' };
      return resolveLimits('amazon', limitsOf(name, found), 'createReport', all)[0]?.key;
    };
    expect(['a', 'b', 'c', 'd', 'e'].map(key)).toEqual([
      'amazon/x/seller/S1/createReport',
      'amazon/x/seller/S1/createReport',
      'amazon/y/seller/S1/createReport',
      'amazon/seller/S1/createReport',
      'amazon/e/createReport',
    ]);
    const burst = 'limits: {createReport: {burst: 3}}';
    expect(
      problems({
        a: ['amazon', 'sellerId: S1', burst],
        b: ['amazon', 'sellerId: S1'],
      }),
    ).toEqual([expect.stringContaining('accounts.b.limits.createReport: must be the same as in accounts.a')]);
  });
});

describe('models that share', () => {
  test.each([
    ['{a: [m1, m2], b: [m2]}', 'modelGroups.b: must not hold m2, which is of a'],
    ['{a: [m1, b], b: [m2]}', 'modelGroups.b: must have another name: b is a model of a'],
    ['{a: []}', 'must be a list of models'],
  ])('%s', (groups, message) => {
    expect(problems({ a: ['openai', `modelGroups: ${groups}`] }).join()).toContain(message);
  });
});

describe('region, marketplaces and currencies', () => {
  const amazon = (...lines: string[]) => {
    const given = lines.map((line) => line.split(':')[0]);
    const base = ACCOUNT.amazon.filter((line) => !given.includes(line.split(':')[0]));
    const text = ['accounts:', '  a:', ...[...base, ...lines].map((line) => `    ${line}`)].join('\n');
    try {
      parseSettings(text, { file: null, baseDir: '/', env: {} });
      return [];
    } catch (error) {
      return (error as SettingsError).problems.map(({ where, what }) => `${where}: ${what}`);
    }
  };

  test.each([
    [
      ['region: na'],
      'accounts.a.marketplaces[0]: must be a marketplace of region na; A1PA6795UKMFR9 is Germany',
    ],
    [['currency: USD'], 'accounts.a.currency: must be EUR for A1PA6795UKMFR9 (Germany), not USD'],
    [
      ['marketplaces: [A1PA6795UKMFR9, A1F83G8C2ARO7P]'],
      'accounts.a.currency: must be GBP for A1F83G8C2ARO7P',
    ],
    [['currency: {A1PA6795UKMFR9: GBP}'], 'accounts.a.currency.A1PA6795UKMFR9: must be EUR'],
    [['currency: {}'], 'accounts.a.currency.A1PA6795UKMFR9: is missing'],
    [
      ['currency: {A1PA6795UKMFR9: EUR, A1F83G8C2ARO7P: GBP}'],
      'accounts.a.currency.A1F83G8C2ARO7P: must be one of the marketplaces',
    ],
  ])('%j is named', (lines, problem) => {
    expect(amazon(...lines)).toEqual([expect.stringContaining(problem)]);
  });

  test.each([
    [
      [
        'marketplaces: [A1PA6795UKMFR9, A1F83G8C2ARO7P]',
        'currency: {A1PA6795UKMFR9: EUR, A1F83G8C2ARO7P: GBP}',
      ],
    ],
    // A marketplace that is newer than the table, and a server that knows no countries.
    [['marketplaces: [A1NEWMARKET00X]', 'currency: CHF']],
    [['baseUrl: http://127.0.0.1:1', 'currency: USD']],
  ])('%j is let pass', (lines) => {
    expect(amazon(...lines)).toEqual([]);
  });
});

describe('warnings', () => {
  test('a limit for an account that there is not, or for tokens where calls have none', () => {
    const limit = (more: string) =>
      `limits: {spacing: {operations: [createReport], scope: [application], ms: 15m, ${more}}}`;
    const warned = (more: string) =>
      settingsWarnings(settings({ a: ['amazon', 'application: shop', limit(more)] }));
    expect(warned('match: {application: shop}')).toEqual([]);
    expect(warned('match: {application: shopp}')).toEqual([
      expect.stringMatching(
        /spacing\.match\.application: no call has the value "shopp".*did you mean "shop"/,
      ),
    ]);
    expect(warned('unit: tokens')).toEqual([
      expect.stringMatching(/spacing\.unit: calls of amazon have no tokens/),
    ]);
  });

  test('a limit for a value that no call has', () => {
    const limit = (type: string) =>
      `limits: {spacing: {operations: [createReport], ms: 15m, match: {reportType: ${type}}}}`;
    const warned = (type: string) => settingsWarnings(settings({ a: ['amazon', limit(type)] }));
    expect(warned('GET_VENDOR_REAL_TIME_SALES_REPORT')).toEqual([]);
    expect(warned('[GET_VENDOR_REAL_TIME_SALES_REPORT, GET_VENDOR_REAL_TIME_SALE_REPORT]')).toEqual([
      expect.stringMatching(
        /^accounts\.a\.limits\.spacing\.match\.reportType: no call has the value "GET_VENDOR_REAL_TIME_SALE_REPORT".*did you mean "GET_VENDOR_REAL_TIME_SALES_REPORT"/,
      ),
    ]);
  });

  test('a marketplace that is not known, which a simulator may have', () => {
    const warned = (...more: string[]) => {
      const lines = [...ACCOUNT.amazon, ...more].map((line) =>
        line.replace('[A1PA6795UKMFR9]', '[A1PA6795UKMFR9, A13V1IB3VIYZZ]'),
      );
      const text = ['accounts:', '  a:', ...lines.map((line) => `    ${line}`)].join('\n');
      return settingsWarnings(parseSettings(text, { file: null, baseDir: '/', env: {} }));
    };
    expect(warned()).toEqual([
      'accounts.a.marketplaces[1]: "A13V1IB3VIYZZ" is not known, and is used as it is; did you mean "A13V1IB3VIYZZH"?',
    ]);
    expect(warned('baseUrl: "http://127.0.0.1:1"')).toEqual([]);
  });

  test('the same credentials without the same seller, or the same anything', () => {
    const warned = (accounts: Parameters<typeof settings>[0]) => settingsWarnings(settings(accounts));
    expect(warned({ a: ['amazon'], b: ['amazon'] })).toEqual([
      expect.stringMatching(
        /^accounts\.b: has the same credentials as accounts\.a, .*the same sellerId and application/,
      ),
    ]);
    expect(warned({ a: ['openai'], b: ['openai'] })).toEqual([
      expect.stringContaining('make them one account'),
    ]);
    expect(warned({ a: ['amazon', 'sellerId: S'], b: ['amazon', 'sellerId: S'] })).toEqual([]);
    expect(warned({ a: ['amazon', 'sellerId: S'], b: ['amazon', 'sellerId: T'] })).toHaveLength(1);
    expect(warned({ a: ['amazon'], b: ['amazon', 'enabled: false'] })).toEqual([]);
    expect(warned({ a: ['amazon'], b: ['openai'] })).toEqual([]);
  });
});
