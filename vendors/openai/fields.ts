/**
 * Fields as OpenAI and the servers that speak like it send them. A text that is empty means that there is nothing: Azure
 * sends `""` for ids and files that do not exist, and others the word for nothing of their language.
 */
import { z } from 'zod';
import { isNothing } from './errors/fields';

const isAbsent = (value: unknown) =>
  value === undefined || value === null || (typeof value === 'string' && isNothing(value));

/** An id that may be missing: goes into paths, logs and the database. */
export const idText = z.preprocess(
  (value) => (isAbsent(value) ? undefined : typeof value === 'number' ? String(value) : value),
  z
    .string()
    .regex(/^[^\p{Cc}\p{Surrogate}]{1,512}$/u, 'is no id')
    .optional(),
);

/** Text that is only kept and shown; a number is taken for its digits, anything else for nothing. */
export const shownText = z
  .preprocess((value) => (typeof value === 'number' ? String(value) : value), z.string())
  .catch('');

/** Seconds until the year 5138; more are milliseconds. */
const SECONDS_MAX = 1e11;
const MILLISECONDS_MAX = SECONDS_MAX * 1000;

/** An instant as epoch milliseconds: seconds, milliseconds, either as text, or an ISO date. Null when it makes no sense. */
export const instantMs = z
  .unknown()
  .optional()
  .transform((value): number | null => {
    if (isAbsent(value)) return null;
    const number = typeof value === 'string' ? Number(value.trim()) : value;
    if (typeof number !== 'number') return null;
    if (Number.isNaN(number)) {
      const date = Date.parse(String(value));
      return Number.isFinite(date) && date > 0 ? date : null;
    }
    if (number <= 0 || number > MILLISECONDS_MAX) return null;
    return Math.round(number > SECONDS_MAX ? number : number * 1000);
  });
