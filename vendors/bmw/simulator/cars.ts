/** The cars that there are: what each of them is, and whose it is. A car of the same seed and place is the same car. */
import { z } from 'zod';
import { hash32, pickBetween, unitOf } from '../../kit/random';

const BRANDS = ['BMW', 'MINI', 'TOYOTA'] as const;
export type SimBrand = (typeof BRANDS)[number];
const DRIVE_TRAINS = ['COMBUSTION', 'PLUGIN_HYBRID', 'ELECTRIC'] as const;

export const VIN_PATTERN = /^[A-HJ-NPR-Z0-9]{17}$/;

const carSchema = z.strictObject({
  vin: z.string().regex(VIN_PATTERN, 'a VIN has 17 letters and digits, without I, O and Q').optional(),
  brand: z.enum(BRANDS).default('BMW'),
  driveTrain: z.enum(DRIVE_TRAINS).default('ELECTRIC'),
  /** E-mail of the user that it belongs to; the first user when absent. */
  owner: z.string().min(1).optional(),
  /** A secondary user sees the car in lists. */
  role: z.enum(['PRIMARY', 'SECONDARY']).default('PRIMARY'),
  /** Stands still for ever, plugged in or not. */
  parked: z.boolean().default(false),
});

/** A number: so many cars of all kinds. */
export const carsSchema = z.union([z.int().min(0).max(10_000), z.array(carSchema)]);
type CarSpec = z.output<typeof carSchema>;

export interface SimCar {
  readonly vin: string;
  readonly index: number;
  readonly brand: SimBrand;
  readonly model: string;
  /** Series as development calls it, e.g. `G26`. */
  readonly series: string;
  readonly year: number;
  readonly driveTrain: (typeof DRIVE_TRAINS)[number];
  readonly owner: string;
  readonly role: CarSpec['role'];
  readonly parked: boolean;
  /** Usable, kWh; 0 without a battery to charge. */
  readonly batteryKwh: number;
  /** Litres; 0 without a tank. */
  readonly tankLitres: number;
  /** Where it is at home; degrees. */
  readonly latitude: number;
  readonly longitude: number;
}

const MODELS = [
  { brand: 'BMW', driveTrain: 'ELECTRIC', model: 'i4 eDrive40', series: 'G26', kwh: 81, litres: 0 },
  { brand: 'BMW', driveTrain: 'PLUGIN_HYBRID', model: 'X3 xDrive30e', series: 'G01', kwh: 11, litres: 50 },
  { brand: 'BMW', driveTrain: 'COMBUSTION', model: 'X1 sDrive18i', series: 'U11', kwh: 0, litres: 51 },
  { brand: 'MINI', driveTrain: 'ELECTRIC', model: 'Cooper SE', series: 'F56', kwh: 29, litres: 0 },
  { brand: 'TOYOTA', driveTrain: 'COMBUSTION', model: 'SPX 40i', series: 'J29', kwh: 0, litres: 52 },
  {
    brand: 'MINI',
    driveTrain: 'PLUGIN_HYBRID',
    model: 'Countryman SE ALL4',
    series: 'F60',
    kwh: 9,
    litres: 36,
  },
  { brand: 'MINI', driveTrain: 'COMBUSTION', model: 'Cooper S', series: 'F66', kwh: 0, litres: 44 },
] as const;

const PREFIXES: Readonly<Record<SimBrand, string>> = { BMW: 'WBA', MINI: 'WMW', TOYOTA: 'WZ1' };
const VIN_LETTERS = '0123456789ABCDEFGHJKLMNPRSTUVWXYZ';
const CITIES = [
  [48.1374, 11.5755],
  [40.4168, -3.7038],
  [52.3676, 4.9041],
  [59.9139, 10.7522],
] as const;

/** @param brands that the vendor serves; cars made by the number are of these. */
export function createCars(
  seed: number,
  cars: z.output<typeof carsSchema>,
  users: readonly string[],
  brands: readonly SimBrand[] = BRANDS,
): readonly SimCar[] {
  const offered = MODELS.filter((m) => brands.includes(m.brand));
  const specs =
    typeof cars === 'number'
      ? Array.from({ length: cars }, (_, i) => {
          const { brand, driveTrain } = offered[i % offered.length] ?? MODELS[0];
          return carSchema.parse({ brand, driveTrain, owner: users[i % Math.max(1, users.length)] });
        })
      : cars;
  return specs.map((spec, index) => carAt(seed, spec, index, spec.owner ?? users[0] ?? 'unknown'));
}

function carAt(seed: number, spec: CarSpec, index: number, owner: string): SimCar {
  const { brand, driveTrain } = spec;
  const model = MODELS.find((m) => m.brand === brand && m.driveTrain === driveTrain);
  const alike = model ?? MODELS.find((m) => m.driveTrain === driveTrain) ?? MODELS[0];
  const pick = (what: string) => unitOf(hash32(seed, 'car', index, what));
  const [latitude, longitude] = CITIES[index % CITIES.length] ?? CITIES[0];
  return {
    vin: spec.vin ?? vinAt(seed, PREFIXES[brand], index),
    index,
    brand,
    model: alike.model,
    series: alike.series,
    year: pickBetween(2019, 2025, seed, 'car', index, 'year'),
    driveTrain,
    owner,
    role: spec.role,
    parked: spec.parked,
    batteryKwh: alike.kwh,
    tankLitres: alike.litres,
    latitude: latitude + (pick('latitude') - 0.5) * 0.1,
    longitude: longitude + (pick('longitude') - 0.5) * 0.1,
  };
}

function vinAt(seed: number, prefix: string, index: number): string {
  const letters = Array.from({ length: 7 }, (_, i) => {
    return VIN_LETTERS[pickBetween(0, VIN_LETTERS.length - 1, seed, 'vin', index, i)] ?? '0';
  });
  return `${prefix}${letters.join('')}${String(index + 1).padStart(7, '0')}`;
}
