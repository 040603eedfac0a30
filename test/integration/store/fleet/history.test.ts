import { recordFailure } from '../../../../store/datasets/failed-windows';
import { listDevices, storeDevices } from '../../../../store/fleet/fleet';
import { storeTrack, widenToTrips } from '../../../../store/fleet/history';
import { coverageByDevice, ensureDeviceSeries } from '../../../../store/fleet/ledger';
import {
  at,
  device,
  fleetTables,
  HOUR,
  hours,
  NOW,
  position,
  TRIPS,
  trip,
} from '../../../support/stacks/fleet-tables';

const { state, live, answer, storedTrips } = fleetTables();

describe('trips', () => {
  beforeEach(() => storeDevices(state.db, state.account, [device('a')], NOW));

  test('an answer replaces what starts in its span: restated, withdrawn and late trips come exactly once', async () => {
    await answer([trip(1, 2), trip(3, 4)], hours(0, 6));
    await answer([trip(1, 2.5, 1200), trip(5, 5.5)], hours(0, 6));
    expect(await storedTrips()).toEqual([
      [1, 2.5, 1200],
      [5, 5.5, 1000],
    ]);
  });

  test('in one answer twice, the longer one counts, whichever came first', async () => {
    await answer([trip(1, 3, 3000), trip(1, 2, 1000)], hours(0, 6));
    expect(await storedTrips()).toEqual([[1, 3, 3000]]);
  });

  test('stay when the vendor reports none, until it has done so several times over days', async () => {
    await answer([trip(1, 2), trip(3, 4)], hours(0, 6));
    await answer(null, hours(0, 6));
    expect(await storedTrips()).toHaveLength(2);
    const [covered] = await coverageByDevice(state.db, TRIPS, state.account, ['a'], hours(0, 6), NOW);
    expect(covered).toMatchObject({ rows: 2, gaps: [] });
    for (const later of [0, 1, 47]) await answer([], hours(0, 6), hours(0, 6), true, NOW + later * HOUR);
    expect(await storedTrips()).toHaveLength(2);
    const { rows } = await state.db.query(
      `select data ->> 'knownRows' as known, data ->> 'answers' as answers from events
       where kind = 'window.doubted' and data ->> 'account' = $1 order by id`,
      [state.account],
    );
    expect(rows).toEqual([1, 2, 3].map((n) => ({ known: '2', answers: String(n) })));
    await answer([], hours(0, 6), hours(0, 6), true, NOW + 48 * HOUR);
    expect(await storedTrips()).toEqual([]);
  });

  test('that are doubted are requested again: the time after them does not count as covered', async () => {
    await answer([trip(1, 2), trip(3, 4)], hours(0, 6), hours(0, 4));
    await answer([], hours(2, 8), hours(2, 6), true, at(8));
    expect(await storedTrips()).toHaveLength(2);
    expect((await listDevices(state.db, state.account))[0]?.tripsUntil).toBe(at(4));
    // They come again, cut and moved, and are no longer doubted.
    await answer([trip(3.2, 3.6, 500)], hours(2, 8), hours(2, 6), true, at(9));
    expect(await storedTrips()).toEqual([
      [1, 2, 1000],
      [3.2, 3.6, 500],
    ]);
    expect((await listDevices(state.db, state.account))[0]?.tripsUntil).toBe(at(6));
  });

  test('stay where records cannot be used: one of those may be what is known; what overlaps the others goes', async () => {
    await answer([trip(1, 2), trip(3, 4)], hours(0, 6));
    await answer([trip(3.5, 5, 5000)], hours(0, 6), hours(0, 6), false);
    expect(await storedTrips()).toEqual([
      [1, 2, 1000],
      [3.5, 5, 5000],
    ]);
    const [covered] = await coverageByDevice(state.db, TRIPS, state.account, ['a'], hours(0, 6), NOW);
    expect(covered).toMatchObject({ rows: 2, gaps: [] });
  });

  test('a trip that was under way is replaced by the whole one, wherever that begins', async () => {
    await answer([trip(1, 2), trip(4, 6)], hours(0, 6));
    await answer([trip(4, 9, 5000)], hours(5, 10));
    expect(await storedTrips()).toEqual([
      [1, 2, 1000],
      [4, 9, 5000],
    ]);
  });

  test('a trip of years, as a clock that was behind makes it, takes the place of none outside the span', async () => {
    await answer([trip(1, 2), trip(3, 4)], hours(0, 6));
    const ofYears = trip(-40_000, 9, 5000);
    await answer([ofYears, trip(8, 9)], hours(5, 10));
    // Reported once more, it is there once.
    await answer([ofYears, trip(8, 9)], hours(5, 10));
    expect(await storedTrips()).toEqual([
      [-40_000, 9, 5000],
      [1, 2, 1000],
      [3, 4, 1000],
      [8, 9, 1000],
    ]);
  });

  test('a span is widened to the trips that it would cut or touch', async () => {
    await answer([trip(1, 3), trip(3, 5), trip(8, 10)], hours(0, 12));
    expect(await widenToTrips(state.db, state.account, 'a', hours(5, 9))).toEqual(hours(1, 10));
    expect(await widenToTrips(state.db, state.account, 'a', hours(6, 7))).toEqual(hours(6, 7));
  });

  test('come again and again in overlapping spans, and the ledger stays one window a day', async () => {
    for (let hour = 2; hour < 30; hour++) await answer([], hours(hour - 2, hour + 2), hours(hour - 2, hour));
    const found = await coverageByDevice(state.db, TRIPS, state.account, ['a'], hours(0, 30), NOW);
    expect(found[0]?.gaps).toEqual([hours(29, 30)]);
    expect(found[0]?.done).toBeLessThanOrEqual(3);
    expect(await listDevices(state.db, state.account)).toMatchObject([
      { tripsAskedAt: NOW, tripsUntil: at(29) },
    ]);
  });

  test('the ledger counts each trip once, whichever windows it came in', async () => {
    await answer([trip(1, 2), trip(3, 4)], hours(0, 5));
    await answer([trip(3, 4), trip(6, 7)], hours(2.5, 8));
    await answer([trip(20, 21)], hours(19, 22));
    const found = await coverageByDevice(state.db, TRIPS, state.account, ['a'], hours(0, 24), NOW);
    expect(found).toMatchObject([{ rows: 4, gaps: [hours(8, 19), hours(22, 24)], failed: 0 }]);
  });
});

