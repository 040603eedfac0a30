/** getReports: filters, pages, and the token that leads to the next page. */

import { DAY_MS } from '../../../quota/durations';
import { parseInstant, reportTypeRules } from './report-types';
import type { ReportDesk } from './reports';
import { PROCESSING_STATUSES, type SimReport } from './reports';

interface Listing {
  readonly reportTypes: readonly string[];
  readonly processingStatuses: readonly string[];
  readonly marketplaceIds: readonly string[];
  readonly pageSize: number;
  readonly createdSince: number;
  readonly createdUntil: number;
  /** Id of the last report of the page before. */
  readonly after: string | null;
}

const FILTERS = [
  'reportTypes',
  'processingStatuses',
  'marketplaceIds',
  'pageSize',
  'createdSince',
  'createdUntil',
  'nextToken',
];

/** One page, newest first. Throws RangeError with the reason when the query is not allowed. */
export function listReports(
  desk: ReportDesk,
  account: string,
  query: URLSearchParams,
  now: number,
): { reports: Record<string, unknown>[]; nextToken?: string } {
  const listing = readQuery(query, now);
  const shownUntil = now - desk.settings.listLagSeconds * 1000;
  const all = desk
    .newestFirst(account)
    .filter((report) => report.createdAt <= shownUntil && matches(desk, report, listing, now));
  const from = listing.after === null ? 0 : all.findIndex((r) => Number(r.id) < Number(listing.after));
  const page = from < 0 ? [] : all.slice(from, from + listing.pageSize);
  const last = page.at(-1);
  const more = last !== undefined && last !== all.at(-1);
  const looping = desk.settings.listLoops && !more;
  return {
    reports: page.map((report) => desk.view(report, now)),
    ...(more ? { nextToken: encode({ ...listing, after: last.id }) } : {}),
    ...(looping ? { nextToken: encode({ ...listing, after: '0' }) } : {}),
  };
}

function matches(desk: ReportDesk, report: SimReport, listing: Listing, now: number): boolean {
  const { reportTypes, processingStatuses, marketplaceIds } = listing;
  return (
    reportTypes.includes(report.reportType) &&
    (processingStatuses.length === 0 || processingStatuses.includes(desk.status(report, now))) &&
    (marketplaceIds.length === 0 || report.marketplaceIds.some((id) => marketplaceIds.includes(id))) &&
    report.createdAt >= listing.createdSince &&
    report.createdAt <= listing.createdUntil
  );
}

function readQuery(query: URLSearchParams, now: number): Listing {
  for (const name of query.keys()) {
    if (!FILTERS.includes(name)) throw new RangeError(`Unknown query parameter ${name}.`);
  }
  const nextToken = query.get('nextToken');
  if (nextToken !== null) {
    if ([...query.keys()].length > 1) {
      throw new RangeError('nextToken must be the only query parameter.');
    }
    return decode(nextToken);
  }
  const reportTypes = list(query, 'reportTypes');
  if (reportTypes.length < 1 || reportTypes.length > 10) {
    throw new RangeError('reportTypes is required: 1 to 10 entries, or nextToken alone.');
  }
  const unknownType = reportTypes.find((type) => !reportTypeRules(type));
  if (unknownType !== undefined) throw new RangeError(`reportType ${unknownType} is not supported.`);
  const processingStatuses = list(query, 'processingStatuses');
  const known: readonly string[] = PROCESSING_STATUSES;
  const unknownStatus = processingStatuses.find((status) => !known.includes(status));
  if (unknownStatus !== undefined) throw new RangeError(`processingStatus ${unknownStatus} does not exist.`);
  const marketplaceIds = list(query, 'marketplaceIds');
  if (marketplaceIds.length > 10) throw new RangeError('marketplaceIds: at most 10 entries.');
  const pageSize = Number(query.get('pageSize') ?? 10);
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > 100) {
    throw new RangeError('pageSize must be a whole number from 1 to 100.');
  }
  const oldest = now - 90 * DAY_MS;
  const createdSince = instant(query, 'createdSince') ?? oldest;
  // A caller that subtracts 90 days from its own clock must not fail by the time its call travels.
  if (createdSince < oldest - 60_000) throw new RangeError('createdSince must not be more than 90 days ago.');
  const createdUntil = instant(query, 'createdUntil') ?? now;
  return {
    reportTypes,
    processingStatuses,
    marketplaceIds,
    pageSize,
    createdSince,
    createdUntil,
    after: null,
  };
}

/** `a,b` and `name=a&name=b` are both in use. */
function list(query: URLSearchParams, name: string): string[] {
  return query.getAll(name).flatMap((value) => value.split(',').filter((part) => part !== ''));
}

function instant(query: URLSearchParams, name: string): number | null {
  const value = query.get(name);
  if (value === null) return null;
  const at = parseInstant(value);
  if (at === null) throw new RangeError(`${name} must be an ISO 8601 date-time with a time zone.`);
  return at;
}

function encode(listing: Listing): string {
  return Buffer.from(JSON.stringify(listing)).toString('base64url');
}

/** Only tokens of our own making get here unharmed; anything else is refused. */
function decode(token: string): Listing {
  try {
    const value = JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as Listing;
    if (Array.isArray(value.reportTypes) && Array.isArray(value.processingStatuses)) return value;
  } catch {
    // Falls through: not one of ours.
  }
  throw new RangeError('nextToken is not valid.');
}
