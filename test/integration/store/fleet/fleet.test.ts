import type { Pool } from 'pg';
import type { Span } from '../../../../quota/windows/chunks';
import { recordFailure } from '../../../../store/datasets/failed-windows';
import { createPool } from '../../../../store/db';
import {
  lastDeviceList,
  listDevices,
  readCursor,
  storeDevices,
  storeLivePositions,
  summarizeFleet,
} from '../../../../store/fleet/fleet';
import { storeTrack, storeTrips, widenToTrips } from '../../../../store/fleet/history';
import { coverageByDevice, ensureDeviceSeries } from '../../../../store/fleet/ledger';
import type { FleetDevice, FleetPosition, FleetTrip } from '../../../../vendors/capabilities/fleet';
import { type TestDatabase, testDatabase } from '../../../support/stacks/embedded';

const HOUR = 3_600_000;
const DAY_START = Date.parse('2026-11-20T00:00:00Z');
const NOW = DAY_START + 30 * HOUR;
const at = (hour: number) => DAY_START + hour * HOUR;
const hours = (from: number, to: number): Span => ({ from: at(from), to: at(to) });
const TRIPS = 'somebody/trips';

let database: TestDatabase;
let db: Pool;
let account = '';
let count = 0;

beforeAll(async () => {
  database = await testDatabase();
  db = createPool(database.url, { max: 5 });
});
afterAll(async () => {
  await db?.end();
  await database?.drop();
});
beforeEach(() => {
  account = `fleet-${++count}`;
});

const device = (deviceId: string): FleetDevice => ({
  deviceId,
  name: `Van ${deviceId}`,
  type: 'X1',
  sim: '',
  group: 'North',
  lastActiveAt: null,
  expiresAt: at(999),
  free: false,
});
const position = (deviceId: string, hour: number, change: Partial<FleetPosition> = {}): FleetPosition => ({
  deviceId,
  at: at(hour),
  arrivedAt: null,
  latitude: 52.5,
  longitude: 13.4,
  speed: 0,
  course: 90,
  odometer: null,
  status: 3,
  statusText: '',
  alarm: 0,
  moving: false,
  ...change,
});
const trip = (from: number, to: number, distance = 1000): FleetTrip => ({
  deviceId: 'a',
  start: at(from),
  end: at(to),
  distance,
  maxSpeed: 90_000,
  averageSpeed: 50_000,
  duration: (to - from) * HOUR,
  startLatitude: 1,
  startLongitude: 2,
  endLatitude: null,
  endLongitude: null,
});
const live = (
  positions: readonly FleetPosition[],
  before: string | null,
  after: string,
  snapshotOf: readonly string[] = [],
) => storeLivePositions(db, { account, positions, cursor: { before, after }, snapshotOf, now: NOW });

async function answer(
  trips: readonly FleetTrip[] | null,
  span: Span,
  covered: Span | null = span,
  whole = true,
  now = NOW,
) {
  const series = await ensureDeviceSeries(db, TRIPS, account, ['a']);
  const seriesId = series.get('a') ?? 0;
  const evidence = {};
  await storeTrips(db, {
    account,
    deviceId: 'a',
    seriesId,
    span,
    covered,
    evidence,
    now,
    reported: trips && { trips, whole, openSince: null },
    scheduled: true,
    restatement: { doubtShare: 0.5, usualLoss: 0.05, answers: 3, overMs: 48 * HOUR },
    awaitMs: 22 * HOUR,
    poolKey: `gps51/${account}`,
  });
}
async function storedTrips() {
  const { rows } = await db.query<{ start_time: number; end_time: number; distance: number }>(
    'select start_time, end_time, distance from trips where account = $1 order by start_time',
    [account],
  );
  const hour = (ms: number) => (ms - DAY_START) / HOUR;
  return rows.map((row) => [hour(row.start_time), hour(row.end_time), row.distance]);
}

describe('the device list', () => {
  test('holds what the vendor lists; what is gone is marked, and counts as new when it is back', async () => {
    expect(await lastDeviceList(db, account)).toBeNull();
    expect(await storeDevices(db, account, [device('a'), device('b')], NOW)).toBe(2);
    await live([], null, 'c1', ['a', 'b']);
    expect(await storeDevices(db, account, [device('b'), device('c')], NOW + 1)).toBe(1);
    expect((await listDevices(db, account)).map((d) => [d.deviceId, d.snapshotAt])).toEqual([
      ['b', NOW],
      ['c', null],
    ]);
    expect(await storeDevices(db, account, [device('a')], NOW + 2)).toBe(1);
    expect((await listDevices(db, account)).map((d) => [d.deviceId, d.snapshotAt])).toEqual([['a', null]]);
    expect(await lastDeviceList(db, account)).toEqual({ at: NOW + 2, devices: 1 });
    const { rows } = await db.query(
      'select name, sim, device_group, last_active_at, expires_at from devices where account = $1 and device_id = $2',
      [account, 'a'],
    );
    const known = {
      name: 'Van a',
      sim: '',
      device_group: 'North',
      last_active_at: null,
      expires_at: at(999),
    };
    expect(rows).toEqual([known]);
  });

  test('that is empty all at once is believed the second time', async () => {
    const listed = async () => (await listDevices(db, account)).map((d) => d.deviceId);
    await storeDevices(db, account, [device('a'), device('b')], NOW);
    await storeDevices(db, account, [], NOW + 1);
    expect(await listed()).toEqual(['a', 'b']);
    expect(await lastDeviceList(db, account)).toEqual({ at: NOW + 1, devices: 0 });
    await storeDevices(db, account, [device('b')], NOW + 2);
    expect(await listed()).toEqual(['b']);
    await storeDevices(db, account, [], NOW + 3);
    await storeDevices(db, account, [], NOW + 4);
    expect(await listed()).toEqual([]);
  });

  test('is each account’s own', async () => {
    await storeDevices(db, account, [device('a')], NOW);
    await storeDevices(db, `${account}-other`, [device('b')], NOW);
    expect((await listDevices(db, account)).map((d) => d.deviceId)).toEqual(['a']);
  });
});

