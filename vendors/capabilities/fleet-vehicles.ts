/** A fleet's devices as vehicles, and where each is as a read: what vendors of fleets and of cars have in common. */
import { MINUTE_MS } from '../../quota/durations';
import type { FleetApi, FleetDevice, FleetPosition } from './fleet';
import type { ReadAnswer, ReadValue, Vehicle, VehiclesApi } from './vehicles';

/** The read that a fleet's live feed answers, too. */
export const POSITION_READ = 'position';

const DEVICE_ID = /^[\x21-\x7e]{1,64}$/;
/** As fleets refresh it by default. */
const LIST_STALE_MS = 360 * MINUTE_MS;

/** @param together most devices that one call may ask for. */
export function fleetVehicles(fleet: FleetApi, together: number): VehiclesApi {
  const positions = (ids: readonly string[]) => fleet.positions(ids, null);
  const parseTogether = (_: string, body: string) => {
    const parsed = fleet.parsePositions(body);
    if (!parsed.ok) return parsed;
    const latest = new Map<string, FleetPosition>();
    for (const position of parsed.value.positions) {
      const before = latest.get(position.deviceId);
      if (before === undefined || before.at <= position.at) latest.set(position.deviceId, position);
    }
    const answers = [...latest].map(([id, position]) => [id, positionAnswer(position)] as const);
    return { ...parsed, value: new Map(answers) };
  };
  return {
    operation: fleet.operations.devices,
    caller: 'vehicle-reads',
    vehicleAttribute: fleet.deviceAttribute,
    timeoutMs: fleet.timeoutMs,
    listStaleMs: LIST_STALE_MS,
    reads: [
      {
        name: POSITION_READ,
        about: 'where it is, how fast and which way, and what state it reports',
        operation: fleet.operations.positions,
        // As the live feed reads it.
        staleMs: MINUTE_MS,
        together,
        params: {},
        needsResource: false,
      },
    ],
    vehicleIdProblem: (id) =>
      DEVICE_ID.test(id) ? null : 'is no device id: it has 1 to 64 letters, digits or signs and no space',
    authorize: (request, token) => fleet.authorize(request, token),
    vehicles: () => fleet.devices(),
    parseVehicles: (body) => {
      const parsed = fleet.parseDevices(body);
      return parsed.ok ? { ...parsed, value: parsed.value.map(deviceVehicle) } : parsed;
    },
    read: (_, { vehicleId }) => positions([vehicleId]),
    parseRead: (name, body) => {
      const parsed = parseTogether(name, body);
      const [answer = NOTHING] = parsed.ok ? parsed.value.values() : [];
      return parsed.ok ? { ...parsed, value: answer } : parsed;
    },
    readTogether: (_, ids) => positions(ids),
    parseTogether,
  };
}

const NOTHING: ReadAnswer = { values: {}, next: null };

export function deviceVehicle({ deviceId, name, type, ...details }: FleetDevice): Vehicle {
  return { vehicleId: deviceId, name, brand: '', model: type, driveTrain: null, readable: true, details };
}

export function positionAnswer(position: FleetPosition): ReadAnswer {
  const { at } = position;
  const value = (given: unknown, unit: string | null = null): ReadValue => ({
    state: given === null ? 'null' : 'value',
    value: given,
    unit,
    at,
  });
  return {
    values: {
      latitude: value(position.latitude, 'degrees'),
      longitude: value(position.longitude, 'degrees'),
      speed: value(position.speed, 'km/h'),
      course: value(position.course, 'degrees'),
      odometer: value(position.odometer, 'm'),
      moving: value(position.moving),
      status: value(position.status),
      statusText: value(position.statusText),
      alarm: value(position.alarm),
    },
    next: null,
  };
}
