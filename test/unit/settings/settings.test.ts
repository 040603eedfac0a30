// biome-ignore-all lint/suspicious/noTemplateCurlyInString: settings files have such references
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { loadSettings, parseSettings, type Settings, SettingsError } from '../../../settings';
import { amazonEndpoints } from '../../../vendors/amazon/settings';
import { builtInVendors } from '../../../vendors/registry';

type Env = Readonly<Record<string, string>>;

const parse = (text: string, env: Env = {}): Settings =>
  parseSettings(text, { file: '/etc/sluice/sluice.yaml', baseDir: '/etc/sluice', env });

/** Problems as `where: what`, or none. */
function problems(text: string, env: Env = {}): string[] {
  try {
    parse(text, env);
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.problems.map(({ where, what }) => `${where}: ${what}`);
    throw error;
  }
}

const ACCOUNT = `
accounts:
  main:
    vendor: amazon
    region: eu
    credentials: { clientId: env:ID, clientSecret: file:secret.txt, refreshToken: vault:amazon/main }
    marketplaces: [A1PA6795UKMFR9]
    currency: EUR
`;
const DATASET = `${ACCOUNT}
datasets:
  - { dataset: amazon/rt-sales, account: main }
`;

describe('what holds with an empty file', () => {
  test('an empty file is whole: embedded servers, plain JSON logs, no accounts', () => {
    expect(parse('')).toEqual({
      file: '/etc/sluice/sluice.yaml',
      database: { url: null, poolSize: 10, permitPoolSize: 4, bulkPoolSize: 4 },
      temporal: {
        address: null,
        namespace: 'default',
        apiKey: null,
        tls: { enabled: false, caFile: null, certFile: null, keyFile: null, serverName: null },
        taskQueue: 'sluice',
        encryptPayloads: false,
      },
      log: { level: 'info', format: 'json' },
      vault: { key: null },
      permits: { inlineWaitMs: 5000, leadMs: 40 },
      plugins: [],
      http: { timeoutMs: 30_000, connectTimeoutMs: 10_000 },
      alerts: { rateRefusals: 3, rateWindowMinutes: 10 },
      api: {
        port: 8480,
        allowedHosts: [],
        corsOrigins: [],
        requestsPerMinute: 6000,
        endUserRequestsPerMinute: 30,
        maxInFlight: 1000,
        maxUploadMb: 512,
      },
      commands: { timeoutSeconds: 60 },
      reports: { failingShare: 0.05, maxDocumentMb: 2048, settleSeconds: 120, youngSeconds: 60 },
      reads: { cacheMinutes: 5, authenticationHours: 24, waitSeconds: 5, memoryMb: 16, userPerMinute: 60 },
      retention: {
        jobsDays: 90,
        eventsDays: 90,
        callCountsDays: 40,
        commandsDays: 365,
        readsDays: 30,
        everyHours: 6,
      },
      accounts: {},
      datasets: [],
    });
  });

  test('a dataset syncs every 15 minutes with the daily audit on and the weekly one off', () => {
    expect(parse(DATASET).datasets).toEqual([
      {
        name: 'main/amazon/rt-sales',
        vendor: 'amazon',
        dataset: 'amazon/rt-sales',
        account: 'main',
        enabled: true,
        chunkHours: 6,
        joinOlderThanHours: 48,
        lookbackDays: 30,
        safeMinutesLag: 60,
        syncIntervalMinutes: 15,
        dailyAudit: true,
        weeklyAudit: false,
        weeklyAuditDays: 7,
        minRerequestMinutes: 30,
        onBadRow: 'setAside',
        badRowShare: 0.05,
        doubtShare: 0.5,
        usualLoss: 0.05,
        doubtAnswers: 3,
        doubtDays: 3,
        poll: {
          initialSeconds: 15,
          factor: 1.5,
          maxSeconds: 300,
          reportAfterMinutes: 60,
          requestAgainAfterHours: 24,
        },
        priority: 'scheduled',
        backfillPriority: 'background',
      },
    ]);
  });

  test('keys without a value count as not set', () => {
    expect(parse('accounts:\ndatasets:\nlog:\n  level:\n')).toEqual(parse(''));
  });

  test('datasets may be a map of names', () => {
    const [dataset] = parse(
      `${ACCOUNT}\ndatasets: { sales: { dataset: amazon/rt-sales, account: main } }`,
    ).datasets;
    expect(dataset).toMatchObject({ name: 'sales', dataset: 'amazon/rt-sales', account: 'main' });
  });
});

