/** The devices that there are: who they are, which group they are in, and how each of them behaves. */
import { hash32, pickBetween, unitOf } from '../../../kit/random';
import type { FleetOptions } from '../options';

export interface SimDevice {
  readonly id: string;
  readonly index: number;
  readonly name: string;
  readonly type: string;
  readonly sim: string;
  readonly group: string;
  /** `offline` last reported long ago, `unheard` never. Only `driving` ones make trips. */
  readonly behaviour: 'driving' | 'parked' | 'offline' | 'unheard';
  /** Its subscription has ended. */
  readonly expired: boolean;
  /** Where it is at home; degrees. */
  readonly latitude: number;
  readonly longitude: number;
  /** Time between the device's report and the vendor's knowing of it, ms. */
  readonly transitMs: number;
}

/** Cities around which the groups drive: east and west, north and south of the zero lines. */
const CITIES = [
  [22.5431, 114.0579],
  [6.5244, 3.3792],
  [-23.5505, -46.6333],
  [40.7128, -74.006],
  [-33.8688, 151.2093],
] as const;
const MODELS = ['JT808', 'GT06N', 'S20L', 'E3+'];

export function createFleet(seed: number, options: FleetOptions): readonly SimDevice[] {
  return Array.from({ length: options.devices }, (_, index) => deviceAt(seed, options, index));
}

function deviceAt(seed: number, options: FleetOptions, index: number): SimDevice {
  const pick = (what: string) => unitOf(hash32(seed, 'device', index, what));
  const groupIndex = index % options.groups;
  const [latitude, longitude] = CITIES[groupIndex % CITIES.length] ?? CITIES[0];
  const fate = pick('behaviour');
  const { parkedShare, offlineShare } = options;
  let behaviour: SimDevice['behaviour'] = 'driving';
  if (fate < offlineShare / 2) behaviour = 'unheard';
  else if (fate < offlineShare) behaviour = 'offline';
  else if (fate < offlineShare + parkedShare) behaviour = 'parked';
  return {
    id: String(860_000_000_000_000 + (hash32(seed, 'fleet') % 9_000_000) * 100_000 + index),
    index,
    name: `Vehicle ${index + 1}`,
    type: MODELS[Math.floor(pick('model') * MODELS.length)] ?? 'JT808',
    sim: behaviour === 'unheard' ? '' : String(13_800_000_000 + index),
    group: `group-${groupIndex + 1}`,
    behaviour,
    expired: pick('expired') < options.expiredShare,
    latitude: latitude + (pick('latitude') - 0.5) * 0.2,
    longitude: longitude + (pick('longitude') - 0.5) * 0.2,
    transitMs: pickBetween(200, 2000, seed, 'device', index, 'transit'),
  };
}
