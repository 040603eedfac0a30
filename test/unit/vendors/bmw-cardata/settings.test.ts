/** The settings of a CarData account. */
import { parseSettings, SettingsError } from '../../../../settings';
import { findAccount } from '../../../../settings/accounts/accounts';

describe('settings', () => {
  const parse = (more: object) =>
    parseSettings(
      JSON.stringify({ accounts: { car: { vendor: 'bmw-cardata', clientId: 'client-0001', ...more } } }),
      {
        file: null,
        baseDir: '/',
        env: {},
      },
    );

  test('a probe is waited for as long as a read may take', () => {
    const settings = parse({ timeoutSeconds: 500 });
    const longest = settings.http.connectTimeoutMs + 500_000;
    expect(findAccount(settings, 'car').pool.probeTimeoutMs).toBeGreaterThan(longest);
  });

  test('an id token goes over the network in no clear text', () => {
    const stream = (url: string) => () => parse({ stream: { url } });
    expect(stream('mqtts://stream.example.com:9000')).not.toThrow();
    expect(stream('mqtt://127.0.0.1:1883')).not.toThrow();
    expect(stream('mqtt://localhost:1883')).not.toThrow();
    for (const url of ['mqtt://stream.example.com:9000', 'mqtt://127.0.0.1.example.com', 'https://x', 'x']) {
      expect(stream(url)).toThrow('must be an mqtts:// URL');
    }
  });

  test('a client id and nothing else; the day’s limit leaves a reserve to people', () => {
    const { limits, pool } = findAccount(parse({}), 'car');
    expect(limits).toMatchObject([
      {
        name: 'calls-per-day',
        window: { kind: 'calendar', count: 50, per: 'day', zone: 'UTC' },
        reserve: { background: 0.2, scheduled: 0.2, live: 0.2 },
      },
    ]);
    expect(pool).toMatchObject({ unknownQuotaMaxMs: 300_000, breakerFailures: 5, breakerOpenMs: 60_000 });
    const rolling = findAccount(parse({ quotaWindow: 'rolling', interactiveCalls: 5 }), 'car');
    expect(rolling.limits).toMatchObject([
      { window: { kind: 'rolling', count: 50, ms: 86_400_000 }, reserve: { scheduled: 0.1 } },
    ]);
  });

  test('BMW_QUOTA_MAX_PAUSE caps a pause of unknown length, the first one too', () => {
    const accounts = { car: { vendor: 'bmw-cardata', clientId: 'client-0001' } };
    const withPause = (text: string) =>
      parseSettings(JSON.stringify({ accounts }), {
        file: null,
        baseDir: '/',
        env: { BMW_QUOTA_MAX_PAUSE: text },
      });
    expect(findAccount(withPause('120'), 'car').pool).toMatchObject({
      unknownQuotaMs: 30_000,
      unknownQuotaMaxMs: 120_000,
    });
    expect(findAccount(withPause('7'), 'car').pool).toMatchObject({
      unknownQuotaMs: 7000,
      unknownQuotaMaxMs: 7000,
    });
    expect(() => withPause('long')).toThrow(/BMW_QUOTA_MAX_PAUSE: must be a number of seconds/);
  });

  test.each([
    [{ clientId: 'a b' }, 'accounts.car.clientId: must be the id of a client'],
    [{ quotaWindow: 'day' }, 'accounts.car.quotaWindow: must be midnight or rolling'],
    [{ interactiveCalls: 50 }, 'accounts.car.interactiveCalls: must be a whole number of calls from 0 to 49'],
    [{ descriptors: ['../x'] }, 'accounts.car.descriptors[0]: must be a list of names such as'],
    [{ baseUrl: 'ftp://x' }, 'accounts.car.baseUrl: must be an http:// or https:// URL'],
    [{ staleness: { telemetry: 5 } }, 'accounts.car.staleness'],
  ])('%j', (more, what) => {
    const reported = () => {
      try {
        parse(more);
        return '';
      } catch (error) {
        if (!(error instanceof SettingsError)) throw error;
        return error.problems.map((one) => `${one.where}: ${one.what}`).join('\n');
      }
    };
    expect(reported()).toContain(what);
  });
});
