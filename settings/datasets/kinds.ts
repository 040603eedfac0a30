/**
 * Datasets that come as reports and those of fleets are kept complete in different ways: which keys of `datasets`
 * apply to which, and what they default to.
 */
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../quota/durations';
import type { RestatementPolicy } from '../../quota/windows/restatement';
import { type FleetKind, fleetKind } from '../../vendors/fleet-datasets';
import { findVendor } from '../../vendors/registry';
import type { RawProblem } from '../problems';
import type { ParsedDataset } from '../schema';
import { datasetFields, datasetSchema } from '../schema/dataset';

type Key = keyof typeof datasetFields;

const EVERYWHERE: readonly Key[] = ['dataset', 'account', 'enabled'];
const FLEET_KEYS: { readonly [K in FleetKind]: readonly Key[] } = {
  positions: [...EVERYWHERE, 'syncIntervalMinutes', 'deviceListMinutes'],
  trips: [
    ...EVERYWHERE,
    'syncIntervalMinutes',
    'overlapHours',
    'lookbackDays',
    'chunkHours',
    'deviceListMinutes',
    'doubtShare',
    'usualLoss',
    'doubtAnswers',
    'doubtDays',
  ],
  tracks: [...EVERYWHERE, 'overlapHours', 'chunkHours', 'deviceListMinutes'],
};
const ONLY_FLEETS: readonly Key[] = ['overlapHours', 'deviceListMinutes'];

/** The kind of a fleet's dataset such as `vendor/trips`; null for any other dataset. */
export function fleetKindOf(dataset: string): FleetKind | null {
  const [vendor = '', name = ''] = dataset.split('/');
  const entry = findVendor(vendor);
  if (!entry?.datasets.includes(name) || entry.descriptions.some(({ id }) => id === dataset)) return null;
  return fleetKind(name);
}

function keysOf(kind: FleetKind | null): readonly Key[] {
  if (kind !== null) return FLEET_KEYS[kind];
  return (Object.keys(datasetFields) as Key[]).filter((key) => !ONLY_FLEETS.includes(key));
}

/** Keys that are settings of datasets, but not of this one. */
export function misplacedKeys(entry: Readonly<Record<string, unknown>>): RawProblem[] {
  if (typeof entry.dataset !== 'string') return [];
  const keys = keysOf(fleetKindOf(entry.dataset));
  return Object.keys(entry)
    .filter((key) => key in datasetFields && !(keys as readonly string[]).includes(key))
    .map((key) => ({
      path: [key],
      what: `does not apply to ${entry.dataset}; it takes: ${keys.join(', ')}`,
    }));
}

/** Keys whose default depends on the kind of dataset. */
export type KindDefaults = {
  readonly chunkHours: number;
  readonly lookbackDays: number;
  readonly syncIntervalMinutes: number;
};

const REPORT_DEFAULTS: KindDefaults = { chunkHours: 6, lookbackDays: 30, syncIntervalMinutes: 15 };
const FLEET_DEFAULTS: KindDefaults = { chunkHours: 24, lookbackDays: 1, syncIntervalMinutes: 15 };
const LIVE_DEFAULTS: KindDefaults = { ...FLEET_DEFAULTS, syncIntervalMinutes: 1 };
const OVERLAP_HOURS = 2;
/** A list is a call of the account's day, of which live positions take nearly all where the fleet is small. */
const DEVICE_LIST_MINUTES = 360;

/** A dataset's settings with the defaults that depend on its kind. */
export function withKindDefaults(parsed: ParsedDataset): ParsedDataset & KindDefaults {
  const kind = fleetKindOf(parsed.dataset);
  const defaults = kind === null ? REPORT_DEFAULTS : kind === 'positions' ? LIVE_DEFAULTS : FLEET_DEFAULTS;
  const { chunkHours, lookbackDays, syncIntervalMinutes } = parsed;
  return {
    ...parsed,
    chunkHours: chunkHours ?? defaults.chunkHours,
    lookbackDays: lookbackDays ?? defaults.lookbackDays,
    syncIntervalMinutes: syncIntervalMinutes ?? defaults.syncIntervalMinutes,
  };
}

/** How a fleet's dataset is kept, in milliseconds. */
export interface FleetTerms {
  readonly kind: FleetKind;
  readonly enabled: boolean;
  /** Between two runs of its schedule. */
  readonly intervalMs: number;
  /** Trips and tracks may reach the vendor so much later; what is younger does not count as in. */
  readonly overlapMs: number;
  /** How far back the first trips of a device are requested. */
  readonly firstSpanMs: number;
  /** Span of one call of a backfill. */
  readonly chunkMs: number;
  /** Age at which the list of devices is requested again. */
  readonly deviceListMs: number;
  /** When an answer that holds less than is known is believed. */
  readonly restatement: RestatementPolicy;
}

/** When a document that holds less than is known is believed. */
export function restatementPolicy(
  settings: Pick<ParsedDataset, 'doubtShare' | 'usualLoss' | 'doubtAnswers' | 'doubtDays'>,
): RestatementPolicy {
  const { doubtShare, usualLoss, doubtAnswers, doubtDays } = settings;
  return { doubtShare, usualLoss, answers: doubtAnswers, overMs: doubtDays * DAY_MS };
}

/** Of a dataset that the settings list, or else by default. @throws RangeError when it is none of a fleet's. */
export function fleetTerms(
  datasets: readonly (ParsedDataset & KindDefaults)[],
  dataset: string,
  account: string,
): FleetTerms {
  const kind = fleetKindOf(dataset);
  if (kind === null) throw new RangeError(`dataset "${dataset}" is none of a fleet's`);
  const listed = datasets.find((d) => d.dataset === dataset && d.account === account);
  const found = listed ?? withKindDefaults(datasetSchema.parse({ dataset, account }));
  return {
    kind,
    enabled: found.enabled,
    intervalMs: found.syncIntervalMinutes * MINUTE_MS,
    overlapMs: (found.overlapHours ?? OVERLAP_HOURS) * HOUR_MS,
    firstSpanMs: found.lookbackDays * DAY_MS,
    chunkMs: found.chunkHours * HOUR_MS,
    restatement: restatementPolicy(found),
    deviceListMs: (found.deviceListMinutes ?? DEVICE_LIST_MINUTES) * MINUTE_MS,
  };
}
