/** What the simulator knows of each report type; spans and lookbacks as in Amazon's report type pages. */
import { DAY_MS, HOUR_MS } from '../../../quota/durations';

export const DATASETS = ['sales', 'traffic', 'inventory'] as const;
export type Dataset = (typeof DATASETS)[number];

export interface ReportTypeRules {
  readonly dataset: Dataset;
  readonly maxSpanMs: number;
  readonly lookbackMs: number;
  /** Options that the type defines; each is required. */
  readonly options: readonly string[];
  /** How long before the request the range must end for the report not to be FATAL, ms. */
  readonly endBeforeRequestMs: number;
}

export const REPORT_TYPES: Readonly<Record<string, ReportTypeRules>> = {
  GET_VENDOR_REAL_TIME_SALES_REPORT: {
    dataset: 'sales',
    maxSpanMs: 14 * DAY_MS,
    lookbackMs: 30 * DAY_MS,
    options: ['currencyCode'],
    endBeforeRequestMs: 0,
  },
  GET_VENDOR_REAL_TIME_TRAFFIC_REPORT: {
    dataset: 'traffic',
    maxSpanMs: 14 * DAY_MS,
    lookbackMs: 30 * DAY_MS,
    options: [],
    endBeforeRequestMs: HOUR_MS,
  },
  GET_VENDOR_REAL_TIME_INVENTORY_REPORT: {
    dataset: 'inventory',
    maxSpanMs: 7 * DAY_MS,
    lookbackMs: 30 * DAY_MS,
    options: [],
    endBeforeRequestMs: 0,
  },
};

/** The rules of a known type; undefined for any other string, `constructor` included. */
export function reportTypeRules(reportType: string): ReportTypeRules | undefined {
  return Object.hasOwn(REPORT_TYPES, reportType) ? REPORT_TYPES[reportType] : undefined;
}

/** Epoch ms of an ISO 8601 date-time with a zone; null for anything else. */
export function parseInstant(text: unknown): number | null {
  if (typeof text !== 'string') return null;
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:?\d{2})$/.test(text)) return null;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
}

/** Amazon prints the zone as `Z` in some places and as `+00:00` in others. */
export function printInstant(ms: number, zone: 'Z' | '+00:00'): string {
  const iso = new Date(ms).toISOString();
  return `${iso.endsWith('.000Z') ? iso.slice(0, 19) : iso.slice(0, -1)}${zone}`;
}
