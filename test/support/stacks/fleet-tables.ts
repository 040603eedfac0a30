/** A database in which what a fleet reports is stored, with an account of its own for each test. */
import type { Pool } from 'pg';
import type { Span } from '../../../quota/windows/chunks';
import { createPool } from '../../../store/db';
import { storeLivePositions } from '../../../store/fleet/fleet';
import { storeTrips } from '../../../store/fleet/history';
import { ensureDeviceSeries } from '../../../store/fleet/ledger';
import type { FleetDevice, FleetPosition, FleetTrip } from '../../../vendors/capabilities/fleet';
import { type TestDatabase, testDatabase } from './embedded';

export const HOUR = 3_600_000;
export const DAY_START = Date.parse('2026-11-20T00:00:00Z');
export const NOW = DAY_START + 30 * HOUR;
export const at = (hour: number) => DAY_START + hour * HOUR;
export const hours = (from: number, to: number): Span => ({ from: at(from), to: at(to) });
export const TRIPS = 'somebody/trips';

export const device = (deviceId: string): FleetDevice => ({
  deviceId,
  name: `Van ${deviceId}`,
  type: 'X1',
  sim: '',
  group: 'North',
  lastActiveAt: null,
  expiresAt: at(999),
  free: false,
});
export const position = (
  deviceId: string,
  hour: number,
  change: Partial<FleetPosition> = {},
): FleetPosition => ({
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
export const trip = (from: number, to: number, distance = 1000): FleetTrip => ({
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

/** To be called once in a test file: it sets up and tears down by itself. */
export function fleetTables() {
  let database: TestDatabase;
  let count = 0;
  const state = {} as { db: Pool; account: string };

  beforeAll(async () => {
    database = await testDatabase();
    state.db = createPool(database.url, { max: 5 });
  });
  afterAll(async () => {
    await state.db?.end();
    await database?.drop();
  });
  beforeEach(() => {
    state.account = `fleet-${++count}`;
  });

  const live = (
    positions: readonly FleetPosition[],
    before: string | null,
    after: string,
    snapshotOf: readonly string[] = [],
  ) =>
    storeLivePositions(state.db, {
      account: state.account,
      positions,
      cursor: { before, after },
      snapshotOf,
      now: NOW,
    });

  async function answer(
    trips: readonly FleetTrip[] | null,
    span: Span,
    covered: Span | null = span,
    whole = true,
    now = NOW,
  ) {
    const series = await ensureDeviceSeries(state.db, TRIPS, state.account, ['a']);
    const seriesId = series.get('a') ?? 0;
    const evidence = {};
    await storeTrips(state.db, {
      account: state.account,
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
      poolKey: `gps51/${state.account}`,
    });
  }
  async function storedTrips() {
    const { rows } = await state.db.query<{ start_time: number; end_time: number; distance: number }>(
      'select start_time, end_time, distance from trips where account = $1 order by start_time',
      [state.account],
    );
    const hour = (ms: number) => (ms - DAY_START) / HOUR;
    return rows.map((row) => [hour(row.start_time), hour(row.end_time), row.distance]);
  }

  return { state, live, answer, storedTrips };
}
