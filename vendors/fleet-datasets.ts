/** The datasets that every vendor of fleets offers, each under the vendor's name: `<vendor>/positions`, … */

/**
 * - `positions`: where the fleet is now, as one call reports it for all devices;
 * - `trips`: one row a trip, requested device by device;
 * - `tracks`: where each device was on past days; only ever a backfill.
 */
export const FLEET_DATASETS = ['positions', 'trips', 'tracks'] as const;
export type FleetKind = (typeof FLEET_DATASETS)[number];

/** Of a dataset's name without its vendor; null when it is none of a fleet's. */
export function fleetKind(name: string): FleetKind | null {
  return FLEET_DATASETS.find((kind) => kind === name) ?? null;
}
