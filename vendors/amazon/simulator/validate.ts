/** What createReport accepts: the request model, and the date rules of each report type. */

import { DAY_MS } from '../../../quota/durations';
import type { SimAnswer } from '../../kit/vendor';
import { invalidInput, unsupportedMediaType } from './errors';
import { parseInstant, type ReportTypeRules, reportTypeRules } from './report-types';

export interface ReportRequest {
  readonly reportType: string;
  readonly marketplaceIds: readonly string[];
  /** Epoch ms; null when the request has none. */
  readonly dataStart: number | null;
  readonly dataEnd: number | null;
  readonly options: Readonly<Record<string, string>>;
}

export type Validated =
  | { readonly ok: true; readonly request: ReportRequest; readonly rules: ReportTypeRules }
  | { readonly ok: false; readonly answer: SimAnswer };

const FIELDS = ['reportType', 'marketplaceIds', 'dataStartTime', 'dataEndTime', 'reportOptions'];

/** A clock of the same machine may run this far ahead of the simulator's, ms. */
const CLOCK_TOLERANCE_MS = 1000;

export function validateCreateReport(contentType: string | undefined, body: string, now: number): Validated {
  if (!/^application\/json\b/i.test(contentType ?? '')) return { ok: false, answer: unsupportedMediaType() };
  try {
    return { ok: true, ...readRequest(JSON.parse(body), now) };
  } catch (error) {
    if (error instanceof SyntaxError) return { ok: false, answer: invalidInput('The body is not JSON.') };
    if (error instanceof RangeError) return { ok: false, answer: invalidInput(error.message) };
    throw error;
  }
}

/** Throws RangeError with the reason. */
function readRequest(value: unknown, now: number): { request: ReportRequest; rules: ReportTypeRules } {
  if (!isRecord(value)) throw new RangeError('The body must be a JSON object.');
  const unknown = Object.keys(value).filter((field) => !FIELDS.includes(field));
  if (unknown.length > 0) throw new RangeError(`Unknown field(s): ${unknown.join(', ')}.`);
  const { reportType } = value;
  if (typeof reportType !== 'string') throw new RangeError('reportType is required.');
  const rules = reportTypeRules(reportType);
  if (!rules) throw new RangeError(`reportType ${reportType} is not supported.`);
  const marketplaceIds = readMarketplaces(value.marketplaceIds);
  const dataStart = readInstant('dataStartTime', value.dataStartTime);
  const dataEnd = readInstant('dataEndTime', value.dataEndTime);
  checkRange(dataStart, dataEnd, rules, now);
  const options = readOptions(value.reportOptions, rules, reportType);
  return { request: { reportType, marketplaceIds, dataStart, dataEnd, options }, rules };
}

function checkRange(start: number | null, end: number | null, rules: ReportTypeRules, now: number): void {
  if (end !== null && end > now + CLOCK_TOLERANCE_MS) {
    throw new RangeError('dataEndTime must be equal to or prior to the current date and time.');
  }
  if (start === null) return;
  const until = end ?? now;
  if (start > until) throw new RangeError('dataStartTime must not be after dataEndTime.');
  if (start < now - rules.lookbackMs) {
    throw new RangeError(`dataStartTime is more than ${rules.lookbackMs / DAY_MS} days ago.`);
  }
  if (until - start > rules.maxSpanMs) {
    throw new RangeError(`The date range is longer than ${rules.maxSpanMs / DAY_MS} days.`);
  }
}

function readMarketplaces(value: unknown): string[] {
  if (!Array.isArray(value)) throw new RangeError('marketplaceIds is required and must be an array.');
  if (value.length < 1 || value.length > 25)
    throw new RangeError('marketplaceIds must have 1 to 25 entries.');
  return value.map((id) => {
    if (typeof id !== 'string' || !/^[A-Z0-9]{8,20}$/.test(id)) {
      throw new RangeError(`marketplaceIds: ${JSON.stringify(id)} is not a marketplace id.`);
    }
    return id;
  });
}

function readInstant(field: string, value: unknown): number | null {
  if (value === undefined) return null;
  const at = parseInstant(value);
  if (at === null) throw new RangeError(`${field} must be an ISO 8601 date-time with a time zone.`);
  return at;
}

function readOptions(value: unknown, rules: ReportTypeRules, reportType: string): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value)) throw new RangeError('reportOptions must be a map of strings.');
  const options: Record<string, string> = {};
  for (const [name, option] of Object.entries(value)) {
    if (typeof option !== 'string') throw new RangeError(`reportOptions: ${name} must be a string.`);
    if (!rules.options.includes(name)) {
      throw new RangeError(`reportOptions: ${reportType} does not define the option ${name}.`);
    }
    if (name === 'currencyCode' && !/^[A-Z]{3}$/.test(option)) {
      throw new RangeError(`reportOptions: ${name} must be an ISO 4217 code.`);
    }
    options[name] = option;
  }
  return options;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
