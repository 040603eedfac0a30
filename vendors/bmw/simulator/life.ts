/**
 * What a car does, as pure functions of seed, car and time: a trip out in the morning, one back in the afternoon, and on
 * some evenings one more; at home it is plugged in on most nights, and a tank is filled when it runs low. Odometer,
 * position, charge and fuel agree with one another because all of them come from the trips. Times are epoch ms.
 */
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../quota/durations';
import { hash32, pickBetween, unitOf } from '../../kit/random';
import type { SimCar } from './cars';

/** Odometers are counted from here. */
const ORIGIN = Date.UTC(2024, 0, 1);
const KWH_PER_KM = 0.18;
const LITRES_PER_KM = 0.065;
/** Plug-in hybrids use the battery first. */
const HYBRID_KWH_PER_KM = 0.25;
const CHARGER_KW = 7.4;
const TARGET_SOC = 80;
/** A car that drives reports so often, and so often while it charges. */
const DRIVING_REPORT_MS = MINUTE_MS;
const CHARGING_REPORT_MS = 10 * MINUTE_MS;

interface Trip {
  readonly start: number;
  readonly end: number;
  readonly km: number;
  /** Shares of the way from home to the other place. */
  readonly from: number;
  readonly to: number;
}

export interface ChargingSession {
  readonly start: number;
  readonly end: number;
  readonly startSoc: number;
  readonly endSoc: number;
  readonly kwh: number;
  readonly odometerKm: number;
}

export interface CarState {
  /** When the car last reported: while it stands, the end of what it did before. */
  readonly reportedAt: number;
  readonly moving: boolean;
  readonly latitude: number;
  readonly longitude: number;
  /** Degrees from north. */
  readonly heading: number;
  readonly odometerKm: number;
  /** Percent; null without a battery to charge. */
  readonly soc: number | null;
  readonly targetSoc: number;
  readonly plugged: boolean;
  readonly charging: boolean;
  readonly chargingKw: number;
  readonly remainingMinutes: number;
  readonly electricRangeKm: number | null;
  /** Litres; null without a tank. */
  readonly fuel: number | null;
  readonly fuelRangeKm: number | null;
  readonly locked: boolean;
}

export class CarLife {
  constructor(private readonly seed: number) {}

  private pick(car: SimCar, day: number, what: string): number {
    return unitOf(hash32(this.seed, car.vin, day, what));
  }

  private dayOf(at: number): number {
    return Math.floor((at - ORIGIN) / DAY_MS);
  }

  trips(car: SimCar, day: number): readonly Trip[] {
    if (car.parked) return [];
    const begin = ORIGIN + day * DAY_MS;
    const km = this.kmBetween(car, day, day + 1);
    const make = (startMs: number, share: number, from: number, to: number): Trip => {
      const start = begin + Math.round(startMs / 1000) * 1000;
      const kmh = 30 + 25 * this.pick(car, day, `speed ${from}${to}`);
      return { start, end: start + Math.ceil(((km * share) / kmh) * 3600) * 1000, km: km * share, from, to };
    };
    const evening = this.pick(car, day, 'evening?') < 0.3;
    const share = evening ? 0.42 : 0.5;
    const trips = [
      make((7 + 1.5 * this.pick(car, day, 'morning')) * HOUR_MS, share, 0, 1),
      make((16 + 2 * this.pick(car, day, 'afternoon')) * HOUR_MS, share, 1, 0),
    ];
    // There and back again, from home.
    if (evening) trips.push(make((20 + this.pick(car, day, 'evening')) * HOUR_MS, 0.16, 0, 0));
    return trips;
  }

  /** Driven from the beginning of a day to that of another. */
  private kmBetween(car: SimCar, from: number, to: number): number {
    return this.odometerBefore(car, to) - this.odometerBefore(car, from);
  }

  /** The odometer before a day's first trip. What is driven on a day is their difference, so nothing is summed up. */
  private odometerBefore(car: SimCar, day: number): number {
    const base = pickBetween(1_000, 30_000, this.seed, car.vin, 'odometer');
    if (car.parked) return base;
    const mean = this.usualKm(car);
    return base + day * mean + this.pick(car, day, 'odometer') * mean * 0.5;
  }

  /** Driven on a usual day, km. */
  private usualKm(car: SimCar): number {
    return 16 + 60 * this.pick(car, 0, 'commute');
  }

  /** Whether it is plugged in on the evening of a day: on most, and on every third for sure. */
  private plugsIn(car: SimCar, day: number): boolean {
    return car.batteryKwh > 0 && (day % 3 === 0 || this.pick(car, day, 'plug') < 0.6);
  }

  private kwhPerKm(car: SimCar): number {
    return car.driveTrain === 'PLUGIN_HYBRID' ? HYBRID_KWH_PER_KM : KWH_PER_KM;
  }

  /** The charge after `km` since the last time it was full, percent. */
  private socAfter(car: SimCar, km: number): number {
    return Math.max(5, TARGET_SOC - ((km * this.kwhPerKm(car)) / car.batteryKwh) * 100);
  }

  /** The evening before or on `day` when it was last plugged in. */
  private lastPlug(car: SimCar, day: number): number {
    let d = day;
    while (!this.plugsIn(car, d)) d--;
    return d;
  }