describe('the ledger of many devices', () => {
  test('misses all of a device that was never requested, and leaves failures alone until their time', async () => {
    await storeDevices(state.db, state.account, [device('a')], NOW);
    await answer([], hours(0, 4));
    const series = await ensureDeviceSeries(state.db, TRIPS, state.account, ['a', 'b']);
    const failed = { reason: 'refused', evidence: {}, now: NOW };
    await recordFailure(state.db, {
      seriesId: series.get('a') ?? 0,
      span: hours(4, 6),
      retryAt: NOW + HOUR,
      ...failed,
    });
    await recordFailure(state.db, {
      seriesId: series.get('a') ?? 0,
      span: hours(6, 8),
      retryAt: null,
      ...failed,
    });
    const read = (now: number) =>
      coverageByDevice(state.db, TRIPS, state.account, ['c', 'a'], hours(0, 10), now);
    expect(await read(NOW)).toMatchObject([
      { deviceId: 'c', done: 0, gaps: [hours(0, 10)], missing: [hours(0, 10)], retryAt: null },
      {
        deviceId: 'a',
        done: 1,
        failed: 2,
        gaps: [hours(4, 10)],
        missing: [hours(8, 10)],
        retryAt: NOW + HOUR,
      },
    ]);
    expect((await read(NOW + HOUR))[1]?.missing).toEqual([hours(4, 6), hours(8, 10)]);
    expect(await ensureDeviceSeries(state.db, TRIPS, state.account, ['a', 'b'])).toEqual(series);
  });
});

describe('tracks', () => {
  test('fill in the positions of the past and leave the latest as it is', async () => {
    await storeDevices(state.db, state.account, [device('a')], NOW);
    await live([position('a', 20, { speed: 7 })], null, 'c1');
    const series = await ensureDeviceSeries(state.db, 'somebody/tracks', state.account, ['a']);
    const stored = await storeTrack(state.db, {
      account: state.account,
      deviceId: 'a',
      seriesId: series.get('a') ?? 0,
      span: hours(0, 24),
      covered: hours(0, 24),
      evidence: {},
      now: NOW,
      positions: [position('a', 2), position('a', 3), position('a', 3, { speed: 5 })],
    });
    expect(stored).toBe(3);
    const { rows } = await state.db.query(
      'select at, speed, source from positions where account = $1 order by at',
      [state.account],
    );
    expect(rows).toEqual([
      { at: at(2), speed: 0, source: 'track' },
      { at: at(3), speed: 5, source: 'track' },
      { at: at(20), speed: 7, source: 'live' },
    ]);
    const found = await coverageByDevice(
      state.db,
      'somebody/tracks',
      state.account,
      ['a'],
      hours(0, 24),
      NOW,
    );
    expect(found).toMatchObject([{ done: 1, rows: 2, gaps: [] }]);
  });
});
