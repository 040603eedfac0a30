/** What CarData answers of a vehicle. */
import { DAY_MS } from '../../../quota/durations';
import type { SimCar } from '../../bmw/simulator/cars';
import type { CarLife, ChargingSession } from '../../bmw/simulator/life';
import { hash32 } from '../../kit/random';
import { json } from '../../kit/server/server';
import type { SimAnswer } from '../../kit/vendor';
import { carDataError } from './errors';
import type { CarDataScenario } from './options';

const DRIVE_TRAINS = { COMBUSTION: 'CONV', PLUGIN_HYBRID: 'PHEV', ELECTRIC: 'BEV' } as const;

export function mappings(cars: readonly SimCar[], form: CarDataScenario['mappings']): SimAnswer {
  const entries = cars.map((car) => ({
    vin: car.vin,
    mappedSince: new Date(Date.UTC(2024, 2, 11) + car.index * DAY_MS).toISOString(),
    mappingType: car.role,
  }));
  const [only] = entries;
  if (form === 'object' && entries.length === 1) return json(200, only);
  return json(200, form === 'wrapped' ? { vehicles: entries } : entries);
}

export function basicData(car: SimCar): SimAnswer {
  return json(200, {
    bodyType: car.brand === 'MINI' ? 'Hatch' : 'Sports Activity Vehicle',
    brand: car.brand,
    colourCodeRaw: '300',
    colourDescription: 'ALPINWEISS  III',
    constructionDate: `${car.year}-05-17T00:00:00.000+0000`,
    countryCode: 'DE',
    driveTrain: DRIVE_TRAINS[car.driveTrain],
    engine: car.tankLitres > 0 ? 'B38N' : '',
    fullSAList: '05AV,06WC,01LS',
    hasNavi: true,
    hasSunRoof: false,
    headUnit: 'HU_MGU',
    modelKey: hash32(car.series).toString(16).slice(0, 4).toUpperCase(),
    modelName: car.model,
    numberOfDoors: 5,
    propulsionType: car.batteryKwh > 0 ? 'ELECTRIC' : 'BE',
    series: car.series.slice(0, 1),
    seriesDevt: car.series,
    simStatus: 'ACTIVE',
    steering: 'LL',
  });
}

export interface ChargingQuery {
  readonly from: string | null;
  readonly to: string | null;
  readonly nextToken: string | null;
}

/** A page of charging sessions, newest first. */
export function chargingHistory(
  life: CarLife,
  car: SimCar,
  query: ChargingQuery,
  now: number,
  { chargingPageSize, pageTokenField }: CarDataScenario,
): SimAnswer {
  const from = Date.parse(query.from ?? '');
  const to = Date.parse(query.to ?? '');
  if (Number.isNaN(from)) return carDataError('CU-120', 'from');
  if (Number.isNaN(to) || to < from) return carDataError('CU-120', 'to');
  const about = `${car.vin} ${from} ${to}`;
  const offset = query.nextToken === null ? 0 : offsetIn(query.nextToken, about);
  if (offset === null) return carDataError('CU-125');
  const over = life.sessions(car, from, Math.min(to, now)).filter((session) => session.end <= now);
  const page = over.slice(offset, offset + chargingPageSize);
  const end = offset + page.length;
  return {
    ...json(200, {
      data: page.map((session) => sessionRecord(car, session)),
      ...(end < over.length ? { [pageTokenField]: tokenFor(end, about) } : {}),
    }),
    detail: { offset, sessions: page.length },
  };
}

function sessionRecord(car: SimCar, session: ChargingSession) {
  const start = Math.floor(session.start / 1000);
  const end = Math.floor(session.end / 1000);
  return {
    startTime: start,
    endTime: end,
    timeZone: 'Europe/Berlin',
    displayedStartSoc: Math.floor(session.startSoc),
    displayedSoc: Math.floor(session.endSoc),
    energyConsumedFromPowerGridKwh: Math.round(session.kwh * 108) / 100,
    totalChargingDurationSec: end - start,
    isPreconditioningActivated: false,
    mileage: Math.floor(session.odometerKm),
    mileageUnits: 'KM',
    chargingLocation: {
      municipality: 'At home',
      formattedAddress: 'At home',
      streetAddress: 'At home',
      mapMatchedLatitude: car.latitude,
      mapMatchedLongitude: car.longitude,
    },
    chargingBlocks: [{ startTime: start, endTime: end, averagePowerGridKw: 7.4 }],
    businessErrors: [],
  };
}

