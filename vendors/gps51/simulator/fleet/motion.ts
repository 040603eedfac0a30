/**
 * Positions and trips of a device, as pure functions of seed, device and time. Time is cut into cycles; in each a
 * driving device makes one trip from where the last one ended. A trip's route is two straight legs whose lengths add
 * up to its distance, so positions, odometer, tracks and trips agree with one another. Times are epoch ms, distances
 * metres.
 */
import { MINUTE_MS } from '../../../../quota/durations';
import { hash32, mix32, unitOf } from '../../../kit/random';
import type { FleetOptions } from '../options';
import type { SimDevice } from './fleet';

export interface Place {
  readonly latitude: number;
  readonly longitude: number;
}

export interface SimTrip {
  readonly cycle: number;
  readonly start: number;
  readonly end: number;
  readonly distance: number;
  readonly from: Place;
  readonly to: Place;
  /** Odometer at its start. */
  readonly odometer: number;
  /** From when the vendor knows of it at all; later than its end when it was uploaded late. */
  readonly visibleAt: number;
  readonly late: boolean;
}

export interface SimPoint extends Place {
  readonly at: number;
  readonly arrivedAt: number;
  /** Kilometres an hour. */
  readonly speed: number;
  readonly course: number;
  readonly odometer: number;
  readonly moving: boolean;
}

const METRES_PER_DEGREE = 111_320;
/** Devices drive about so fast on average. */
const USUAL_KMH = 40;
/** Trips take on average this share of a cycle. */
const DRIVING_SHARE = 0.35;
/** Odometers are counted from here. */
const ORIGIN = Date.UTC(2020, 0, 1);

export class Motion {
  private readonly cycleMs: number;
  private readonly meanDistance: number;

  constructor(
    private readonly seed: number,
    private readonly options: FleetOptions,
  ) {
    this.cycleMs = options.cycleMinutes * MINUTE_MS;
    this.meanDistance = Math.max(50, (DRIVING_SHARE * this.cycleMs * USUAL_KMH) / 3600);
  }

  /** The cycle that `at` lies in; each device has its own phase. */
  private cycleOf(device: SimDevice, at: number): number {
    return Math.floor((at - ORIGIN - this.phase(device)) / this.cycleMs);
  }

  private phase(device: SimDevice): number {
    return Math.floor(unitOf(hash32(this.seed, device.index, 'phase')) * this.cycleMs);
  }

  trip(device: SimDevice, cycle: number): SimTrip {
    const hash = hash32(this.seed, device.index, cycle, 'trip');
    const distance = this.odometerAt(device, cycle + 1) - this.odometerAt(device, cycle);
    const kmh = USUAL_KMH * (0.9 + 0.3 * unitOf(mix32(hash ^ 0x51ed270b)));
    // Whole seconds, as trackers count; at most 0.72 of the cycle, which leaves time to stand still on both sides.
    const seconds = Math.max(1, Math.round((distance / kmh) * 3.6));
    const spareMs = Math.max(0, this.cycleMs * 0.9 - seconds * 1000);
    const begin = ORIGIN + this.phase(device) + cycle * this.cycleMs;
    const start = Math.ceil((begin + this.cycleMs * 0.05 + unitOf(hash) * spareMs) / 1000) * 1000;
    const end = start + seconds * 1000;
    const late = unitOf(mix32(hash ^ 0x2c1b3c6d)) < this.options.lateShare;
    return {
      cycle,
      start,
      end,
      distance,
      from: this.placeAt(device, cycle),
      to: this.placeAt(device, cycle + 1),
      odometer: this.odometerAt(device, cycle),
      visibleAt: (late ? end + this.options.lateMinutes * MINUTE_MS : start) + device.transitMs,
      late,
    };
  }

