/** GPS51's times as text: `yyyy-MM-dd HH:mm:ss` by a clock so many hours ahead of UTC, GMT+8 unless the call says. */
import { HOUR_MS } from '../../../../quota/durations';

/** The vendor's own clock. */
export const DEFAULT_OFFSET_HOURS = 8;

/** Epoch ms of `2026-11-24 09:30:00`; null when it is not a time of that form. */
export function parseLocalTime(text: unknown, offsetHours: number): number | null {
  if (typeof text !== 'string' || !/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(text)) return null;
  const utc = Date.parse(`${text.replace(' ', 'T')}Z`);
  if (Number.isNaN(utc) || new Date(utc).toISOString().slice(0, 19) !== text.replace(' ', 'T')) return null;
  return utc - offsetHours * HOUR_MS;
}

/** Epoch ms at which the day `2026-11-24` begins; null when it is not a date of that form. */
export function parseLocalDay(text: unknown, offsetHours: number): number | null {
  return typeof text === 'string' ? parseLocalTime(`${text} 00:00:00`, offsetHours) : null;
}

/** `yyyy-MM-dd HH:mm:ss` of epoch ms. */
export function printLocalTime(ms: number, offsetHours = DEFAULT_OFFSET_HOURS): string {
  return new Date(ms + offsetHours * HOUR_MS).toISOString().slice(0, 19).replace('T', ' ');
}

/** `yyyy-MM-dd` of epoch ms. */
export function printLocalDay(ms: number, offsetHours = DEFAULT_OFFSET_HOURS): string {
  return printLocalTime(ms, offsetHours).slice(0, 10);
}

/** Hours ahead of UTC as a call states them: 8, "8", -3.5; the default when absent; null when it is no number. */
export function offsetIn(value: unknown): number | null {
  if (value === undefined || value === null || value === '') return DEFAULT_OFFSET_HOURS;
  const hours = typeof value === 'string' ? Number(value) : value;
  return typeof hours === 'number' && Math.abs(hours) <= 14 ? hours : null;
}