describe('live positions', () => {
  beforeEach(() => storeDevices(db, account, [device('a'), device('b')], NOW));

  const latest = async () =>
    (
      await db.query<{ device_id: string; at: number; speed: number; source: string }>(
        'select device_id, at, speed, source from latest_positions where account = $1 order by device_id',
        [account],
      )
    ).rows;

  test('are stored together with the cursor', async () => {
    await live([position('a', 1), position('b', 2, { moving: true })], null, 'c1');
    expect(await readCursor(db, account)).toBe('c1');
    expect(await summarizeFleet(db, account)).toMatchObject({
      devices: 2,
      located: 2,
      oldest: at(1),
      newest: at(2),
    });
    const bad = position('a', 3, { latitude: Number.NaN });
    await expect(live([bad], 'c1', 'c2')).rejects.toThrow(/null value/);
    expect(await readCursor(db, account)).toBe('c1');
  });

  test('an older one never takes the place of the latest', async () => {
    await live([position('a', 5, { speed: 50 })], null, 'c1');
    await live([position('a', 4, { speed: 40 })], 'c1', 'c2');
    expect(await latest()).toEqual([{ device_id: 'a', at: at(5), speed: 50, source: 'live' }]);
    const { rows } = await db.query('select count(*) n from positions where account = $1', [account]);
    expect(rows[0].n).toBe(2);
  });

  test('of a clock that once ran far ahead are not the latest', async () => {
    const ahead = (Date.now() - DAY_START) / HOUR + 500;
    await live([position('a', ahead), position('a', 3), position('b', ahead)], null, 'c1');
    expect((await latest()).map((p) => [p.device_id, p.at])).toEqual([
      ['a', at(3)],
      ['b', expect.any(Number)],
    ]);
  });

  test('of an instant that is known are written only when they bring something new', async () => {
    expect(await live([position('a', 1, { odometer: 7 })], null, 'c1')).toBe(1);
    expect(await live([position('a', 1)], 'c1', 'c2')).toBe(0);
    expect(await live([position('a', 1, { speed: 9 })], 'c2', 'c3')).toBe(1);
    const { rows } = await db.query('select speed, odometer from positions where account = $1', [account]);
    expect(rows).toEqual([{ speed: 9, odometer: 7 }]);
  });

  test('a cursor that another reader has moved on is left alone, and its positions are kept', async () => {
    await live([], null, 'c1');
    await live([], 'c1', 'c2');
    await live([position('a', 1)], 'c1', 'c1b');
    expect(await readCursor(db, account)).toBe('c2');
    expect(await latest()).toHaveLength(1);
  });

  test('show when a device was last under way, but not by a clock that is ahead', async () => {
    await live(
      [position('a', 2, { moving: true }), position('a', 9), position('b', 999, { moving: true })],
      null,
      'c',
    );
    const moved = (await listDevices(db, account)).map((d) => d.movedAt);
    expect(moved).toEqual([at(2), NOW]);
  });

  test('show by the odometer that a device was under way that did not report meanwhile', async () => {
    await live([position('a', 1, { odometer: 100 }), position('b', 1, { odometer: 100 })], null, 'c1');
    await live([position('a', 3, { odometer: 900 }), position('b', 3, { odometer: 100 })], 'c1', 'c2');
    expect((await listDevices(db, account)).map((d) => d.movedAt)).toEqual([at(3), null]);
  });
});

