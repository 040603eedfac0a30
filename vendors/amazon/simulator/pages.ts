/** What a test may know and a client of Amazon may not: the true rows, and how each report was settled. */
import { HOUR_MS } from '../../../quota/durations';
import type { Clock } from '../../kit/clock';
import type { SimWorld } from './data';
import { DATASETS, type Dataset, parseInstant, printInstant } from './report-types';
import { fullHours, type ReportDesk } from './reports';

/** Rows that one answer of `/_sim/truth` may hold. */
const MAX_ROWS = 300_000;

/**
 * `GET /_sim/truth?account=&dataset=&from=&to=&marketplace=&asOf=` → `{hours: [{startTime, ready, revision, rows}],
 * rows: [{startTime, endTime, asin, …}]}`: the full hours in [from, to] as they are at `asOf` (default now).
 * Instants are ISO 8601 or epoch ms; `orderedRevenue` is a string, so that no reader rounds it.
 * `GET /_sim/reports?account=` → every report with its state and how it was settled, newest first.
 */
export function amazonPages(
  world: SimWorld,
  reports: ReportDesk,
  clock: Clock,
): Record<string, (query: URLSearchParams) => unknown> {
  return {
    truth: (query) => {
      const key = {
        account: required(query, 'account'),
        marketplace: query.get('marketplace') ?? 'ATVPDKIKX0DER',
        dataset: datasetIn(query),
      };
      const from = instantIn(query, 'from');
      const to = instantIn(query, 'to');
      const asOf = query.has('asOf') ? instantIn(query, 'asOf') : clock();
      const rows: unknown[] = [];
      const hours = fullHours(from, to).map((hour) => {
        const startTime = printInstant(hour, 'Z');
        const endTime = printInstant(hour + HOUR_MS, 'Z');
        const before = rows.length;
        for (const row of world.rows(key, hour, asOf)) {
          rows.push({ startTime, endTime, ...row });
          if (rows.length > MAX_ROWS)
            throw new RangeError(`more than ${MAX_ROWS} rows: ask for a smaller range`);
        }
        const ready = asOf >= world.readyAt(key, hour);
        return { startTime, ready, revision: world.revision(key, hour, asOf), rows: rows.length - before };
      });
      return { hours, rows };
    },
    reports: (query) => {
      const now = clock();
      return reports
        .newestFirst(query.get('account') ?? undefined)
        .map((report) => ({ ...report, processingStatus: reports.status(report, now) }));
    },
  };
}

function required(query: URLSearchParams, name: string): string {
  const value = query.get(name);
  if (value === null || value === '') throw new RangeError(`${name}: is missing`);
  return value;
}

function datasetIn(query: URLSearchParams): Dataset {
  const name = required(query, 'dataset');
  const dataset = DATASETS.find((d) => d === name);
  if (!dataset) throw new RangeError(`dataset: "${name}" is not one of ${DATASETS.join(', ')}`);
  return dataset;
}

function instantIn(query: URLSearchParams, name: string): number {
  const text = required(query, name);
  const at = /^\d+(\.\d+)?$/.test(text) ? Number(text) : parseInstant(text);
  if (at === null) throw new RangeError(`${name}: "${text}" is neither an ISO 8601 date-time nor epoch ms`);
  return at;
}