/** A token is good for the query that it came from, and for no other. */
function tokenFor(offset: number, about: string): string {
  return Buffer.from(JSON.stringify([offset, hash32(about, offset)])).toString('base64url');
}

function offsetIn(token: string, about: string): number | null {
  try {
    const [offset, check] = JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as unknown[];
    return typeof offset === 'number' && check === hash32(about, offset) ? offset : null;
  } catch {
    return null;
  }
}

/** Each field of a tyre has a label and, for people, a value; what it means has a name of its own. */
export function tyreDiagnosis(car: SimCar): SimAnswer {
  const field = (label: string, value: string, more: Readonly<Record<string, unknown>> = {}) => ({
    label,
    value,
    ...more,
  });
  const good = { status: 'OK', statusColor: 'GREEN' };
  const mountedOn = `${car.year}-06-01`;
  const tyre = (position: string, label: string) => ({
    label,
    dimension: field('Dimension', '225/55 R18 102Y XL', {
      sectionWidth: 225,
      aspectRatio: 55,
      constructionType: 'R',
      rimDiameter: 18,
      loadIndex: 102,
      speedRating: 'Y',
    }),
    mountingDate: field('Mounting date', mountedOn, { mountingDate: mountedOn }),
    qualityStatus: field('Data source', 'OK', { qualityStatus: 'OK' }),
    runFlat: field('Run-flat tyres', 'no', { runFlat: false }),
    season: field('Season', 'Summer', { season: 'SUMMER' }),
    tread: field('Tyre tread', 'Pirelli P-ZERO', { manufacturer: 'Pirelli', treadDesign: 'P-ZERO' }),
    tyreDefect: field('Tyre pressure status', 'No defect', good),
    tyreProductionDate: field('Production date', `${car.year}-W20`, { statusColor: 'GREEN' }),
    tyreWear: field('Service due in', 'normal', {
      ...good,
      dueMileage: 12_000 + (hash32(car.vin, position) % 8000),
      unit: 'KILOMETER',
    }),
  });
  return json(200, {
    errors: [],
    passengerCar: {
      mountedTyres: {
        label: 'Mounted',
        aggregatedQualityStatus: field('Data source', 'OK', { qualityStatus: 'OK' }),
        frontLeft: tyre('frontLeft', 'Front left tyre'),
        frontRight: tyre('frontRight', 'Front right tyre'),
        rearLeft: tyre('rearLeft', 'Rear left tyre'),
        rearRight: tyre('rearRight', 'Rear right tyre'),
      },
      unmountedTyres: null,
    },
  });
}

export function locationChargingSettings(car: SimCar): SimAnswer {
  if (car.batteryKwh === 0) return carDataError('CU-402', 'No LBCS data found for this vehicle');
  return json(200, {
    data: [
      {
        id: `home-${car.index}`,
        clusterLocationId: `cluster-${car.index}`,
        latitude: car.latitude,
        longitude: car.longitude,
        lastUpdated: `${car.year}-06-01T08:00:00Z`,
        lastVisit: `${car.year}-06-01T08:00:00Z`,
        visits: 42,
        chargingMode: 'IMMEDIATE_CHARGING',
        optimizedChargingPreference: 'NO_PRESELECTION',
        chargingTimeWindows: [],
        acCurrentLimitFlag: 'LIMITED',
        acCurrentLimit: 32,
        acousticLimit: 'UNLIMITED',
        flapLock: 'LOCKED',
        chargingPlug: 'LOCKED',
      },
    ],
  });
}
