/**
 * Times on the wire: epoch milliseconds, or `yyyy-MM-dd HH:mm:ss` of the vendor's clock, which is GMT+8. White-labelled
 * platforms send whole seconds here and there: ten digits can only be those.
 */
import { HOUR_MS } from '../../quota/durations';

/** Sent with every span, so that it need not be assumed. */
export const WIRE_TIMEZONE_HOURS = 8;
const OFFSET_MS = WIRE_TIMEZONE_HOURS * HOUR_MS;

/** Anything earlier is a device whose clock was never set; anything later is no time that a database holds. */
const EARLIEST = Date.UTC(2000, 0, 1);
const LATEST = Date.UTC(3000, 0, 1);

/** Epoch seconds of 2001 to 2286; as milliseconds these would be of early 1970. */
const SECONDS = { from: 1e9, below: 1e10 };

const TEXT = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})(?:\.\d{1,9})?$/;

/** Where a platform states its zone, that is used. */
const ZONED = /^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/i;

/** Epoch milliseconds; null for "never" (0, nothing, empty); else what is wrong. */
export function timeOf(value: unknown): number | null | { readonly problem: string } {
  if (value === undefined || value === null || value === '' || value === 0 || value === '0') return null;
  const at = typeof value === 'string' ? parseText(value.trim()) : value;
  if (typeof at !== 'number' || !Number.isFinite(at)) {
    return { problem: 'must be epoch milliseconds or yyyy-MM-dd HH:mm:ss' };
  }
  const ms = at >= SECONDS.from && at < SECONDS.below ? at * 1000 : at;
  if (ms < EARLIEST) return { problem: `is before the year 2000 (${at})` };
  return ms < LATEST ? Math.round(ms) : { problem: `is after the year 3000 (${at})` };
}

function parseText(text: string): number | null {
  if (/^\d{1,16}(?:\.0+)?$/.test(text)) return Number(text);
  if (ZONED.test(text)) return Date.parse(text.replace(' ', 'T'));
  const match = TEXT.exec(text);
  return match ? Date.parse(`${match[1]}T${match[2]}+08:00`) : null;
}

/** `yyyy-MM-dd HH:mm:ss` in GMT+8. @param at epoch ms; whole seconds are kept, the rest is cut. */
export function wireTime(at: number): string {
  return new Date(at + OFFSET_MS).toISOString().slice(0, 19).replace('T', ' ');
}
