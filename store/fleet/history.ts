/**
 * Trips and tracks of one device, stored in one transaction with the ledger: an answer counts with all of its rows, or
 * not at all.
 */
import type { Pool, PoolClient } from 'pg';
import { DAY_MS, HOUR_MS } from '../../quota/durations';
import { type DoubtedHour, doubtedHours, type RestatementPolicy } from '../../quota/windows/restatement';
import type { FleetPosition, FleetTrip, ReportedTrips } from '../../vendors/capabilities/fleet';
import { readDoubts, reportDoubts, writeDoubts } from '../datasets/ingest/doubted-hours';
import { lockSeries } from '../datasets/ledger';
import type { Span } from '../datasets/span';
import { inTransaction, toTimestamptz } from '../db';
import { jsonText } from '../storable';
import { upsertPositions } from './fleet';
import { coverIn } from './ledger';

interface DeviceAnswer {
  readonly account: string;
  readonly deviceId: string;
  readonly seriesId: number;
  /** The requested span. */
  readonly span: Span;
  /** What of it counts as in from now on; null: none, for it may still change. */
  readonly covered: Span | null;
  readonly evidence: Readonly<Record<string, unknown>>;
  /** Epoch milliseconds of the call. */
  readonly now: number;
}

export interface TrackAnswer extends DeviceAnswer {
  readonly positions: readonly FleetPosition[];
}

export interface TripsAnswer extends DeviceAnswer {
  /** Null: the vendor reported nothing, so known trips stay. */
  readonly reported: ReportedTrips | null;
  /** Asked for by the schedule, which goes on from the end of what is covered. */
  readonly scheduled: boolean;
  /** When an answer without trips that are known is believed. */
  readonly restatement: RestatementPolicy;
  /** A doubted span is requested again for this long, ms: it does not count as covered. */
  readonly awaitMs: number;
  /** Of the account, under which events are listed. */
  readonly poolKey: string;
}

/**
 * Replaces the device's trips that start in the span or overlap a trip of the answer; without a list it replaces none,
 * and where records could not be used, only what overlaps the others. A trip that the vendor has restated, cut or
 * withdrawn is thereby there once, as it was last reported, or not at all. But where most of the known trips are in no trip of
 * the answer, that is doubted: they stay until the same has been reported several times over days.
 * @returns trips of the answer.
 */
export async function storeTrips(db: Pool, answer: TripsAnswer): Promise<number> {
  const { account, deviceId, seriesId, evidence, now } = answer;
  const trips = restated(answer.reported?.trips ?? []);
  await inTransaction(db, async (client) => {
    await lockSeries(client, seriesId);
    const doubted = answer.reported?.whole ? await doubtedTrips(client, answer, trips) : [];
    const covered = beforeDoubts(answer, doubted);
    if (answer.reported !== null) await deleteReported(client, answer, answer.reported.whole, trips, doubted);
    await insertTrips(client, account, deviceId, trips, now);
    if (covered !== null) {
      const rows = await countTrips(client, account, deviceId, covered);
      await coverIn(client, { seriesId, span: covered, rows, evidence, now }, TRIPS_LEFT);
    }
    if (answer.scheduled) await noteAsked(client, account, deviceId, covered?.to ?? null, now);
  });
  return trips.length;
}

/**
 * A device whose clock was years behind when it set out makes a trip of years, which overlaps all others there are. What
 * is longer than this is stored, but takes the place of none outside the span, ms.
 */
const LONGEST_TRIP_MS = 3 * DAY_MS;

async function deleteReported(
  client: PoolClient,
  { account, deviceId, span }: TripsAnswer,
  isWhole: boolean,
  trips: readonly FleetTrip[],
  doubted: readonly DoubtedHour[],
): Promise<void> {
  await client.query(
    `delete from fleet_trips t where account = $1 and device_id = $2
       and ($8 and t.start_time >= $3 and t.start_time < $4 and date_trunc('hour', t.start_time) <> all ($9::timestamptz[])
            or exists (select from unnest($5::timestamptz[], $6::timestamptz[]) a (from_time, to_time)
                       where t.start_time = a.from_time or t.start_time < a.to_time and t.end_time > a.from_time
                         and a.to_time <= a.from_time + $7 * interval '1 millisecond'))`,
    [
      account,
      deviceId,
      toTimestamptz(span.from),
      toTimestamptz(span.to),
      trips.map((trip) => toTimestamptz(trip.start)),
      trips.map((trip) => toTimestamptz(trip.end)),
      LONGEST_TRIP_MS,
      isWhole,
      doubted.map(({ hour }) => toTimestamptz(hour)),
    ],
  );
}