describe('durations', () => {
  test.each([
    ['12', 12],
    ['6h', 6],
    ['1d12h', 36],
    ['120m', 2],
    ['"12"', 12],
    ['"${NOWHERE:-9}"', 9],
  ])('chunkHours: %s is %d hours', (text, hours) => {
    const [dataset] = parse(
      DATASET.replace('account: main }', `account: main, chunkHours: ${text} }`),
    ).datasets;
    expect(dataset?.chunkHours).toBe(hours);
  });

  test.each(['90m', '0', '-1', 'soon', '6 h', 'true'])('chunkHours: %s is refused', (text) => {
    expect(problems(DATASET.replace('account: main }', `account: main, chunkHours: ${text} }`))).toEqual([
      expect.stringMatching(
        /^datasets\[0\]\.chunkHours: must be a whole number of hours at least 1, or text such as "6h"/,
      ),
    ]);
  });
});

describe('precedence: environment, then file, then defaults', () => {
  const sales = (settings: Settings) => settings.datasets[0];

  test('the names of deployment', () => {
    const env = {
      DATABASE_URL: 'postgres://u:p@db/sluice',
      TEMPORAL_ADDRESS: 'temporal:7233',
      TEMPORAL_NAMESPACE: 'prod',
      TEMPORAL_TASK_QUEUE: 'q',
      LOG_LEVEL: 'debug',
      LOG_FORMAT: 'pretty',
    };
    const settings = parse('temporal: { address: "file:1", namespace: file }\nlog: { level: warn }', env);
    expect(settings.database.url?.reveal()).toBe('postgres://u:p@db/sluice');
    expect(settings.temporal).toMatchObject({ address: 'temporal:7233', namespace: 'prod', taskQueue: 'q' });
    expect(settings.log).toEqual({ level: 'debug', format: 'pretty' });
  });

  test('the names of audits, lag, chunks and cooldown', () => {
    const env = {
      ENABLE_VENDOR_RT_SALES_DAILY_AUDIT: 'false',
      ENABLE_VENDOR_RT_SALES_WEEKLY_AUDIT: '1',
      SAFE_MINUTES_LAG: '45',
      CHUNK_HOURS: '12',
      QUOTA_COOLDOWN_MINUTES: '90',
    };
    const settings = parse(DATASET.replace('account: main }', 'account: main, chunkHours: 3 }'), env);
    expect(sales(settings)).toMatchObject({
      dailyAudit: false,
      weeklyAudit: true,
      safeMinutesLag: 45,
      chunkHours: 12,
    });
    expect(settings.accounts.main?.pool?.cooldownMinutes).toBe(90);
  });

  test('audit names are those of rt-sales and leave other datasets alone', () => {
    const settings = parse(DATASET.replace('rt-sales', 'rt-traffic'), {
      ENABLE_VENDOR_RT_SALES_DAILY_AUDIT: 'false',
    });
    expect(sales(settings)?.dailyAudit).toBe(true);
  });

  test('an empty variable counts as not set', () => {
    expect(sales(parse(DATASET, { CHUNK_HOURS: '', LOG_LEVEL: '' }))?.chunkHours).toBe(6);
  });

  test.each([
    ['CHUNK_HOURS', 'six', 'must be a whole number of hours at least 1, or text such as "6h", not "six"'],
    ['CHUNK_HOURS', '0', 'must be a whole number of hours at least 1, or text such as "6h", not "0"'],
    ['SAFE_MINUTES_LAG', '-5', 'must be a number of minutes at least 0, or text such as "30m", not "-5"'],
    [
      'QUOTA_COOLDOWN_MINUTES',
      'x',
      'must be a number of minutes at least 0.001, or text such as "30m", not "x"',
    ],
    ['ENABLE_VENDOR_RT_SALES_DAILY_AUDIT', 'maybe', 'must be true or false, not "maybe"'],
    ['TEMPORAL_TLS', 'sure', 'must be true or false, not "sure"'],
    ['LOG_LEVEL', 'loud', 'must be trace, debug, info, warn, error, fatal or silent, not "loud"'],
    ['TEMPORAL_ADDRESS', 'http://x', 'must be host:port, without http://, not "http://x"'],
  ])('%s=%s is an error that names the variable, the value and what would be right', (name, value, what) => {
    expect(problems('', { [name]: value })).toEqual([`${name}: ${what}`]);
    expect(problems(DATASET, { [name]: value })).toEqual([`${name}: ${what}`]);
  });

  test('a bad DATABASE_URL is named but not repeated, for it may hold a password', () => {
    expect(problems('', { DATABASE_URL: 'mysql://root:hunter2@db' })).toEqual([
      'DATABASE_URL: must be a URL such as postgres://user@host:5432/name',
    ]);
  });

  test('${NAME} takes any value from the environment, ${NAME:-x} falls back, $${ is plain', () => {
    const text =
      'database: { url: "postgres://u:${PW}@db/${NAME:-sluice}" }\ntemporal: { namespace: "a$${b}" }';
    const settings = parse(text, { PW: 'pw' });
    expect(settings.database.url?.reveal()).toBe('postgres://u:pw@db/sluice');
    expect(settings.temporal.namespace).toBe('a${b}');
    expect(problems(text)).toEqual([
      'database.url: refers to the environment variable PW, which is not set; set it, or write ${PW:-default}',
    ]);
  });
});

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
      'accounts.main.marketplaces: must be a list of 1 to 25 marketplace ids, not 0',
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