  /** The charging after the last trip of `day`, if it is plugged in then. */
  session(car: SimCar, day: number): ChargingSession | null {
    if (!this.plugsIn(car, day)) return null;
    const last = this.trips(car, day).at(-1);
    const start = (last?.end ?? ORIGIN + day * DAY_MS + 18 * HOUR_MS) + 5 * MINUTE_MS;
    const since = this.lastPlug(car, day - 1) + 1;
    const startSoc = this.socAfter(car, this.kmBetween(car, since, day + 1));
    const kwh = ((TARGET_SOC - startSoc) / 100) * car.batteryKwh;
    return {
      start,
      end: start + Math.ceil((kwh / CHARGER_KW) * 3600) * 1000,
      startSoc,
      endSoc: TARGET_SOC,
      kwh,
      odometerKm: this.odometerBefore(car, day + 1),
    };
  }

  /** Charging that began in [from, to), newest first. */
  sessions(car: SimCar, from: number, to: number): ChargingSession[] {
    const found: ChargingSession[] = [];
    for (let day = this.dayOf(to); day >= this.dayOf(from) && found.length < 1000; day--) {
      const session = this.session(car, day);
      if (session && session.start >= from && session.start < to && session.kwh > 0) found.push(session);
    }
    return found;
  }

  /** When the car was last driven: now, while it is. */
  lastTripEnd(car: SimCar, at: number): number {
    const day = this.dayOf(at);
    const begun = [...this.trips(car, day - 1), ...this.trips(car, day)].filter((trip) => trip.start <= at);
    return Math.min(at, begun.at(-1)?.end ?? ORIGIN);
  }

  state(car: SimCar, at: number): CarState {
    const day = this.dayOf(at);
    const trips = this.trips(car, day);
    const before = trips.filter((trip) => trip.end <= at);
    const trip = trips.find((t) => t.start <= at && at < t.end);
    const share = trip
      ? (reported(trip.start, at, DRIVING_REPORT_MS) - trip.start) / (trip.end - trip.start)
      : 0;
    const today = before.reduce((sum, t) => sum + t.km, 0) + (trip ? trip.km * share : 0);
    const last = before.at(-1) ?? this.trips(car, day - 1).at(-1);
    const away = trip ? trip.from + (trip.to - trip.from) * share : (last?.to ?? 0);
    const angle = this.pick(car, 0, 'direction') * 2 * Math.PI;
    // Degrees; roads are longer than the straight line.
    const reach = (away * this.usualKm(car)) / 2 / 1.4 / 111;
    const charge = this.charge(car, day, at, today, trip !== undefined);
    const stood = last?.end ?? ORIGIN;
    const drove = trip ? reported(trip.start, at, DRIVING_REPORT_MS) : stood;
    const fuel = car.tankLitres > 0 ? this.fuel(car, day, today) : null;
    return {
      reportedAt: Math.max(drove, charge.reportedAt),
      moving: trip !== undefined,
      latitude: car.latitude + reach * Math.sin(angle),
      longitude: car.longitude + (reach * Math.cos(angle)) / Math.cos((car.latitude * Math.PI) / 180),
      heading: Math.round(((trip?.to === 0 ? angle + Math.PI : angle) * 180) / Math.PI) % 360,
      odometerKm: Math.floor(this.odometerBefore(car, day) + today),
      ...charge.state,
      targetSoc: TARGET_SOC,
      electricRangeKm:
        charge.state.soc === null
          ? null
          : Math.round(((charge.state.soc / 100) * car.batteryKwh) / this.kwhPerKm(car)),
      fuel,
      fuelRangeKm: fuel === null ? null : Math.round(fuel / LITRES_PER_KM),
      locked: trip === undefined,
    };
  }

  private charge(car: SimCar, day: number, at: number, today: number, driving: boolean) {
    const none = { soc: null, plugged: false, charging: false, chargingKw: 0, remainingMinutes: 0 };
    if (car.batteryKwh === 0) return { state: none, reportedAt: 0 };
    for (const session of [this.session(car, day), this.session(car, day - 1)]) {
      if (session === null || at < session.start || driving) continue;
      // Unplugged by the next trip.
      if (session.start < ORIGIN + day * DAY_MS && today > 0) continue;
      if (at >= session.end) {
        return { state: { ...none, soc: session.endSoc, plugged: true }, reportedAt: session.end };
      }
      const seen = reported(session.start, at, CHARGING_REPORT_MS);
      const done = (seen - session.start) / (session.end - session.start);
      const soc = Math.floor(session.startSoc + (session.endSoc - session.startSoc) * done);
      const remainingMinutes = Math.ceil((session.end - seen) / MINUTE_MS);
      return {
        state: { soc, plugged: true, charging: true, chargingKw: CHARGER_KW, remainingMinutes },
        reportedAt: seen,
      };
    }
    const since = this.lastPlug(car, day - 1) + 1;
    return {
      state: { ...none, soc: Math.round(this.socAfter(car, this.kmBetween(car, since, day) + today)) },
      reportedAt: 0,
    };
  }

  /** Filled up on the morning of every eighth day. */
  private fuel(car: SimCar, day: number, today: number): number {
    const phase = pickBetween(0, 7, this.seed, car.vin, 'fuel');
    const filled = day - ((day + phase) % 8);
    const litres = car.tankLitres - (this.kmBetween(car, filled, day) + today) * LITRES_PER_KM;
    return Math.max(3, Math.round(litres));
  }
}

/** The last report at or before `at` of a car that reports every `everyMs` since `start`. */
function reported(start: number, at: number, everyMs: number): number {
  return start + Math.floor((at - start) / everyMs) * everyMs;
}
