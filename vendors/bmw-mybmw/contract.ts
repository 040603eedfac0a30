/**
 * The shapes of MyBMW's answers, as far as they are used: the list of vehicles, and what a vehicle is. State and charging
 * are kept as they are, field by field: brands, drive trains and versions of the services differ in what they say.
 */
import { z } from 'zod';
import { isObject, readJson, readJsonObject } from '../bmw/json';
import { readValue, timestampOf } from '../bmw/values';
import { recordedVinProblem } from '../bmw/vin';
import type { DriveTrain, ReadAnswer, ReadValue, Vehicle } from '../capabilities/vehicles';
import type { Parsed } from '../http';
import type { MyBmwAccount } from './settings';

const optionalText = z.string().catch('');
const mapping = z.object({
  vin: z.string({ error: 'must be text' }).trim().toUpperCase(),
  mappingStatus: optionalText,
  isPrimaryUser: z.boolean().nullish().catch(null),
});

/** A mapping that is none is left out; its profile says what a vehicle is. */
export function parseVehicleList(body: string): Parsed<readonly Vehicle[]> {
  const root = readJson(body);
  const found = Array.isArray(root) ? root : isObject(root) ? root.mappingInfos : undefined;
  // One alone may come as an object.
  const infos = isObject(found) ? [found] : found;
  if (!Array.isArray(infos)) return { ok: false, problem: 'mappingInfos: must be a list' };
  const vehicles: Vehicle[] = [];
  let problem = '';
  for (const [i, info] of infos.entries()) {
    const parsed = mapping.safeParse(info);
    const wrong = parsed.success ? recordedVinProblem(parsed.data.vin) : 'must be an object with a vin';
    if (!parsed.success || wrong !== null) problem ||= `mappingInfos[${i}].vin: ${wrong}`;
    else vehicles.push(vehicleOf(parsed.data, info as Readonly<Record<string, unknown>>));
  }
  const count = infos.length - vehicles.length;
  if (count > 0 && vehicles.length === 0) return { ok: false, problem };
  return { ok: true, value: vehicles, ...(count > 0 && { leftOut: { count, malformed: count, problem } }) };
}

function vehicleOf(
  { vin, mappingStatus }: z.infer<typeof mapping>,
  details: Readonly<Record<string, unknown>>,
): Vehicle {
  // A mapping that waits for its owner's confirmation is seen, and cannot be read.
  const readable = mappingStatus === '' || mappingStatus.toUpperCase() === 'CONFIRMED';
  return { vehicleId: vin, name: '', brand: '', model: '', driveTrain: null, readable, details };
}

const DRIVE_TRAINS: ReadonlyMap<string, DriveTrain> = new Map([
  ['COMBUSTION', 'combustion'],
  ['HYBRID', 'combustion'],
  ['MILD_HYBRID', 'combustion'],
  ['PLUGIN_HYBRID', 'plug-in hybrid'],
  ['ELECTRIC', 'electric'],
  // Charged at a plug, with an engine that charges on the way.
  ['ELECTRIC_WITH_RANGE_EXTENDER', 'plug-in hybrid'],
]);

/** What a profile says of the vehicle itself; null for what is no profile. */
export function describeVehicle(
  { values }: ReadAnswer,
  brand: MyBmwAccount['brand'],
): Pick<Vehicle, 'brand' | 'model' | 'driveTrain'> | null {
  const text = (name: string) => {
    const value = values[name]?.value;
    return typeof value === 'string' ? value.trim() : '';
  };
  const driveTrain = text('driveTrain').toUpperCase();
  if (text('brand') === '') return null;
  return {
    brand: brandOf(text('brand'), brand),
    model: text('model'),
    driveTrain: driveTrain === '' ? null : (DRIVE_TRAINS.get(driveTrain) ?? 'other'),
  };
}

/** `BMW_I` is BMW; `DRITTKUNDE` is a third party's, which so far is Toyota. */
function brandOf(said: string, given: MyBmwAccount['brand']): string {
  const name = said.toUpperCase().split(/[_\s]/)[0] ?? '';
  return BRANDS.get(name === 'DRITTKUNDE' ? (given ?? 'toyota') : name.toLowerCase()) ?? said;
}

const BRANDS: ReadonlyMap<string, string> = new Map([
  ['bmw', 'BMW'],
  ['mini', 'MINI'],
  ['toyota', 'Toyota'],
]);

/** An answer that is one object, as values by their path: `state.doorsState.leftFront`. Lists stay whole. */
export function parseTree(body: string): Parsed<ReadAnswer> {
  const root = readJsonObject(body);
  if (root === null) return { ok: false, problem: 'the body is not a JSON object' };
  const state = isObject(root.state) ? root.state : root;
  const at = timestampOf(state.lastUpdatedAt);
  const values: Record<string, ReadValue> = Object.create(null);
  addLeaves(values, root, '', isYearOne(state.lastUpdatedAt) ? null : at);
  return { ok: true, value: { values: { ...values }, next: null } };
}

/** How a vehicle that never reported its state is marked. */
function isYearOne(value: unknown): boolean {
  return typeof value === 'string' && value.startsWith('0001-');
}

function addLeaves(
  into: Record<string, ReadValue>,
  node: Readonly<Record<string, unknown>>,
  path: string,
  at: number | null,
): void {
  for (const [name, value] of Object.entries(node)) {
    const key = path === '' ? name : `${path}.${name}`;
    if (isObject(value) && Object.keys(value).length > 0) addLeaves(into, value, key, at);
    else into[key] = readValue(value, UNITS.get(name) ?? null, at);
  }
}

/** As asked for by `bmw-units-preferences`; pressures come in kPa, whatever is asked for. */
const UNITS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    currentMileage: 'km',
    range: 'km',
    mileage: 'km',
    remainingFuelLiters: 'l',
    remainingFuelPercent: '%',
    chargingLevelPercent: '%',
    chargingTarget: '%',
    remainingChargingMinutes: 'min',
    remainingSeconds: 's',
    currentPressure: 'kPa',
    targetPressure: 'kPa',
  }),
);