describe('trips', () => {
  beforeEach(() => storeDevices(db, account, [device('a')], NOW));

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
    const [covered] = await coverageByDevice(db, TRIPS, account, ['a'], hours(0, 6), NOW);
    expect(covered).toMatchObject({ rows: 2, gaps: [] });
    for (const later of [0, 1, 47]) await answer([], hours(0, 6), hours(0, 6), true, NOW + later * HOUR);
    expect(await storedTrips()).toHaveLength(2);
    const { rows } = await db.query(
      `select data ->> 'knownRows' as known, data ->> 'answers' as answers from events
       where kind = 'window.doubted' and data ->> 'account' = $1 order by id`,
      [account],
    );
    expect(rows).toEqual([1, 2, 3].map((n) => ({ known: '2', answers: String(n) })));
    await answer([], hours(0, 6), hours(0, 6), true, NOW + 48 * HOUR);
    expect(await storedTrips()).toEqual([]);
  });

  test('that are doubted are requested again: the time after them does not count as covered', async () => {
    await answer([trip(1, 2), trip(3, 4)], hours(0, 6), hours(0, 4));
    await answer([], hours(2, 8), hours(2, 6), true, at(8));
    expect(await storedTrips()).toHaveLength(2);
    expect((await listDevices(db, account))[0]?.tripsUntil).toBe(at(4));
    // They come again, cut and moved, and are no longer doubted.
    await answer([trip(3.2, 3.6, 500)], hours(2, 8), hours(2, 6), true, at(9));
    expect(await storedTrips()).toEqual([
      [1, 2, 1000],
      [3.2, 3.6, 500],
    ]);
    expect((await listDevices(db, account))[0]?.tripsUntil).toBe(at(6));
  });

  test('stay where records cannot be used: one of those may be what is known; what overlaps the others goes', async () => {
    await answer([trip(1, 2), trip(3, 4)], hours(0, 6));
    await answer([trip(3.5, 5, 5000)], hours(0, 6), hours(0, 6), false);
    expect(await storedTrips()).toEqual([
      [1, 2, 1000],
      [3.5, 5, 5000],
    ]);
    const [covered] = await coverageByDevice(db, TRIPS, account, ['a'], hours(0, 6), NOW);
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
    expect(await widenToTrips(db, account, 'a', hours(5, 9))).toEqual(hours(1, 10));
    expect(await widenToTrips(db, account, 'a', hours(6, 7))).toEqual(hours(6, 7));
  });

  test('come again and again in overlapping spans, and the ledger stays one window a day', async () => {
    for (let hour = 2; hour < 30; hour++) await answer([], hours(hour - 2, hour + 2), hours(hour - 2, hour));
    const found = await coverageByDevice(db, TRIPS, account, ['a'], hours(0, 30), NOW);
    expect(found[0]?.gaps).toEqual([hours(29, 30)]);
    expect(found[0]?.done).toBeLessThanOrEqual(3);
    expect(await listDevices(db, account)).toMatchObject([{ tripsAskedAt: NOW, tripsUntil: at(29) }]);
  });

  test('the ledger counts each trip once, whichever windows it came in', async () => {
    await answer([trip(1, 2), trip(3, 4)], hours(0, 5));
    await answer([trip(3, 4), trip(6, 7)], hours(2.5, 8));
    await answer([trip(20, 21)], hours(19, 22));
    const found = await coverageByDevice(db, TRIPS, account, ['a'], hours(0, 24), NOW);
    expect(found).toMatchObject([{ rows: 4, gaps: [hours(8, 19), hours(22, 24)], failed: 0 }]);
  });
});

describe('the ledger of many devices', () => {
  test('misses all of a device that was never requested, and leaves failures alone until their time', async () => {
    await storeDevices(db, account, [device('a')], NOW);
    await answer([], hours(0, 4));
    const series = await ensureDeviceSeries(db, TRIPS, account, ['a', 'b']);
    const failed = { reason: 'refused', evidence: {}, now: NOW };
    await recordFailure(db, {
      seriesId: series.get('a') ?? 0,
      span: hours(4, 6),
      retryAt: NOW + HOUR,
      ...failed,
    });
    await recordFailure(db, { seriesId: series.get('a') ?? 0, span: hours(6, 8), retryAt: null, ...failed });
    const read = (now: number) => coverageByDevice(db, TRIPS, account, ['c', 'a'], hours(0, 10), now);
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
    expect(await ensureDeviceSeries(db, TRIPS, account, ['a', 'b'])).toEqual(series);
  });
});

describe('tracks', () => {
  test('fill in the positions of the past and leave the latest as it is', async () => {
    await storeDevices(db, account, [device('a')], NOW);
    await live([position('a', 20, { speed: 7 })], null, 'c1');
    const series = await ensureDeviceSeries(db, 'somebody/tracks', account, ['a']);
    const stored = await storeTrack(db, {
      account,
      deviceId: 'a',
      seriesId: series.get('a') ?? 0,
      span: hours(0, 24),
      covered: hours(0, 24),
      evidence: {},
      now: NOW,
      positions: [position('a', 2), position('a', 3), position('a', 3, { speed: 5 })],
    });
    expect(stored).toBe(3);
    const { rows } = await db.query(
      'select at, speed, source from positions where account = $1 order by at',
      [account],
    );
    expect(rows).toEqual([
      { at: at(2), speed: 0, source: 'track' },
      { at: at(3), speed: 5, source: 'track' },
      { at: at(20), speed: 7, source: 'live' },
    ]);
    const found = await coverageByDevice(db, 'somebody/tracks', account, ['a'], hours(0, 24), NOW);
    expect(found).toMatchObject([{ done: 1, rows: 2, gaps: [] }]);
  });
});
