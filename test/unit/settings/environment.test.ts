// biome-ignore-all lint/suspicious/noTemplateCurlyInString: settings files have such references
import type { Settings } from '../../../settings';
import { DATASET, parse, problems } from '../../support/settings-text';

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
