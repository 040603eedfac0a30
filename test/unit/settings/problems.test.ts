// biome-ignore-all lint/suspicious/noTemplateCurlyInString: settings files have such references
import { inspect } from 'node:util';
import { SettingsError } from '../../../settings';
import { builtInVendors } from '../../../vendors/registry';
import { ACCOUNT, DATASET, parse, problems } from '../../support/settings-text';

describe('problems are named all at once', () => {
  test('with the key path, the value, what would be right, and the line', () => {
    const text = `acounts: {}
log: { level: loud, fromat: json }
accounts:
  main:
    vendor: amazon
    regoin: eu
    marketplaces: []
    currency: euro
    credentials: { clientId: env:ID, clientSecret: env:SECRET }
    limits: { createReport: { burst: 0 } }
  other: { vendor: amazn }
datasets:
  sales: { dataset: amazon/rt-sale, account: man }
`;
    expect(problems(text)).toEqual([
      'log.level: must be trace, debug, info, warn, error, fatal or silent, not "loud"',
      'log.fromat: is not a setting; did you mean "format"?',
      'accounts.main.credentials.refreshToken: is missing; it must be a reference to a secret (env:NAME, file:/path or vault:name); the secret itself must not stand here',
      'accounts.main.marketplaces: must be a list of 1 to 25 marketplace ids, not an empty list',
      'accounts.main.currency: must be a currency code such as EUR, not "euro"',
      'accounts.main.limits.createReport.burst: must be a whole number, at least 1, not 0',
      'accounts.main.regoin: is not a setting; did you mean "region"?',
      `accounts.other.vendor: must have a vendor, one of: ${builtInVendors()
        .map(({ id }) => id)
        .join(', ')}, not "amazn"`,
      'acounts: is not a setting; did you mean "accounts"?',
      'datasets.sales.account: must be one of the accounts, not "man"; did you mean "main"?',
      'datasets.sales.dataset: must be a dataset of amazon, not "rt-sale"; did you mean "rt-sales"?',
    ]);
    expect(() => parse(text)).toThrow('the settings in /etc/sluice/sluice.yaml have 11 problems:');
    expect(() => parse(text)).toThrow('  accounts.main.regoin (line 6): is not a setting');
  });

  test('a setting of another vendor’s accounts is not suggested', () => {
    const text = 'accounts: { car: { vendor: bmw-mybmw, egressIp: office, username: ada } }';
    const found = problems(text).filter((problem) => problem.includes('is not a setting'));
    expect(found).toHaveLength(2);
    for (const problem of found) {
      expect(problem).not.toMatch(/did you mean "(?:egressIp|username)"/);
      expect(problem).not.toMatch(/sellerId|loginType/);
    }
  });

  test('a wrong variable and a wrong key come together', () => {
    expect(problems('log: { level: x }', { CHUNK_HOURS: 'y' })).toHaveLength(2);
  });

  test('broken YAML names the line', () => {
    expect(() => parse('log:\n  level: [info\n')).toThrow(/YAML \(line \d\)/);
    expect(() => parse('log: { level: info }\nlog: { level: warn }')).toThrow(
      'YAML (line 2): Map keys must be unique',
    );
    expect(problems('- a')).toEqual(['(top level): must be a map of settings such as "accounts: …"']);
    expect(() => parse('log: *nothing')).toThrow(SettingsError);
  });

  test.each([
    ['log: 3', 'log: must be a map, not a number'],
    [ACCOUNT.replace(/ {4}credentials.*\n/, ''), 'accounts.main.credentials: is missing; it must be a map'],
    ['accounts: [a]', 'accounts: must be a map of account names to accounts, not a list'],
    ['datasets: 3', 'datasets: must be a list or a map of datasets, not a number'],
    [
      'accounts: { "a b": { vendor: amazon } }',
      'must be a name of letters, digits, dot, dash and underscore',
    ],
    [
      'temporal: { tls: { certFile: c.pem } }',
      'temporal.tls.keyFile: is missing; a client certificate needs both',
    ],
    [
      'temporal: { apiKey: env:K, tls: { enabled: false } }',
      'temporal.tls.enabled: must not be false when there is an API key',
    ],
    [
      'temporal: { encryptPayloads: true }',
      'temporal.encryptPayloads: needs a key: set SLUICE_VAULT_KEY or vault.keyFile',
    ],
    ['temporal: { apiKey: abc }', 'temporal.apiKey: must be a reference to a secret'],
    [
      `${DATASET}  - { dataset: amazon/rt-sales, account: main }`,
      'datasets[1]: keeps the same dataset of the same account as datasets[0]; remove one of them',
    ],
    [
      DATASET.replace('account: main }', 'account: main, poll: { initialSeconds: 20, maxSeconds: 10 } }'),
      'datasets[0].poll.maxSeconds: must be at least poll.initialSeconds (20), not 10',
    ],
    [
      DATASET.replace('amazon/rt-sales', 'amzon/rt-sales'),
      'datasets[0].dataset: names the vendor "amzon", which does not exist; did you mean "amazon"?',
    ],
    [
      `${ACCOUNT}api: { mainAccount: mian }`,
      'api.mainAccount: must be one of the accounts, not "mian"; did you mean "main"?',
    ],
    [
      `${ACCOUNT}api: { salesDataset: { dataset: amazon/rt-sale, account: main } }`,
      'api.salesDataset.dataset: must be a dataset of amazon, not "rt-sale"; did you mean "rt-sales"?',
    ],
    [
      DATASET.replace('amazon/rt-sales', 'rt-sales'),
      'datasets[0].dataset: must be vendor/name such as amazon/rt-sales, not "rt-sales"',
    ],
    [
      ACCOUNT.replace('region: eu', 'baseUrl: http://127.0.0.1:1'),
      'accounts.main.tokenUrl: is missing: give a region (na, eu or fe), or both',
    ],
    [
      `accounts: { main: { vendor: openai, apiKey: "env:KEY", baseUrl: "https://gateway.example/v1/responses" } }`,
      'accounts.main.baseUrl: must end before the route, e.g. with /v1',
    ],
    [
      `${ACCOUNT}    limits: { mine: { operations: ["*"], ms: 1s, match: { reportType: [] } } }`,
      'accounts.main.limits.mine.match.reportType: must be text, or a list of texts, not an empty list',
    ],
    [ACCOUNT.replace('region: eu', ''), 'accounts.main.region: is missing: give a region'],
    [
      `${ACCOUNT}    limits: { createReprot: { burst: 2 } }`,
      'accounts.main.limits.createReprot: is not a limit of amazon; did you mean "createReport"?',
    ],
    [
      `${ACCOUNT}    limits: { createReport: { count: 2 } }`,
      'accounts.main.limits.createReport.count: does not apply to createReport, a token-bucket limit; it takes: ratePerSecond, burst, scope, reserve, mode, slackMs',
    ],
  ])('%j', (text, problem) => {
    expect(problems(text)).toEqual([expect.stringContaining(problem)]);
  });
});

