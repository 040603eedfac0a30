import { resolveLimits } from '../../../../quota/limits/limit';
import { retryDelayMs } from '../../../../quota/retry-delay';
import type { FleetDevice } from '../../../../vendors/capabilities/fleet';
import { gps51Commands, gps51EndUsers, gps51Fleet } from '../../../../vendors/gps51/calls';
import { callsADay, gps51Limits, gps51Pool, gps51Retry } from '../../../../vendors/gps51/limits';
import { gps51Rules } from '../../../../vendors/gps51/rules';
import { gps51AccountSchema } from '../../../../vendors/gps51/settings';
import { TRAJECTORY_ACTIONS } from '../../../../vendors/gps51/simulator/limits';
import fc from '../../../support/run/properties';

const ZONE = 'Asia/Shanghai';
const limits = gps51Limits(ZONE);
const named = (name: string) => limits.find((limit) => limit.name === name);
const account = gps51AccountSchema.parse({ vendor: 'gps51', username: 'fleet', password: 'env:P' });
const api = gps51Fleet(account);

const attributes = { vendor: 'gps51', account: 'main', egressIp: 'office', deviceId: '868120' };
const keysOf = (operation: string) => resolveLimits('gps51', limits, operation, attributes).map((l) => l.key);

describe('what a call is charged to', () => {
  const ip = ['gps51/office/ip-per-minute', 'gps51/office/per-second', 'gps51/office/spacing'];
  const own = ['gps51/main/account-per-day', ...ip];

  test.each(['login', 'querymonitorlist', 'lastposition', 'sendcmd', 'sendcommand', 'querycommand'])(
    '%s: to the egress IP and the account',
    (operation) => {
      expect(keysOf(operation)).toEqual(own);
    },
  );

  test.each(TRAJECTORY_ACTIONS)('%s: to its device as well, together with the other', (operation) => {
    expect(keysOf(operation)).toEqual(['gps51/main/868120/device-trajectory-per-day', ...own]);
  });

  test('an end user’s calls: to the egress IP and a class of users, but not to our account', () => {
    const { attribute, operations } = gps51EndUsers(account);
    for (const operation of [operations.login, operations.devices]) {
      const charged = resolveLimits('gps51', limits, operation, { ...attributes, [attribute]: 'u7f' });
      expect(charged.map((l) => l.key)).toEqual(['gps51/main/u7f/user-per-day', ...ip]);
    }
  });

  test('every operation of the account is among those of its day', () => {
    const charged = new Set(named('account-per-day')?.operations);
    const { forms, results } = gps51Commands(account);
    const ofCommands = forms.map((form) => form.operation({ deviceId: '868120', code: 'X', params: [] }));
    for (const operation of [...Object.values(api.operations), ...ofCommands, results.operation]) {
      expect(charged).toContain(operation);
    }
  });

  test('accounts behind one IP share its limits, and nothing else', () => {
    const other = resolveLimits('gps51', limits, 'querytrips', { ...attributes, account: 'second' }).map(
      (l) => l.key,
    );
    expect(keysOf('querytrips').filter((key) => other.includes(key))).toEqual(ip);
  });
});

test('the numbers are the vendor’s page’s and the rules of operation, each with its source', () => {
  expect(limits.map(({ name, window, mode }) => [name, window, mode])).toEqual([
    ['spacing', { kind: 'spacing', ms: 200 }, 'enforce'],
    ['per-second', { kind: 'rolling', count: 5, ms: 1000 }, 'enforce'],
    ['ip-per-minute', { kind: 'rolling', count: 10, ms: 60_000 }, 'enforce'],
    ['account-per-day', { kind: 'calendar', count: 1440, per: 'day', zone: ZONE }, 'enforce'],
    ['user-per-day', { kind: 'calendar', count: 1440, per: 'day', zone: ZONE }, 'enforce'],
    ['device-trajectory-per-day', { kind: 'calendar', count: 5, per: 'day', zone: ZONE }, 'enforce'],
    ['whitelist-per-day', { kind: 'calendar', count: 5, per: 'day', zone: ZONE }, 'enforce'],
  ]);
  for (const { source } of limits) expect(source).toMatch(/GPS51 Open API|rules of operation/);
});

describe('the account’s day', () => {
  const NOW = Date.UTC(2026, 10, 24);
  const device = (expiresAt: number | null): FleetDevice => ({
    deviceId: 'x',
    name: '',
    type: '',
    sim: '',
    group: '',
    lastActiveAt: null,
    expiresAt,
    free: false,
  });

  test('grows by 5 calls with each device whose subscription has not run out', () => {
    const devices = [device(null), device(NOW + 1), device(NOW), device(NOW - 1)];
    expect(api.limitsOf(devices, NOW)).toEqual([{ limit: 'account-per-day', capacity: 1450 }]);
    expect(api.limitsOf([], NOW)).toEqual([{ limit: 'account-per-day', capacity: 1440 }]);
    expect(callsADay(2665)).toBe(14_765);
  });

  test('has room for positions every minute, whatever the number of devices', () => {
    const { live = 0 } = named('account-per-day')?.reserve ?? {};
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), (devices) => {
        expect(callsADay(devices) * (1 - live)).toBeGreaterThanOrEqual(1440);
      }),
    );
  });

  test('has room for positions after all trajectory calls of all devices, but for the share of commands', () => {
    const { live = 0 } = named('account-per-day')?.reserve ?? {};
    const perDevice = named('device-trajectory-per-day')?.window;
    const trajectories = perDevice?.kind === 'calendar' ? perDevice.count : Number.NaN;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2665 }), (devices) => {
        const day = callsADay(devices);
        const minutesLost = 1440 - (day * (1 - live) - trajectories * devices);
        expect(minutesLost).toBeLessThan(45);
        expect(minutesLost).toBeCloseTo(day * live, 6);
      }),
    );
  });
});

describe('when limited, history waits first, then trips, then positions; commands last', () => {
  test.each(['ip-per-minute', 'account-per-day'])('%s', (name) => {
    const { background = 0, scheduled = 0, live = 0 } = named(name)?.reserve ?? {};
    expect(background).toBeGreaterThan(scheduled);
    expect(scheduled).toBeGreaterThan(live);
  });

  test('of a device’s 5 trajectory calls history takes 3 at the most', () => {
    const { background = 0 } = named('device-trajectory-per-day')?.reserve ?? {};
    expect(Math.floor(5 * (1 - background))).toBe(3);
  });
});

test('"too fast" is retried 3 times, after 1, 2 and 4 s; the wait grows to 30 s at the most', () => {
  expect(gps51Retry.rate.attempts).toBe(4);
  const waits = [1, 2, 3, 4, 5, 6, 7].map((attempt) => retryDelayMs(gps51Retry.rate, attempt, null, 0));
  expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
});

test('a day’s end is believed, however long the day', () => {
  expect(gps51Pool.absurdWaitMs).toBeGreaterThan(25 * 3_600_000);
});

test('answers announce no limits: the devices do', () => {
  const info = { vendor: 'gps51', account: 'main', operation: 'querymonitorlist', attributes };
  const headers = { 'x-ratelimit-limit-requests': '7' };
  expect(gps51Rules(ZONE).learn(info, { status: 200, headers, body: '{"status":0}' })).toEqual([]);
});
