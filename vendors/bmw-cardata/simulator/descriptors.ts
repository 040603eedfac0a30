/**
 * The values that a car sends, by CarData's names of them. Values are text. A car without a battery has the battery's
 * values as null, one whose sensor has nothing to say answers `-NA-`, and names that the car does not know are left out.
 */
import type { SimCar } from '../../bmw/simulator/cars';
import type { CarState } from '../../bmw/simulator/life';
import { hash32, unitOf } from '../../kit/random';

const NOT_AVAILABLE = '-NA-';

interface Descriptor {
  readonly unit: string | null;
  /** Null: the car has no such thing, or nothing is known of it. */
  value(state: CarState, car: SimCar): string | number | boolean | null;
}

const tyre = (axle: number, side: 'left' | 'right', target: number): Record<string, Descriptor> => {
  const name = `vehicle.chassis.axle.row${axle}.wheel.${side}.tire`;
  return {
    [`${name}.pressure`]: {
      unit: 'kPa',
      value: (state, car) =>
        target - 10 + Math.floor(20 * unitOf(hash32(car.vin, axle, side, state.odometerKm))),
    },
    [`${name}.pressureTarget`]: { unit: 'kPa', value: () => target },
    [`${name}.temperature`]: { unit: 'Celsius', value: () => NOT_AVAILABLE },
  };
};

const battery = (of: (state: CarState) => string | number | boolean, unit: string | null): Descriptor => ({
  unit,
  value: (state) => (state.soc === null ? null : of(state)),
});

const DESCRIPTORS: Readonly<Record<string, Descriptor>> = {
  'vehicle.vehicle.travelledDistance': { unit: 'km', value: (s) => s.odometerKm },
  'vehicle.isMoving': { unit: null, value: (s) => s.moving },
  'vehicle.cabin.infotainment.navigation.currentLocation.latitude': {
    unit: 'degrees',
    value: (s) => s.latitude.toFixed(6),
  },
  'vehicle.cabin.infotainment.navigation.currentLocation.longitude': {
    unit: 'degrees',
    value: (s) => s.longitude.toFixed(6),
  },
  'vehicle.cabin.infotainment.navigation.currentLocation.heading': {
    unit: 'degrees',
    value: (s) => s.heading,
  },
  'vehicle.cabin.door.status': { unit: null, value: (s) => (s.locked ? 'SECURED' : 'UNLOCKED') },
  'vehicle.drivetrain.engine.isActive': { unit: null, value: (s, c) => (c.tankLitres > 0 ? s.moving : null) },
  'vehicle.drivetrain.engine.isIgnitionOn': { unit: null, value: (s) => s.moving },
  'vehicle.drivetrain.fuelSystem.remainingFuel': { unit: 'l', value: (s) => s.fuel },
  'vehicle.drivetrain.fuelSystem.level': {
    unit: '%',
    value: (s, c) => (s.fuel === null ? null : Math.round((s.fuel / c.tankLitres) * 100)),
  },
  'vehicle.drivetrain.totalRemainingRange': {
    unit: 'km',
    value: (s) => (s.electricRangeKm ?? 0) + (s.fuelRangeKm ?? 0),
  },
  'vehicle.drivetrain.batteryManagement.header': battery((s) => s.soc ?? NOT_AVAILABLE, '%'),
  'vehicle.drivetrain.electricEngine.charging.level': battery((s) => s.soc ?? NOT_AVAILABLE, '%'),
  'vehicle.drivetrain.electricEngine.charging.status': battery(
    (s) => (s.charging ? 'CHARGINGACTIVE' : s.plugged ? 'CHARGINGENDED' : 'NOCHARGING'),
    null,
  ),
  'vehicle.drivetrain.electricEngine.charging.timeRemaining': battery((s) => s.remainingMinutes, 'min'),
  'vehicle.drivetrain.electricEngine.remainingElectricRange': battery(
    (s) => s.electricRangeKm ?? NOT_AVAILABLE,
    'km',
  ),
  'vehicle.drivetrain.electricEngine.kombiRemainingElectricRange': battery(
    (s) => s.electricRangeKm ?? NOT_AVAILABLE,
    'km',
  ),
  'vehicle.powertrain.electric.battery.stateOfCharge.target': battery((s) => s.targetSoc, '%'),
  'vehicle.powertrain.electric.battery.charging.power': battery((s) => s.chargingKw, 'kW'),
  'vehicle.body.chargingPort.status': battery((s) => (s.plugged ? 'CONNECTED' : 'DISCONNECTED'), null),
  'vehicle.electricalSystem.battery.voltage': { unit: 'V', value: (s) => (s.moving ? '14.39' : '12.61') },
  'vehicle.electricalSystem.battery.stateOfCharge': { unit: '%', value: () => null },
  'vehicle.status.serviceDistance.next': { unit: null, value: (s) => 25_000 - (s.odometerKm % 25_000) },
  'vehicle.status.conditionBasedServicesCount': { unit: null, value: () => 2 },
  'vehicle.status.conditionBasedServices': { unit: null, value: (s) => services(s.odometerKm) },
  'vehicle.status.checkControlMessages': { unit: null, value: () => null },
  ...tyre(1, 'left', 250),
  ...tyre(1, 'right', 250),
  ...tyre(2, 'left', 250),
  ...tyre(2, 'right', 250),
};

/** What `telematicData` answers of these names. */
export function telematicData(
  car: SimCar,
  state: CarState,
  names: readonly string[],
): Readonly<Record<string, { timestamp: string | null; unit: string | null; value: string | null }>> {
  const timestamp = new Date(state.reportedAt).toISOString();
  const entries = names.flatMap((name) => {
    const descriptor = Object.hasOwn(DESCRIPTORS, name) ? DESCRIPTORS[name] : undefined;
    if (!descriptor) return [];
    const value = descriptor.value(state, car);
    const text = value === null ? null : String(value);
    return [
      [name, { timestamp: text === null ? null : timestamp, unit: descriptor.unit, value: text }] as const,
    ];
  });
  return Object.fromEntries(entries);
}

export const DESCRIPTOR_NAMES: readonly string[] = Object.keys(DESCRIPTORS);

/** JSON inside text, with distances as text and `-` for nothing. */
function services(odometerKm: number): string {
  const entry = (id: number, title: string, date: string, km: string) => ({
    date,
    description: `${title} is due.`,
    id,
    messageType: 'CBS',
    status: 'OK',
    title,
    text: '-',
    unitOfLengthRemaining: km,
  });
  return JSON.stringify([
    entry(1, 'Engine oil', '2027-07', String(25_000 - (odometerKm % 25_000))),
    entry(3, 'Brake fluid', '2027-10', '-'),
  ]);
}