describe('secrets', () => {
  test('a literal secret is refused and never repeated, wherever it stands', () => {
    const literal = 'amzn1.oa2-cs.v1.hunter2';
    const texts = [
      DATASET.replace('env:ID', literal),
      DATASET.replace('env:ID', '"${SECRET}"'),
      DATASET.replace(/\{ clientId.*\}/, literal),
      `temporal: { apiKey: ${literal} }`,
      `database: { url: ${literal} }`,
    ];
    for (const text of texts) {
      const found = problems(text, { SECRET: literal });
      expect(found).toHaveLength(1);
      expect(found.join()).not.toContain('hunter2');
    }
    expect(problems(DATASET.replace('env:ID', literal))).toEqual([
      'accounts.main.credentials.clientId: must be a reference to a secret (env:NAME, file:/path or vault:name); the secret itself must not stand here',
    ]);
  });

  test('relative file references are relative to the settings file', () => {
    expect(parse(ACCOUNT).accounts.main).toMatchObject({
      credentials: {
        clientId: 'env:ID',
        clientSecret: 'file:/etc/sluice/secret.txt',
        refreshToken: 'vault:amazon/main',
      },
    });
  });

  test('settings hold references, and print no secret', () => {
    const env = {
      DATABASE_URL: 'postgres://u:hunter2@db/s',
      TEMPORAL_API_KEY: 'hunter2',
      SLUICE_VAULT_KEY: 'hunter2',
    };
    const settings = parse(DATASET, env);
    expect(settings.temporal.apiKey).toBe('env:TEMPORAL_API_KEY');
    expect(settings.vault.key).toBe('env:SLUICE_VAULT_KEY');
    expect(JSON.stringify(settings) + inspect(settings, { depth: 9, showHidden: true })).not.toContain(
      'hunter2',
    );
  });
});
