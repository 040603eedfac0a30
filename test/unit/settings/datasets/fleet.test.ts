import { fleetKindOf, fleetTerms, parseSettings, SettingsError } from '../../../../settings';

const HOUR = 3_600_000;
const ACCOUNT = `
accounts:
  fleet: { vendor: gps51, username: fleet, password: env:FLEET_PASSWORD }
datasets:
`;

const parse = (datasets: string, env: Record<string, string> = {}) =>
  parseSettings(ACCOUNT + datasets, { file: null, baseDir: '/', env });

function problems(datasets: string): string[] {
  try {
    parse(datasets);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems.map(({ where, what }) => `${where}: ${what}`);
    throw error;
  }
  return [];
}

const terms = (datasets: string, name: string, env: Record<string, string> = {}) =>
  fleetTerms(parse(datasets, env).datasets, `gps51/${name}`, 'fleet');

test('which datasets are a fleet’s', () => {
  expect(['gps51/positions', 'gps51/trips', 'gps51/tracks'].map(fleetKindOf)).toEqual([
    'positions',
    'trips',
    'tracks',
  ]);
  expect(
    ['gps51/reports', 'amazon/trips', 'amazon/rt-sales', 'nobody/trips', 'trips'].map(fleetKindOf),
  ).toEqual([null, null, null, null, null]);
});

test('live positions come every minute, trips every fifteen with two hours of overlap, unless configured otherwise', () => {
  const listed =
    '  - { dataset: gps51/positions, account: fleet }\n  - { dataset: gps51/trips, account: fleet }';
  expect(terms(listed, 'positions')).toMatchObject({ intervalMs: 60_000, deviceListMs: 6 * HOUR });
  expect(terms(listed, 'trips')).toMatchObject({
    intervalMs: 15 * 60_000,
    overlapMs: 2 * HOUR,
    firstSpanMs: 24 * HOUR,
  });
  const other =
    '  - { dataset: gps51/trips, account: fleet, syncIntervalMinutes: 5m, overlapHours: 90m, lookbackDays: 2, deviceListMinutes: 2h }';
  expect(terms(other, 'trips')).toMatchObject({
    intervalMs: 5 * 60_000,
    overlapMs: 1.5 * HOUR,
    firstSpanMs: 48 * HOUR,
    deviceListMs: 2 * HOUR,
  });
});

test('a dataset that is not listed has the defaults: a backfill needs no entry', () => {
  expect(terms('  []', 'tracks')).toMatchObject({ kind: 'tracks', enabled: true, chunkMs: 24 * HOUR });
});

test('keys of another kind of dataset are refused by name, with those that there are', () => {
  expect(problems('  - { dataset: gps51/positions, account: fleet, overlapHours: 2 }')).toEqual([
    'datasets[0].overlapHours: does not apply to gps51/positions; it takes: dataset, account, enabled, syncIntervalMinutes, deviceListMinutes',
  ]);
  expect(problems('  - { dataset: gps51/trips, account: fleet, dailyAudit: true }')[0]).toMatch(
    /^datasets\[0\]\.dailyAudit: does not apply to gps51\/trips; it takes: .*overlapHours/,
  );
  expect(problems('  - { dataset: gps51/trips, account: fleet, overlapHours: 13 }')[0]).toMatch(
    /overlapHours: must be a number of hours from 0 to 12, or text such as "6h"/,
  );
  const report = `
accounts:
  main: { vendor: amazon, region: eu, currency: EUR, marketplaces: [A1PA6795UKMFR9],
          credentials: { clientId: env:A, clientSecret: env:A, refreshToken: env:A } }
datasets: [{ dataset: amazon/rt-sales, account: main, overlapHours: 2 }]`;
  expect(() => parseSettings(report, { file: null, baseDir: '/', env: {} })).toThrow(
    /overlapHours.*does not apply to amazon\/rt-sales/,
  );
});

test('variables that set keys of reports leave fleets alone', () => {
  const listed = '  - { dataset: gps51/trips, account: fleet }';
  expect(terms(listed, 'trips', { CHUNK_HOURS: '3', SAFE_MINUTES_LAG: '5' }).chunkMs).toBe(24 * HOUR);
});
