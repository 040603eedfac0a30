/** What MyBMW answers of a car. */
import type { SimCar } from '../../bmw/simulator/cars';
import type { CarState } from '../../bmw/simulator/life';
import { hash32 } from '../../kit/random';
import { chargingProfile } from './charging';
import type { Changes } from './commands';

export function mappingInfos(cars: readonly SimCar[], gcid: string) {
  return {
    gcid,
    mappingInfos: cars.map((car) => ({
      isAssociated: false,
      isLmmEnabled: false,
      isPrimaryUser: car.role === 'PRIMARY',
      mappingStatus: 'CONFIRMED',
      vehicleMappingType: 'CONNECTED',
      vin: car.vin,
    })),
  };
}

/** Cars of the third brand are reported as those of a third-party customer. */
export function profile(car: SimCar) {
  const software = {
    iStep: 470,
    puStep: { month: 11, year: car.year % 100 },
    seriesCluster: `${car.series.slice(0, 1)}0${car.series.slice(1)}`,
  };
  return {
    bodyType: car.series,
    brand: car.brand === 'TOYOTA' ? 'DRITTKUNDE' : car.brand,
    color: 4_284_245_350,
    countryOfOrigin: 'DE',
    driveTrain: car.driveTrain,
    driverGuideInfo: {
      androidAppScheme: 'com.bmwgroup.driversguide.row',
      iosAppScheme: 'bmwdriversguide:///open',
    },
    headUnitRaw: 'HU_MGU',
    headUnitType: 'MGU',
    hmiVersion: 'ID8',
    model: car.model,
    softwareVersionCurrent: software,
    softwareVersionExFactory: software,
    telematicsUnit: 'WAVE01',
    vin: car.vin,
    year: car.year,
  };
}

/** A car that reports its state by itself; the third brand's do not. */
const reportsItself = (car: SimCar) => car.brand !== 'TOYOTA';

function capabilities(car: SimCar) {
  const charges = car.batteryKwh > 0;
  return {
    a4aType: 'NOT_SUPPORTED',
    climateFunction: 'AIR_CONDITIONING',
    climateNow: true,
    horn: true,
    isBmwChargingSupported: charges,
    isChargingHistorySupported: charges,
    isChargingPlanSupported: charges,
    isChargingPowerLimitEnabled: charges,
    isChargingSettingsEnabled: charges,
    isChargingTargetSocEnabled: charges,
    isRemoteServicesActivationRequired: false,
    isRemoteServicesBookingRequired: false,
    lastStateCallState: reportsItself(car) ? 'ACTIVATED' : 'NOT_SUPPORTED',
    lights: true,
    lock: true,
    remoteChargingCommands: charges ? { chargingControl: ['START', 'STOP'] } : {},
    remoteServices: {
      doorLock: { id: 'doorLock', state: 'ACTIVATED' },
      doorUnlock: { id: 'doorUnlock', state: 'ACTIVATED' },
      hornBlow: { id: 'hornBlow', state: 'ACTIVATED' },
      lightFlash: { id: 'lightFlash', state: 'ACTIVATED' },
    },
    sendPoi: true,
    unlock: true,
    vehicleFinder: true,
    vehicleStateSource: reportsItself(car) ? 'LAST_STATE_CALL' : 'NOT_SUPPORTED',
  };
}

