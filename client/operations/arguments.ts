/** What people type, checked: each error names the option, the value and what would be right. Pure. */
import { findAccount, findDataset } from '../../activities/accounts';
import { type FleetContext, fleetContext } from '../../activities/fleet/context';
import { chunkPolicy, type DatasetContext, datasetContext } from '../../activities/reports/plan';
import { parseIsoInstant } from '../../quota/instants';
import { PRIORITIES, type Priority } from '../../quota/limits/limit';
import { fleetKindOf, type Settings } from '../../settings';
import { askableSpan, type Span } from '../../vendors/chunks';
import { DAY_MS, HOUR_MS } from '../../vendors/dataset';
import { UsageError } from './errors';
import { shortInstant } from './time-text';

/** `2026-11-01` (midnight UTC) or an ISO 8601 instant with its zone, to epoch ms. */
export function parseInstant(option: string, text: string): number {
  const date = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  const ms = parseIsoInstant(date ? `${text}T00:00Z` : text);
  if (ms !== null) return ms;
  throw new UsageError(
    `${option}: "${text}" is not a time; give a date such as 2026-11-01 (midnight UTC) or an instant with its zone such as 2026-11-01T06:00Z`,
  );
}

function onTheHour(option: string, ms: number): number {
  if (ms % HOUR_MS === 0) return ms;
  const below = Math.floor(ms / HOUR_MS) * HOUR_MS;
  throw new UsageError(
    `${option}: ${new Date(ms).toISOString()} is not on the hour; give ${shortInstant(below)} or ${shortInstant(below + HOUR_MS)}`,
  );
}

/** `--from` and `--to`, on the hour and in order. */
export function parseSpan(from: string, to: string): Span {
  const span = {
    from: onTheHour('--from', parseInstant('--from', from)),
    to: onTheHour('--to', parseInstant('--to', to)),
  };
  if (span.from < span.to) return span;
  throw new UsageError(
    `--to: ${shortInstant(span.to)} must be after --from, which is ${shortInstant(span.from)}`,
  );
}

const LENGTH_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: HOUR_MS, d: DAY_MS };

/** `90s`, `30m`, `6h`, `14d` to milliseconds. */
export function parseLength(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text);
  const ms = Number(match?.[1]) * (LENGTH_MS[match?.[2] ?? ''] ?? Number.NaN);
  if (ms > 0 && Number.isFinite(ms)) return ms;
  throw new UsageError(`${option}: "${text}" is not a length of time; give one such as 30m, 6h or 14d`);
}

/** `--until`: a length of time from now, or an instant; epoch ms. */
export function parseUntil(text: string, now: number): number {
  const isLength = /^[\d.]+[smhd]$/.test(text);
  const until = isLength ? now + parseLength('--until', text) : parseInstant('--until', text);
  if (until > now) return until;
  throw new UsageError(
    `--until: ${new Date(until).toISOString()} has passed; give a later time, or a length such as 2h`,
  );
}

export function parsePriority(text: string): Priority {
  const found = PRIORITIES.find((priority) => priority === text);
  if (found) return found;
  throw new UsageError(`--priority: "${text}" is none of ${PRIORITIES.join(', ')}`);
}

export function parseFormat<const T extends string>(text: string, formats: readonly T[]): T {
  const found = formats.find((format) => format === text);
  if (found) return found;
  throw new UsageError(`--format: "${text}" is none of ${formats.join(', ')}`);
}

/** Shows settings' own words for what is unknown as a problem of the argument. */
function asUsage<T>(argument: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`${argument}: ${error.message}`);
    throw error;
  }
}

/** The account given, or the vendor's only one. */
export function chooseAccount(settings: Settings, vendor: string, given: string | undefined): string {
  if (given !== undefined) {
    asUsage('--account', () => findAccount(settings, given));
    return given;
  }
  const names = Object.entries(settings.accounts)
    .filter(([, account]) => account.vendor === vendor)
    .map(([name]) => name);
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  throw new UsageError(
    names.length === 0
      ? `--account: the settings have no account of ${vendor}; add one under accounts in sluice.yaml`
      : `--account: there are several accounts of ${vendor}; give one of ${names.join(', ')}`,
  );
}

/** Dataset and account together, as the settings list them. */
export function chooseDataset(
  settings: Settings,
  dataset: string,
  account: string | undefined,
): DatasetContext {
  const description = asUsage('dataset', () => findDataset(dataset));
  const name = chooseAccount(settings, description.vendor, account);
  return asUsage('--account', () => datasetContext(settings, dataset, name));
}

/** Account of a dataset that is kept complete: as the settings list it, or of a fleet's. */
export function chooseSynced(settings: Settings, dataset: string, account: string | undefined): string {
  return fleetKindOf(dataset) === null
    ? chooseDataset(settings, dataset, account).account.name
    : chooseFleet(settings, dataset, account).account.name;
}

/** A fleet's dataset, and an account of its vendor. */
export function chooseFleet(settings: Settings, dataset: string, account: string | undefined): FleetContext {
  const [vendor = ''] = dataset.split('/');
  const name = chooseAccount(settings, vendor, account);
  return asUsage('--account', () => fleetContext(settings, { dataset, account: name }));
}

/** `--chunk`: whole hours, at most what the vendor makes in one report; null for the settings' own. */
export function parseChunk(context: DatasetContext, text: string | undefined): number | null {
  if (text === undefined) return null;
  const ms = parseLength('--chunk', text);
  const { maxSpanMs } = context.dataset;
  if (ms % HOUR_MS === 0 && ms <= maxSpanMs) return ms / HOUR_MS;
  throw new UsageError(
    `--chunk: "${text}" must be whole hours and at most ${maxSpanMs / HOUR_MS}h, the longest report of ${context.dataset.id}`,
  );
}

/** A span that the vendor can be asked for at `now`. */
export function checkAskable(context: DatasetContext, span: Span, now: number): Span {
  const askable = askableSpan(chunkPolicy(context, null), now);
  if (askable === null) throw new UsageError(`${context.dataset.id}: the settings leave no hour to ask for`);
  if (span.from < askable.from) {
    throw new UsageError(
      `--from: ${shortInstant(span.from)} is further back than ${context.dataset.id} goes; the earliest hour is now ${shortInstant(askable.from)}`,
    );
  }
  if (span.to > askable.to) {
    throw new UsageError(
      `--to: ${shortInstant(span.to)} is too late; hours are asked for ${context.settings.safeMinutesLag} minutes after their end, so the latest is now ${shortInstant(askable.to)}`,
    );
  }
  return span;
}

/** The account behind `amazon/acme` or `acme`; without an argument the only account there is. */
export function choosePoolAccount(settings: Settings, given: string | undefined): string {
  const names = Object.keys(settings.accounts);
  if (given === undefined) {
    const [only] = names;
    if (only !== undefined && names.length === 1) return only;
    throw new UsageError(
      names.length === 0
        ? 'pool: the settings have no accounts, so there are no pools; add one under accounts in sluice.yaml'
        : `pool: give one of ${names.map((name) => poolKey(settings, name)).join(', ')}`,
    );
  }
  const found = names.find((name) => name === given || poolKey(settings, name) === given);
  if (found !== undefined) return found;
  const known = names.map((name) => poolKey(settings, name)).join(', ') || 'none are set up';
  throw new UsageError(`pool: "${given}" is unknown (pools: ${known})`);
}

function poolKey(settings: Settings, account: string): string {
  return findAccount(settings, account).poolKey;
}