  /** Trips that touch [from, to], oldest first, whether the vendor knows of them yet or not. */
  trips(device: SimDevice, from: number, to: number): SimTrip[] {
    if (device.behaviour !== 'driving') return [];
    const trips: SimTrip[] = [];
    for (let cycle = this.cycleOf(device, from) - 1; cycle <= this.cycleOf(device, to); cycle++) {
      const trip = this.trip(device, cycle);
      if (trip.end >= from && trip.start <= to) trips.push(trip);
    }
    return trips;
  }

  /**
   * A trip as the vendor knows it at `now`: as it is when over, as far as it has been reported while under way;
   * null when it has not reported.
   */
  known(device: SimDevice, trip: SimTrip, now: number): SimTrip | null {
    if (now < trip.visibleAt) return null;
    const heardUntil = now - device.transitMs;
    if (trip.late || heardUntil >= trip.end) return trip;
    const reportMs = this.options.movingReportSeconds * 1000;
    const end = trip.start + Math.floor((heardUntil - trip.start) / reportMs) * reportMs;
    if (end <= trip.start) return null;
    const point = this.pointOf(device, trip, end);
    return { ...trip, end, distance: point.odometer - trip.odometer, to: point };
  }

  /** The newest position that the vendor knows of at `now`; null when the device never reported. */
  last(device: SimDevice, now: number): SimPoint | null {
    if (device.behaviour === 'unheard') return null;
    const heardUntil = now - device.transitMs;
    const parkedMs = this.options.parkedReportSeconds * 1000;
    if (device.behaviour === 'offline') return this.standing(device, ORIGIN + device.index * 1000, 0);
    if (device.behaviour === 'parked') {
      return this.standing(device, ORIGIN + Math.floor((heardUntil - ORIGIN) / parkedMs) * parkedMs, 0);
    }
    const cycle = this.cycleOf(device, heardUntil);
    const trip = this.trip(device, cycle);
    const hidden = trip.late && heardUntil < trip.end;
    if (heardUntil >= trip.start && heardUntil < trip.end && !hidden) {
      const reportMs = this.options.movingReportSeconds * 1000;
      return this.pointOf(
        device,
        trip,
        trip.start + Math.floor((heardUntil - trip.start) / reportMs) * reportMs,
      );
    }
    const before = heardUntil < trip.end ? this.trip(device, cycle - 1) : trip;
    // A late trip's silence begins where the trip does.
    const until = hidden ? Math.min(heardUntil, trip.start - 1) : heardUntil;
    const since = before.end;
    return this.standing(device, since + Math.floor((until - since) / parkedMs) * parkedMs, before.cycle + 1);
  }

  /** Every report of [from, to] that the vendor knows of at `now`, oldest first. */
  track(device: SimDevice, from: number, to: number, now: number): SimPoint[] {
    if (device.behaviour !== 'driving') {
      const last = this.last(device, now);
      return last !== null && last.at >= from && last.at <= to ? [last] : [];
    }
    const points: SimPoint[] = [];
    for (let cycle = this.cycleOf(device, from) - 1; cycle <= this.cycleOf(device, to); cycle++) {
      const trip = this.trip(device, cycle);
      points.push(...this.reportsOf(device, trip, this.trip(device, cycle + 1).start));
    }
    return points.filter((p) => p.at >= from && p.at <= to && p.arrivedAt <= now);
  }

  /** Odometer at `at`, whatever the vendor knows. */
  odometer(device: SimDevice, at: number): number {
    if (device.behaviour !== 'driving') return this.odometerAt(device, 0);
    const trip = this.trip(device, this.cycleOf(device, at));
    if (at <= trip.start) return trip.odometer;
    return at >= trip.end ? trip.odometer + trip.distance : this.pointOf(device, trip, at).odometer;
  }

  private *reportsOf(device: SimDevice, trip: SimTrip, nextStart: number): Generator<SimPoint> {
    const movingMs = this.options.movingReportSeconds * 1000;
    const parkedMs = this.options.parkedReportSeconds * 1000;
    for (let at = trip.start; at < trip.end; at += movingMs) yield this.pointOf(device, trip, at);
    for (let at = trip.end; at < nextStart; at += parkedMs) yield this.standing(device, at, trip.cycle + 1);
  }