/**
 * Hours whose known trips are in no trip of the answer, when these are too many for an ordinary restatement. Trips that have
 * been joined, cut or moved are not among them: they overlap what is reported.
 */
async function doubtedTrips(
  client: PoolClient,
  { account, deviceId, seriesId, span, restatement, evidence, now, poolKey }: TripsAnswer,
  trips: readonly FleetTrip[],
): Promise<readonly DoubtedHour[]> {
  const { rows } = await client.query<{ start_time: number; end_time: number }>(
    `select start_time, end_time from fleet_trips
     where account = $1 and device_id = $2 and start_time >= $3 and start_time < $4`,
    [account, deviceId, toTimestamptz(span.from), toTimestamptz(span.to)],
  );
  const known = new Map<number, number>();
  const reported = new Map<number, number>();
  for (const { start_time: start, end_time: end } of rows) {
    const hour = Math.floor(start / HOUR_MS) * HOUR_MS;
    known.set(hour, (known.get(hour) ?? 0) + 1);
    const isReported = trips.some((trip) => trip.start === start || (trip.start < end && trip.end > start));
    if (isReported) reported.set(hour, (reported.get(hour) ?? 0) + 1);
  }
  const hours = {
    from: Math.floor(span.from / HOUR_MS) * HOUR_MS,
    to: Math.ceil(span.to / HOUR_MS) * HOUR_MS,
  };
  const doubts = await readDoubts(client, seriesId, hours);
  if (known.size === 0 && doubts.size === 0) return [];
  const doubted = doubtedHours({ known, reported, doubts, policy: restatement, now });
  await writeDoubts(client, { seriesId, span: hours, doubted, evidence, now });
  await reportDoubts(client, { poolKey, seriesId, span }, doubted, restatement);
  return doubted;
}

/** What counts as covered: not what is requested again because it is doubted. */
function beforeDoubts({ covered, awaitMs, now }: TripsAnswer, doubted: readonly DoubtedHour[]): Span | null {
  const awaited = doubted.map(({ hour }) => hour).filter((hour) => now - hour < awaitMs);
  if (covered === null || awaited.length === 0) return covered;
  const to = Math.min(covered.to, ...awaited);
  return to > covered.from ? { from: covered.from, to } : null;
}

async function countTrips(
  client: PoolClient,
  account: string,
  deviceId: string,
  { from, to }: Span,
): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    `select count(*)::int4 as n from fleet_trips
     where account = $1 and device_id = $2 and start_time >= $3 and start_time < $4`,
    [account, deviceId, toTimestamptz(from), toTimestamptz(to)],
  );
  return rows[0]?.n ?? 0;
}

/** Of trips with the same start in one answer, the longest counts; of two alike, the later in the list. */
function restated(reported: readonly FleetTrip[]): readonly FleetTrip[] {
  const byStart = new Map<number, FleetTrip>();
  for (const trip of reported) {
    const known = byStart.get(trip.start);
    if (known === undefined || trip.end >= known.end) byStart.set(trip.start, trip);
  }
  return [...byStart.values()];
}

const DEVICE_OF_CUT = `(select s.account, s.partition_key ->> 'deviceId' from series s where s.id = cut.series_id)`;
const TRIPS_LEFT = `(select count(*) from fleet_trips f where (f.account, f.device_id) = ${DEVICE_OF_CUT}
  and f.start_time >= lower(piece) and f.start_time < upper(piece))`;
const POSITIONS_LEFT = `(select count(*) from fleet_positions f where (f.account, f.device_id) = ${DEVICE_OF_CUT}
  and f.source = 'track' and f.at >= lower(piece) and f.at < upper(piece))`;

