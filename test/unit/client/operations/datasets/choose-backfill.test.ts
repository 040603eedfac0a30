import { chooseBackfill } from '../../../../../client/operations/datasets/backfills';

const TRACKS = 'backfill:gps51/tracks:fleet:2026-11-01T00:00..2026-11-20T00:00';
const OTHER = 'backfill:gps51/tracks:north:2026-11-01T00:00..2026-11-20T00:00:860080434600001';
const SALES = 'backfill:amazon/rt-sales:acme:2026-11-01T00:00..2026-11-02T00:00';
const AUDIT = 'audit:amazon/rt-sales:acme:2026-11-01T00:00..2026-11-02T00:00';
const RUNNING = [AUDIT, SALES, TRACKS, OTHER];

describe('which backfill is meant', () => {
  test.each([
    [TRACKS, undefined, TRACKS],
    [AUDIT, undefined, AUDIT],
    ['gps51/tracks/fleet', undefined, TRACKS],
    ['gps51/tracks/north', 'north', OTHER],
    ['gps51/tracks', 'north', OTHER],
    ['amazon/rt-sales', undefined, SALES],
  ])('%s with --account %s is %s', (which, account, expected) => {
    expect(chooseBackfill(which, account, RUNNING)).toBe(expected);
  });

  test('a dataset of a single run is that run', () => {
    expect(chooseBackfill('gps51/tracks', undefined, [SALES, TRACKS])).toBe(TRACKS);
  });

  test('of several an id is required, and they are named', () => {
    expect(() => chooseBackfill('gps51/tracks', undefined, RUNNING)).toThrow(
      /means 2 runs.*:fleet:.*:north:/,
    );
  });

  test.each(['gps51/trips', 'backfill:gps51/tracks:fleet:gone', 'gps51/tracks/south'])(
    'of %s there is no run, and those that run are named',
    (which) => {
      expect(() => chooseBackfill(which, undefined, [TRACKS])).toThrow(
        `no run of "${which}"; those that run: ${TRACKS}`,
      );
      expect(() => chooseBackfill(which, undefined, [])).toThrow(/none runs/);
    },
  );

  test.each(['tracks', '', 'a/b/c/d', '/tracks'])('%j is neither an id nor a dataset', (which) => {
    expect(() => chooseBackfill(which, undefined, RUNNING)).toThrow(/neither the id of a run.*nor a dataset/);
  });

  test('two accounts at once are refused', () => {
    expect(() => chooseBackfill('gps51/tracks/fleet', 'north', RUNNING)).toThrow(
      /account: "north".*two accounts/,
    );
  });
});
