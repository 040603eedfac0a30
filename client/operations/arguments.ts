/** What people type for commands that are no use cases yet, checked: each error names the option, the value and what would be right. */
import { parseIsoInstant } from '../../quota/instants';
import { PRIORITIES, type Priority } from '../../quota/limits/limit';
import { DAY_MS, HOUR_MS } from '../../vendors/dataset';
import { UsageError } from './errors';

/** `2026-11-01` (midnight UTC) or an ISO 8601 instant with its zone, to epoch ms. */
function parseInstant(option: string, text: string): number {
  const date = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  const ms = parseIsoInstant(date ? `${text}T00:00Z` : text);
  if (ms !== null) return ms;
  throw new UsageError(
    `${option}: "${text}" is not a time; give a date such as 2026-11-01 (midnight UTC) or an instant with its zone such as 2026-11-01T06:00Z`,
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