async function insertTrips(
  client: PoolClient,
  account: string,
  deviceId: string,
  trips: readonly FleetTrip[],
  now: number,
): Promise<void> {
  await client.query(
    `insert into fleet_trips (account, device_id, start_time, end_time, distance, max_speed, average_speed, duration_ms,
                              start_latitude, start_longitude, end_latitude, end_longitude, stored_at)
     select $1, $2, to_timestamp((t ->> 'start')::float8 / 1000), to_timestamp((t ->> 'end')::float8 / 1000),
            (t ->> 'distance')::float8, (t ->> 'maxSpeed')::float8, (t ->> 'averageSpeed')::float8,
            (t ->> 'duration')::float8, (t ->> 'startLatitude')::float8, (t ->> 'startLongitude')::float8,
            (t ->> 'endLatitude')::float8, (t ->> 'endLongitude')::float8, $4
     from jsonb_array_elements($3::jsonb) t`,
    [account, deviceId, jsonText(trips), toTimestamptz(now)],
  );
}

/** The schedule has fetched the device's trips; `until` never goes back. */
async function noteAsked(
  client: Pool | PoolClient,
  account: string,
  deviceId: string,
  until: number | null,
  now: number,
): Promise<void> {
  await client.query(
    `update fleet_devices set trips_asked_at = greatest(trips_asked_at, $3),
       trips_until = greatest(trips_until, $4)
     where account = $1 and device_id = $2`,
    [account, deviceId, toTimestamptz(now), until === null ? null : toTimestamptz(until)],
  );
}

/** The schedule's call has failed: the device has had its turn, and the next call covers the span again. */
export async function noteTripsRefused(
  db: Pool,
  account: string,
  deviceId: string,
  now: number,
): Promise<void> {
  await noteAsked(db, account, deviceId, null, now);
}

/** Stores the track of a span. @returns positions of the answer. */
export async function storeTrack(db: Pool, answer: TrackAnswer): Promise<number> {
  const { account, seriesId, positions, covered, evidence, now } = answer;
  await inTransaction(db, async (client) => {
    await lockSeries(client, seriesId);
    await upsertPositions(client, account, positions, 'track');
    if (covered !== null) {
      const instants = new Set(
        positions.map((p) => p.at).filter((at) => at >= covered.from && at < covered.to),
      );
      await coverIn(client, { seriesId, span: covered, rows: instants.size, evidence, now }, POSITIONS_LEFT);
    }
  });
  return positions.length;
}

/** Whether a part of this span was requested again after this answer. */
export async function isReportedSince(
  db: Pool,
  { seriesId, span, now }: Pick<DeviceAnswer, 'seriesId' | 'span' | 'now'>,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `select 1 from coverage where series_id = $1 and span && tstzrange($2::timestamptz, $3::timestamptz)
       and state <> 'failed' and fetched_at > $4::timestamptz limit 1`,
    [seriesId, toTimestamptz(span.from), toTimestamptz(span.to), toTimestamptz(now)],
  );
  return (rowCount ?? 0) > 0;
}

/**
 * A span widened so that it cuts through no stored trip, not even one that ends or begins at its edge, which may be
 * half a trip: requested as a whole, each trip comes back as one.
 */
export async function widenToTrips(db: Pool, account: string, deviceId: string, span: Span): Promise<Span> {
  let { from, to } = span;
  for (let i = 0; i < MOST_IN_A_ROW; i++) {
    const { rows } = await db.query<{ from_time: number | null; to_time: number | null }>(
      `select min(start_time) as from_time, max(end_time) as to_time from fleet_trips
       where account = $1 and device_id = $2
         and (start_time < $3 and end_time >= $3 or start_time <= $4 and end_time > $4)`,
      [account, deviceId, toTimestamptz(from), toTimestamptz(to)],
    );
    const wider = {
      from: Math.min(from, rows[0]?.from_time ?? from),
      to: Math.max(to, rows[0]?.to_time ?? to),
    };
    if (wider.from === from && wider.to === to) break;
    ({ from, to } = wider);
  }
  return { from, to };
}

/** Trips that touch one another without a pause between them, as far as they are followed. */
const MOST_IN_A_ROW = 5;

/** Trips of an account that are stored. */
export async function countAllTrips(db: Pool, account: string): Promise<number> {
  const { rows } = await db.query<{ n: number }>(
    'select count(*)::int4 as n from fleet_trips where account = $1',
    [account],
  );
  return rows[0]?.n ?? 0;
}
