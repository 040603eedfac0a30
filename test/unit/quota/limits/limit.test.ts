import {
  defaultSlackMs,
  fillScope,
  type LimitTemplate,
  type LimitWindow,
  priorityRank,
  resolveLimits,
} from '../../../../quota/limits/limit';
import fc from '../../../support/run/properties';

const template = (name: string, scope: string, operations: readonly string[] | '*' = '*'): LimitTemplate => ({
  name,
  operations,
  scope,
  unit: 'calls',
  window: { kind: 'rolling', count: 10, ms: 60_000 },
  mode: 'enforce',
  source: 'test',
});

describe('resolveLimits', () => {
  const templates = [
    template('ip-minute', '{egressIp}'),
    template('account-day', '{account}'),
    template('device-day', '{account}/{deviceId}', ['querytracks', 'querytrips']),
  ];
  const attributes = { vendor: 'gps51', account: 'main', egressIp: '127.0.0.1', deviceId: 'd/7' };

  test('gives the limits of the operation, ordered by key so that all callers lock alike', () => {
    expect(resolveLimits('gps51', templates, 'querytracks', attributes).map((l) => l.key)).toEqual([
      'gps51/127.0.0.1/ip-minute',
      'gps51/main/account-day',
      'gps51/main/d%2F7/device-day',
    ]);
    expect(resolveLimits('gps51', templates, 'lastposition', attributes).map((l) => l.template.name)).toEqual(
      ['ip-minute', 'account-day'],
    );
    expect(resolveLimits('gps51', [...templates].reverse(), 'querytracks', attributes)).toEqual(
      resolveLimits('gps51', templates, 'querytracks', attributes),
    );
  });

  test('an operation without limits has none', () => {
    expect(resolveLimits('gps51', templates.slice(2), 'login', attributes)).toEqual([]);
  });

  test('fails when an attribute of a scope is missing', () => {
    expect(() =>
      resolveLimits('gps51', templates, 'querytracks', { account: 'main', egressIp: '::1' }),
    ).toThrow(
      new RangeError(
        'limit scope "{account}/{deviceId}" needs the call attribute "deviceId", which is not set',
      ),
    );
  });
});

describe('fillScope', () => {
  test.each([
    ['{account}', { account: 'main' }, 'main'],
    ['{account}/{deviceId}', { account: 'a b', deviceId: 'x/y' }, 'a%20b/x%2Fy'],
    ['global', {}, 'global'],
    ['', {}, ''],
    ['{a}{a}', { a: '{b}', b: 'no' }, '%7Bb%7D%7Bb%7D'],
  ])('%j with %j', (scope, attributes, filled) => {
    expect(fillScope(scope, attributes)).toBe(filled);
  });
  test('an empty attribute is a missing one', () => {
    expect(() => fillScope('{account}', { account: '' })).toThrow(/needs the call attribute "account"/);
  });
  test('what is not the call’s own attribute is missing', () => {
    expect(() => fillScope('{constructor}', {})).toThrow(RangeError);
  });
  test('text that is no Unicode is refused by name', () => {
    expect(() => fillScope('{account}', { account: '\ud800' })).toThrow(/"account".*Unicode/);
  });
  test('two different accounts never share a key, whatever their names hold', () => {
    const name = fc.string({ unit: 'binary', minLength: 1 });
    fc.assert(
      fc.property(name, name, name, name, (a, b, c, d) => {
        fc.pre(a !== c || b !== d);
        expect(fillScope('{x}/{y}', { x: a, y: b })).not.toBe(fillScope('{x}/{y}', { x: c, y: d }));
      }),
    );
  });
});

describe('defaultSlackMs', () => {
  test.each<[LimitWindow, number]>([
    [{ kind: 'token-bucket', ratePerSecond: 20, burst: 10 }, 112.5],
    [{ kind: 'token-bucket', ratePerSecond: 20, burst: 1 }, 2],
    [{ kind: 'token-bucket', ratePerSecond: 0.0167, burst: 15 }, 250],
    [{ kind: 'token-bucket', ratePerSecond: 1000, burst: 17 }, 4],
    [{ kind: 'token-bucket', ratePerSecond: 0, burst: 15 }, 250],
    [{ kind: 'spacing', ms: 200 }, 5],
    [{ kind: 'spacing', ms: 10 }, 0.4],
    [{ kind: 'rolling', count: 5, ms: 1000 }, 25],
    [{ kind: 'rolling', count: 10, ms: 60_000 }, 250],
    [{ kind: 'calendar', count: 50, per: 'day', zone: 'UTC' }, 250],
    [{ kind: 'vendor-reset', count: 5000 }, 250],
  ])('%j', (window, ms) => {
    expect(defaultSlackMs(window)).toBe(ms);
  });
});

test('background ranks lowest, interactive highest', () => {
  const served = (['background', 'scheduled', 'live', 'interactive'] as const).map(priorityRank);
  expect(served).toEqual([0, 1, 2, 3]);
});
