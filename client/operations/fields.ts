/**
 * Field types for the inputs of use cases. Each accepts what a JSON API would be given, and describes an invalid value
 * (`is not a time; give …`); operation.ts puts the field and the value before that.
 */
import { z } from 'zod';
import { DAY_MS, HOUR_MS } from '../../quota/durations';
import { parseIsoInstant } from '../../quota/instants';
import { PRIORITIES } from '../../quota/limits/limit';
import { invalid } from './errors';
import { shortInstant } from './time-text';

const NOT_A_TIME =
  'is not a time; give a date such as 2026-11-01 (midnight UTC) or an instant with its zone such as 2026-11-01T06:00Z';

/** Text that every store takes: no U+0000, and no half of a surrogate pair. */
export const wellFormed = z
  .string()
  .refine((text) => !/[\0\p{Surrogate}]/u.test(text), 'has a character that cannot be stored');

/** `2026-11-01` (midnight UTC) or an ISO 8601 instant with its zone, to epoch ms. */
export const instant = z.string().transform((text, context) => {
  const ms = parseIsoInstant(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00Z` : text);
  if (ms !== null) return ms;
  context.addIssue({ code: 'custom', message: NOT_A_TIME });
  return z.NEVER;
});

/** An instant on the hour. */
export const hour = instant.superRefine((ms, context) => {
  if (ms % HOUR_MS === 0) return;
  const below = Math.floor(ms / HOUR_MS) * HOUR_MS;
  context.addIssue({
    code: 'custom',
    message: `is not on the hour; give ${shortInstant(below)} or ${shortInstant(below + HOUR_MS)}`,
  });
});

const LENGTH_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: HOUR_MS, d: DAY_MS };

/** A hundred years. From now on, it ends within the years of four digits, which all that reads instants takes. */
const MAX_LENGTH_DAYS = 36_500;

/** Of any size; null for what has not the form of a length. */
function writtenLengthMs(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text);
  return match === null ? null : Number(match[1]) * (LENGTH_MS[match[2] ?? ''] ?? Number.NaN);
}

/** As `lengthMs`, and `0s`. */
function lengthOrZeroMs(text: string): number | null {
  const ms = writtenLengthMs(text);
  return ms !== null && ms <= MAX_LENGTH_DAYS * DAY_MS ? ms : null;
}

/** `90s`, `30m`, `6h`, `14d` to ms; null for anything else, and for more than a hundred years. */
export function lengthMs(text: string): number | null {
  return lengthOrZeroMs(text) || null;
}

const NOT_A_LENGTH = 'is not a length of time; give one such as 30m, 6h or 14d';
const TOO_LONG = `is too long; at most ${MAX_LENGTH_DAYS}d (a hundred years) are taken`;

const isTooLong = (text: string) => (writtenLengthMs(text) ?? 0) > MAX_LENGTH_DAYS * DAY_MS;

/** What is wrong with a text that `lengthMs` does not take. */
export const notALength = (text: string) => (isTooLong(text) ? TOO_LONG : NOT_A_LENGTH);

/** `90s`, `30m`, `6h`, `14d` to ms. */
export const length = z.string().transform((text, context) => {
  const ms = lengthMs(text);
  if (ms !== null) return ms;
  context.addIssue({ code: 'custom', message: notALength(text) });
  return z.NEVER;
});

/** How old something may be, to ms: `0`, or a length such as `5m` or `0s`. */
export const age = z.string().transform((text, context) => {
  const ms = text === '0' ? 0 : lengthOrZeroMs(text);
  if (ms !== null) return ms;
  const message = isTooLong(text) ? TOO_LONG : `${NOT_A_LENGTH}, or 0 for one of now`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

/** A length with its own text, for those whose range depends on more than the field. */
export const quotedLength = z.string().transform((text, context) => {
  const ms = lengthMs(text);
  if (ms !== null) return { text, ms };
  context.addIssue({ code: 'custom', message: notALength(text) });
  return z.NEVER;
});

/** `15s..5m`, or one length for both, to ms. */
export const lengthRange = z.string().transform((text, context) => {
  const [low = '', high = low, ...more] = text.split('..');
  const [min, max] = [lengthMs(low), lengthMs(high)];
  if (more.length === 0 && min !== null && max !== null && min <= max) return { min, max };
  context.addIssue({ code: 'custom', message: 'must be a shortest and a longest time such as 15s..5m' });
  return z.NEVER;
});

/** An end to come: an instant, or a length of time from now. Epoch ms. */
export const until = z.string().transform((text, context) => {
  const now = Date.now();
  const inside = lengthMs(text);
  const parsed = inside === null ? instant.safeParse(text) : null;
  const ms = inside === null ? (parsed?.data ?? Number.NaN) : now + inside;
  if (ms > now) return ms;
  const passed = 'has passed; give a later time, or a length such as 2h';
  const message = isTooLong(text) ? TOO_LONG : Number.isNaN(ms) ? NOT_A_TIME : passed;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

export const priority = z.enum(PRIORITIES, { error: `is none of ${PRIORITIES.join(', ')}` });

/** A whole number, as one or in digits. */
export function whole(min: number, max: number = Number.MAX_SAFE_INTEGER) {
  const range = max === Number.MAX_SAFE_INTEGER ? `, at least ${min}` : ` from ${min} to ${max}`;
  const message = `must be a whole number${range}`;
  return z
    .union(
      [
        z.number(),
        z
          .string()
          .regex(/^\d{1,15}$/, message)
          .transform(Number),
      ],
      { error: message },
    )
    .refine((n) => Number.isInteger(n) && n >= min && n <= max, message);
}

/** A name of the settings or the vendor: what it names is looked up by the use case. */
export const name = z.string().min(1, 'must not be empty').max(1000, 'must have at most 1000 characters');

/** Of a file on the machine of the process that reads it. */
export const filePath = z.string().min(1, 'must not be empty').max(4096, 'must have at most 4096 characters');

/** Words for whoever wonders; empty is none. */
export const reason = z.string().trim().max(1000, 'must have at most 1000 characters').default('');

export interface Span {
  /** Epoch ms. */
  readonly from: number;
  readonly to: number;
}

/** @throws OperationError when it does not begin before it ends. */
export function inOrder({ from, to }: Span): Span {
  if (from < to) return { from, to };
  throw invalid('to', `${shortInstant(to)} must be after \`from\`, which is ${shortInstant(from)}`);
}

/** Both ends or neither. @returns null for neither. @throws OperationError for one alone. */
export function spanOrNone({
  from,
  to,
}: {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}): Span | null {
  if (from === undefined && to === undefined) return null;
  if (from !== undefined && to !== undefined) return inOrder({ from, to });
  throw invalid(
    from === undefined ? 'from' : 'to',
    'is missing; give both `from` and `to`, or neither',
    'MISSING_INPUT',
  );
}
