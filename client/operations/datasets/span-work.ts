/**
 * Work over a span of a dataset: checks a request against the settings and against what the vendor can deliver now.
 * Datasets come as reports, or device by device from a fleet; the dataset's kind decides. Pure.
 */
import { z } from 'zod';
import { HOUR_MS } from '../../../quota/durations';
import type { Priority } from '../../../quota/limits/limit';
import { askableSpan } from '../../../quota/windows/chunks';
import { fleetKindOf, type Settings } from '../../../settings';
import { type FleetContext, historyOperation } from '../../../settings/datasets/fleet-context';
import { chunkPolicy, type DatasetContext } from '../../../settings/datasets/report-context';
import { asField, invalid } from '../errors';
import { hour, inOrder, name, priority, quotedLength, type Span } from '../fields';
import { chooseDataset, chooseFleet } from '../settings/choose';
import { lengthText, shortInstant } from '../time-text';

export const spanFields = {
  dataset: name,
  account: name.optional(),
  from: hour,
  to: hour,
  /** Span of one report, or of one call of a fleet's. */
  chunk: quotedLength.optional(),
  priority: priority.optional(),
};

/** Of a fleet: these alone; none means all. */
export const devices = z.array(name).optional();

const spanInput = z.strictObject({ ...spanFields, devices });
type SpanInput = z.output<typeof spanInput>;

export type JobPurpose = 'backfill' | 'daily_audit';

interface ReportWork extends Span {
  readonly kind: 'reports';
  readonly context: DatasetContext;
  readonly purpose: JobPurpose;
  /** Null for the settings' own length. */
  readonly chunkHours: number | null;
  /** Null for the settings' own. */
  readonly priority: Priority | null;
}

interface FleetWork extends Span {
  readonly kind: 'fleet';
  readonly context: FleetContext;
  /** Null: all that the vendor has listed. */
  readonly devices: readonly string[] | null;
  readonly chunkHours: number | null;
  readonly priority: Priority;
}

export type SpanWork = ReportWork | FleetWork;

/** @param now epoch ms. @throws OperationError that names the field. */
export function checkSpanWork(
  settings: Settings,
  input: SpanInput,
  purpose: JobPurpose,
  now: number,
): SpanWork {
  return fleetKindOf(input.dataset) !== null && purpose === 'backfill'
    ? fleetWork(settings, input, now)
    : reportWork(settings, input, purpose, now);
}

function reportWork(settings: Settings, input: SpanInput, purpose: JobPurpose, now: number): ReportWork {
  const context = chooseDataset(settings, input.dataset, input.account);
  refuse(input.dataset, { devices: input.devices });
  const { maxSpanMs } = context.dataset;
  return {
    kind: 'reports',
    context,
    purpose,
    ...checkAskable(context, inOrder(input), now),
    chunkHours: chunkHours(input.chunk, maxSpanMs, `the longest report of ${input.dataset}`),
    priority: input.priority ?? null,
  };
}

function fleetWork(settings: Settings, input: SpanInput, now: number): FleetWork {
  const context = chooseFleet(settings, input.dataset, input.account);
  asField('dataset', () => historyOperation(context));
  const { from, to } = inOrder(input);
  const settled = Math.floor((now - context.terms.overlapMs) / HOUR_MS) * HOUR_MS;
  if (to > settled) {
    throw invalid(
      'to',
      `${shortInstant(to)} is too late; what is younger than ${lengthText(context.terms.overlapMs)} may still change, so the latest is now ${shortInstant(settled)}`,
    );
  }
  const { maxSpanMs } = context.account.fleet;
  return {
    kind: 'fleet',
    context,
    ...{ from, to },
    devices: input.devices === undefined || input.devices.length === 0 ? null : [...new Set(input.devices)],
    chunkHours: chunkHours(input.chunk, maxSpanMs, `the longest call of ${input.dataset}`),
    priority: input.priority ?? 'background',
  };
}

/** Fields that are for other kinds of datasets. @throws OperationError for the first one that was given. */
export function refuse(dataset: string, given: Readonly<Record<string, unknown>>): void {
  for (const [field, value] of Object.entries(given)) {
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    throw invalid(field, `does not apply to ${dataset}`, 'NOT_APPLICABLE');
  }
}

/** Whole hours, at most what the vendor gives at once; null for the settings' own. */
function chunkHours(given: SpanInput['chunk'], maxSpanMs: number, longest: string): number | null {
  if (given === undefined) return null;
  const hours = given.ms / HOUR_MS;
  if (Number.isInteger(hours) && given.ms <= maxSpanMs) return hours;
  throw invalid(
    'chunk',
    `"${given.text}" must be whole hours and at most ${maxSpanMs / HOUR_MS}h, ${longest}`,
  );
}

/** A span that the vendor can be asked for at `now`. */
export function checkAskable(context: DatasetContext, span: Span, now: number): Span {
  const askable = askableSpan(chunkPolicy(context, null), now);
  const { id } = context.dataset;
  if (askable === null) throw invalid('dataset', `the settings leave no hour of ${id} to ask for`);
  if (span.from < askable.from) {
    throw invalid(
      'from',
      `${shortInstant(span.from)} is further back than ${id} goes; the earliest hour is now ${shortInstant(askable.from)}`,
    );
  }
  if (span.to > askable.to) {
    throw invalid(
      'to',
      `${shortInstant(span.to)} is too late; hours are asked for ${context.settings.safeMinutesLag} minutes after their end, so the latest is now ${shortInstant(askable.to)}`,
    );
  }
  return span;
}
