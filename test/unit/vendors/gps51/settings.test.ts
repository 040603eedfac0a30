import { parseSettings, type Settings, SettingsError } from '../../../../settings';
import type { AccountSettings } from '../../../../settings/schema';

const parse = (text: string): Settings => parseSettings(text, { file: null, baseDir: '/', env: {} });

function problems(text: string): string[] {
  try {
    parse(text);
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.problems.map(({ where, what }) => `${where}: ${what}`);
    throw error;
  }
}

const account = (more: object = {}) => ({
  vendor: 'gps51',
  username: 'fleet',
  password: 'env:GPS51_PASSWORD',
  ...more,
});
const settings = (accounts: object, datasets: object[] = []) => JSON.stringify({ accounts, datasets });
const only = (more: object = {}): AccountSettings | undefined =>
  parse(settings({ main: account(more) })).accounts.main;

describe('an account', () => {
  test('needs a user name and a reference to the password; the rest has defaults', () => {
    expect(only()).toEqual({
      vendor: 'gps51',
      enabled: true,
      baseUrl: 'https://api.gps51.com/openapi',
      username: 'fleet',
      password: 'env:GPS51_PASSWORD',
      loginType: 'USER',
      tokenHours: 24,
      egressIp: 'default',
      zone: 'Asia/Shanghai',
      timeoutSeconds: 30,
    });
  });

  test.each([
    [{ password: 'hunter2' }, /^accounts\.main\.password: must be a reference to a secret/],
    [{ commandPassword: '123456' }, /^accounts\.main\.commandPassword: must be a reference to a secret/],
    [{ loginType: 'ADMIN' }, /^accounts\.main\.loginType: must be USER or DEVICE/],
    [{ zone: 'GMT+8 or so' }, /^accounts\.main\.zone: must be an IANA time zone/],
    [{ tokenHours: 0 }, /^accounts\.main\.tokenHours: must be a number of hours at least 0\.05/],
    [{ egressIp: '' }, /^accounts\.main\.egressIp: must not be empty/],
    [{ baseUrl: 'api.gps51.com' }, /^accounts\.main\.baseUrl: must be an http/],
    [{ baseUrl: 'https://api.gps51.com/openapi#a' }, /^accounts\.main\.baseUrl: must not have a fragment/],
    [{ baseUrl: 'https://me:word@api.gps51.com/openapi' }, /must not hold a name or a password/],
    [
      { limits: { perSecond: { count: 4 } } },
      /^accounts\.main\.limits\.perSecond: is not a limit of gps51.*per-second/,
    ],
  ])('with %j says what would be right', (more, problem) => {
    const found = problems(settings({ main: account(more) }));
    expect(found).toEqual([expect.stringMatching(problem)]);
    expect(found.join()).not.toMatch(/hunter2|123456/);
  });

  test('of a white-labelled platform may shadow and change every limit', () => {
    const limits = {
      spacing: { ms: '100ms' },
      'per-second': { count: 10 },
      'ip-per-minute': { mode: 'shadow' },
      'account-per-day': { count: 5000, reserve: { live: 0.1 } },
      'device-trajectory-per-day': { count: 20 },
      'whitelist-per-day': { mode: 'shadow' },
    };
    expect(problems(settings({ main: account({ limits }) }))).toEqual([]);
  });
});

test.each(['gps51/positions', 'gps51/trips', 'gps51/tracks'])('%s is a dataset', (dataset) => {
  expect(problems(settings({ main: account() }, [{ dataset, account: 'main' }]))).toEqual([]);
});

test('an unknown dataset names those that there are', () => {
  expect(problems(settings({ main: account() }, [{ dataset: 'gps51/trip', account: 'main' }]))).toEqual([
    expect.stringMatching(/must be a dataset of gps51, not "trip".*trips/),
  ]);
});

describe('accounts behind the same egress IP', () => {
  const shadow = { limits: { 'ip-per-minute': { mode: 'shadow' } } };
  const two = (a: object, b: object) => problems(settings({ a: account(a), b: account(b) }));

  test('must not differ in the limits that they share', () => {
    expect(two(shadow, {})).toEqual([
      'accounts.b.limits.ip-per-minute: must be the same as in accounts.a: both accounts share this limit; give both the same override, or each its own egressIp',
    ]);
    expect(two({ limits: { spacing: { ms: 200 } } }, { limits: { spacing: { ms: 300 } } })).toHaveLength(1);
    expect(
      two({ limits: { spacing: { slackMs: 9 } } }, { limits: { spacing: { slackMs: 8 } } }),
    ).toHaveLength(1);
  });

  test('may share an override', () => {
    expect(two(shadow, { ...shadow, egressIp: 'default' })).toEqual([]);
  });

  test('may differ in what is an account’s own', () => {
    expect(
      two({ limits: { 'account-per-day': { count: 9 } } }, { limits: { 'whitelist-per-day': { count: 1 } } }),
    ).toEqual([]);
    expect(two({ limits: { 'device-trajectory-per-day': { count: 9 } } }, {})).toEqual([]);
  });

  test('are others than those behind another IP', () => {
    expect(two(shadow, { egressIp: 'second' })).toEqual([]);
  });

  test('do not count while they are off', () => {
    expect(two(shadow, { enabled: false })).toEqual([]);
  });

  test('with other mistakes get these reported only', () => {
    expect(two({ limits: { spacing: { count: 3 } } }, {})).toEqual([
      expect.stringMatching(/^accounts\.a\.limits\.spacing\.count: does not apply/),
    ]);
    expect(two({ ...shadow, username: '' }, {})).toEqual([expect.stringMatching(/^accounts\.a\.username/)]);
  });
});
