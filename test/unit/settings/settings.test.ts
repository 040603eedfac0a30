// biome-ignore-all lint/suspicious/noTemplateCurlyInString: settings files have such references
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSettings, type Settings } from '../../../settings';
import { amazonEndpoints } from '../../../vendors/amazon/settings';
import { ACCOUNT, DATASET, parse, problems } from '../../support/settings-text';

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
      broken: { plugins: [], leftOut: [] },
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
