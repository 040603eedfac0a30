/** Kinds of fields in GPS51's answers: numbers may come as text, times as epoch milliseconds or as text of GMT+8. */
import { z } from 'zod';
import { timeOf } from './time';

export const text = z.union([z.string().transform(storable), z.number().transform(String)], {
  error: 'must be text',
});
export const id = text.pipe(z.string().trim().min(1, 'must not be empty'));
export const optionalText = text
  .nullish()
  .transform((value) => value ?? '')
  .catch('');

export const number = z.union(
  [
    z.number(),
    z
      .string()
      .regex(/^\s*-?\d+(?:\.\d+)?(?:e[+-]?\d+)?\s*$/i)
      .transform(Number)
      .pipe(z.number()),
  ],
  { error: 'must be a number' },
);
export const optionalNumber = z
  .union([number, z.literal('')], { error: 'must be a number or missing' })
  .nullish()
  .transform((value) => (typeof value === 'number' ? value : null));
/** For what may be left out without loss to the rest. */
export const anyNumber = optionalNumber.catch(null);
/** A bit mask or a code, as the database holds it. */
export const mask = anyNumber.transform((value) => (Number.isSafeInteger(value) ? value : null));
export const flag = z
  .union([z.boolean(), number, z.literal('')], { error: 'must be a flag or missing' })
  .nullish()
  .transform((value) => (typeof value === 'boolean' ? value : typeof value === 'number' ? value !== 0 : null))
  .catch(null);
export const degrees = (most: number) =>
  number.refine((value) => Math.abs(value) <= most, { error: `beyond ±${most}` });
export const optionalDegrees = (most: number) =>
  optionalNumber
    .refine((value) => value === null || Math.abs(value) <= most, { error: `beyond ±${most}` })
    .catch(null);

export const instant = z
  .unknown()
  .optional()
  .transform((value, context) => {
    const at = timeOf(value);
    if (typeof at === 'number') return at;
    context.addIssue({ code: 'custom', message: at === null ? 'no time is given' : at.problem });
    return z.NEVER;
  });
/** 0 and nothing mean "never". */
export const optionalInstant = z
  .unknown()
  .optional()
  .transform((value, context) => {
    const at = timeOf(value);
    if (at === null || typeof at === 'number') return at;
    context.addIssue({ code: 'custom', message: at.problem });
    return z.NEVER;
  });

export const anyInstant = optionalInstant.catch(null);

/** Postgres holds neither U+0000 nor half a surrogate pair in jsonb. */
function storable(value: string): string {
  return value.replaceAll('\0', '').replace(/\p{Surrogate}/gu, '\ufffd');
}

/** Ids that were numbers on their way have lost their leading zeros. */
export function isSameDevice(one: string, other: string): boolean {
  const plain = (given: string) =>
    given
      .trim()
      .toLowerCase()
      .replace(/^0+(?=.)/, '');
  return plain(one) === plain(other);
}