/** @param now of the cars. */
export function vehicleState(car: SimCar, state: CarState, changes: Changes, now: number) {
  const services = requiredServices(state.odometerKm);
  if (!reportsItself(car)) {
    return {
      capabilities: capabilities(car),
      state: {
        checkControlMessages: [],
        climateTimers: [],
        driverPreferences: { lscPrivacyMode: 'OFF' },
        isLeftSteering: true,
        isLscSupported: false,
        lastFetched: new Date(now).toISOString(),
        lastUpdatedAt: '0001-01-01T00:00:00Z',
        requiredServices: [],
      },
    };
  }
  return {
    capabilities: capabilities(car),
    state: {
      chargingProfile: chargingProfile(car, changes.plan),
      checkControlMessages: [{ severity: 'LOW', type: 'TIRE_PRESSURE' }],
      climateControlState:
        changes.climateUntil === null
          ? { activity: 'INACTIVE' }
          : { activity: 'HEATING', remainingSeconds: Math.round((changes.climateUntil - now) / 1000) },
      climateTimers: [],
      combustionFuelLevel: fuelLevel(car, state),
      currentMileage: state.odometerKm,
      doorsState: {
        combinedSecurityState: (changes.locked ?? state.locked) ? 'LOCKED' : 'UNLOCKED',
        combinedState: 'CLOSED',
        hood: 'CLOSED',
        leftFront: 'CLOSED',
        leftRear: 'CLOSED',
        rightFront: 'CLOSED',
        rightRear: 'CLOSED',
        trunk: 'CLOSED',
      },
      driverPreferences: { lscPrivacyMode: 'OFF' },
      ...(state.soc === null ? {} : { electricChargingState: chargingState(state, changes) }),
      isLeftSteering: true,
      isLscSupported: true,
      lastFetched: new Date(now).toISOString(),
      lastUpdatedAt: new Date(state.reportedAt).toISOString(),
      location: {
        address: { formatted: 'Am Olympiapark 1, 80809 München' },
        coordinates: { latitude: rounded(state.latitude), longitude: rounded(state.longitude) },
        heading: state.heading,
      },
      range: (state.electricRangeKm ?? 0) + (state.fuelRangeKm ?? 0),
      requiredServices: services,
      securityOverviewMode: 'NOT_ARMED',
      tireState: {
        frontLeft: tyre(car, 'frontLeft'),
        frontRight: tyre(car, 'frontRight'),
        rearLeft: tyre(car, 'rearLeft'),
        rearRight: tyre(car, 'rearRight'),
      },
      windowsState: {
        combinedState: 'CLOSED',
        leftFront: 'CLOSED',
        leftRear: 'CLOSED',
        rightFront: 'CLOSED',
        rightRear: 'CLOSED',
      },
    },
  };
}

function fuelLevel(car: SimCar, state: CarState) {
  if (state.fuel === null) return {};
  return {
    // Of a plug-in hybrid the range is that of both together.
    range: (state.fuelRangeKm ?? 0) + (state.electricRangeKm ?? 0),
    remainingFuelLiters: state.fuel,
    remainingFuelPercent: Math.round((state.fuel / car.tankLitres) * 100),
  };
}

function chargingState(state: CarState, changes: Changes) {
  const reached = (state.soc ?? 0) >= state.targetSoc;
  const charging = state.plugged && !reached && (changes.charging ?? state.charging);
  return {
    chargingConnectionType: state.plugged ? 'CONDUCTIVE' : 'UNKNOWN',
    chargingLevelPercent: Math.round(state.soc ?? 0),
    chargingStatus: charging ? 'CHARGING' : state.plugged ? 'PLUGGED_IN' : 'INVALID',
    chargingTarget: state.targetSoc,
    isChargerConnected: state.plugged,
    range: state.electricRangeKm ?? 0,
    ...(charging ? { remainingChargingMinutes: state.remainingMinutes } : {}),
  };
}

function requiredServices(odometerKm: number) {
  const mileage = (Math.floor(odometerKm / 25_000) + 1) * 25_000;
  return ['BRAKE_FLUID', 'VEHICLE_TUV', 'OIL'].map((type) => ({
    dateTime: '2027-12-01T00:00:00.000Z',
    description: '',
    mileage,
    status: 'OK',
    type,
  }));
}

function tyre(car: SimCar, position: string) {
  return {
    details: {
      dimension: '225/35 R20 90Y XL',
      manufacturer: 'Pirelli',
      manufacturingWeek: 4021,
      mountingDate: '2022-03-07T00:00:00.000Z',
      season: 2,
      treadDesign: 'P-ZERO',
    },
    status: {
      currentPressure: 240 + (hash32(car.vin, position) % 40),
      pressureStatus: 0,
      targetPressure: 269,
      wearStatus: 0,
    },
  };
}

function rounded(degrees: number): number {
  return Math.round(degrees * 1e6) / 1e6;
}