  /** The device at an instant of a trip. Starts and ends at rest; at most twice as fast as on average. */
  private pointOf(device: SimDevice, trip: SimTrip, at: number): SimPoint {
    const share = trip.end === trip.start ? 1 : (at - trip.start) / (trip.end - trip.start);
    const done = share - Math.sin(2 * Math.PI * share) / (2 * Math.PI);
    const metresPerMs = (trip.distance / (trip.end - trip.start)) * (1 - Math.cos(2 * Math.PI * share));
    const { from, to, middle } = this.road(device, trip);
    const [a, b, part] = done < 0.5 ? [from, middle, done * 2] : [middle, to, done * 2 - 1];
    return {
      at,
      arrivedAt: trip.late ? trip.visibleAt : at + device.transitMs,
      latitude: a.latitude + (b.latitude - a.latitude) * part,
      longitude: a.longitude + (b.longitude - a.longitude) * part,
      speed: metresPerMs * 3600,
      course: courseOf(a, b),
      odometer: Math.round(trip.odometer + trip.distance * done),
      moving: metresPerMs > 0,
    };
  }

  private standing(device: SimDevice, at: number, cycle: number): SimPoint {
    const place = this.placeAt(device, cycle);
    const odometer = this.odometerAt(device, cycle);
    return { at, arrivedAt: at + device.transitMs, ...place, speed: 0, course: 0, odometer, moving: false };
  }

  /** From start to end by way of a point such that the two legs together are as long as the trip. */
  private road(device: SimDevice, trip: SimTrip): { from: Place; middle: Place; to: Place } {
    const { from, to } = trip;
    const perLongitude = METRES_PER_DEGREE * Math.cos((device.latitude * Math.PI) / 180);
    const x = (to.longitude - from.longitude) * perLongitude;
    const y = (to.latitude - from.latitude) * METRES_PER_DEGREE;
    const straight = Math.hypot(x, y) || 1;
    const offset = Math.sqrt(Math.max(0, trip.distance ** 2 - straight ** 2)) / 2;
    const side = hash32(this.seed, device.index, trip.cycle, 'side') % 2 === 0 ? 1 : -1;
    const middle = {
      latitude: (from.latitude + to.latitude) / 2 + ((side * x) / straight) * (offset / METRES_PER_DEGREE),
      longitude: (from.longitude + to.longitude) / 2 - ((side * y) / straight) * (offset / perLongitude),
    };
    return { from, middle, to };
  }

  /** Where the device stands before the trip of a cycle. */
  private placeAt(device: SimDevice, cycle: number): Place {
    const hash = hash32(this.seed, device.index, cycle, 'place');
    // The furthest two places are nearer to one another than the shortest trip is long.
    const radius = 0.09 * this.meanDistance * Math.sqrt(unitOf(hash));
    const angle = unitOf(mix32(hash ^ 0x3c6ef372)) * 2 * Math.PI;
    const perLongitude = METRES_PER_DEGREE * Math.cos((device.latitude * Math.PI) / 180);
    return {
      latitude: device.latitude + (radius * Math.sin(angle)) / METRES_PER_DEGREE,
      longitude: device.longitude + (radius * Math.cos(angle)) / perLongitude,
    };
  }

  /** The odometer before the trip of a cycle. The trips' distances are its differences, so nothing is summed up. */
  private odometerAt(device: SimDevice, cycle: number): number {
    const jitter = unitOf(hash32(this.seed, device.index, cycle, 'odometer')) * 0.8 * this.meanDistance;
    return Math.round(10_000_000 + cycle * this.meanDistance + jitter);
  }
}

function courseOf(from: Place, to: Place): number {
  const east = (to.longitude - from.longitude) * Math.cos((from.latitude * Math.PI) / 180);
  const degrees = (Math.atan2(east, to.latitude - from.latitude) * 180) / Math.PI;
  return Math.round((degrees + 360) % 360);
}