describe('what follows from what', () => {
  test('an API key or a certificate switches TLS on, and paths are relative to the file', () => {
    expect(parse('', { TEMPORAL_API_KEY: 'k' }).temporal.tls.enabled).toBe(true);
    expect(parse('temporal: { tls: { caFile: ca.pem } }').temporal.tls).toMatchObject({
      enabled: true,
      caFile: '/etc/sluice/ca.pem',
    });
  });

  test('a vault key switches encryption of payloads on; the key in the environment wins over the file', () => {
    const withFile = parse('vault: { keyFile: vault.key }');
    expect(withFile.vault.key).toBe('file:/etc/sluice/vault.key');
    expect(withFile.temporal.encryptPayloads).toBe(true);
    expect(parse('vault: { keyFile: vault.key }', { SLUICE_VAULT_KEY: 'k' }).vault.key).toBe(
      'env:SLUICE_VAULT_KEY',
    );
    expect(
      parse('temporal: { encryptPayloads: false }', { SLUICE_VAULT_KEY: 'k' }).temporal.encryptPayloads,
    ).toBe(false);
  });

  test("an account's URLs come from its region, and explicit ones win", () => {
    expect(amazonEndpoints({ region: 'fe' })).toEqual({
      baseUrl: 'https://sellingpartnerapi-fe.amazon.com',
      tokenUrl: 'https://api.amazon.com/auth/o2/token',
    });
    const simulator = { baseUrl: 'http://127.0.0.1:9/', tokenUrl: 'http://127.0.0.1:9/token' };
    expect(amazonEndpoints(simulator)).toEqual({ ...simulator, baseUrl: 'http://127.0.0.1:9' });
  });
});

describe('finding the file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-settings-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const write = (name: string, level: string) =>
    writeFileSync(join(folder, name), `log: { level: ${level} }\n`);
  const levelOf = (settings: Settings) => settings.log.level;

  test('--settings wins over SLUICE_SETTINGS, which wins over ./sluice.yaml', () => {
    write('sluice.yaml', 'warn');
    write('env.yaml', 'error');
    write('flag.yaml', 'fatal');
    const env = { SLUICE_SETTINGS: 'env.yaml' };
    expect(levelOf(loadSettings({ path: 'flag.yaml', env, cwd: folder }))).toBe('fatal');
    expect(levelOf(loadSettings({ env, cwd: folder }))).toBe('error');
    expect(loadSettings({ env: {}, cwd: folder })).toMatchObject({
      file: join(folder, 'sluice.yaml'),
      log: { level: 'warn' },
    });
  });

  test('without any file the defaults and the environment hold', () => {
    expect(loadSettings({ env: { LOG_LEVEL: 'debug' }, cwd: folder })).toMatchObject({
      file: null,
      log: { level: 'debug' },
    });
  });

  test('a file that was named and is not there is an error', () => {
    expect(() => loadSettings({ path: 'no.yaml', env: {}, cwd: folder })).toThrow(
      `--settings: ${join(folder, 'no.yaml')} cannot be read (ENOENT)`,
    );
    expect(() => loadSettings({ env: { SLUICE_SETTINGS: 'no.yaml' }, cwd: folder })).toThrow(
      'SLUICE_SETTINGS: ',
    );
  });
});
