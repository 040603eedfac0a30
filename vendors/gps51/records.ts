/** Lists of records in GPS51's answers, each record checked by itself. */
import { z } from 'zod';
import type { Parsed } from '../http';
import type { Body } from './body';
import { listIn } from './other-names';

export const NOT_AN_OBJECT = { ok: false, problem: 'the body is not a JSON object' } as const;

/** The records of a list. @param toValue as `each` takes it. */
export function recordsOf<T extends object>(
  { root }: Body,
  key: string,
  toValue: (record: unknown) => T | z.ZodError | string,
): Parsed<readonly T[]> {
  const found = listIn(root, [key]);
  if (found.kind === 'problem') return { ok: false, problem: found.problem };
  return each(found.kind === 'none' ? [] : found.list, key, toValue);
}

/** @param toValue a text instead of an error says that the record is in order but of no use. */
export function each<R, T extends object>(
  records: readonly R[],
  what: string,
  toValue: (record: R) => T | z.ZodError | string,
): Parsed<readonly T[]> {
  const value: T[] = [];
  let malformed = 0;
  let problem = '';
  let useless = '';
  for (const [i, record] of records.entries()) {
    const made = toValue(record);
    if (made instanceof z.ZodError) {
      malformed++;
      problem ||= describe(`${what}[${i}]`, made);
    } else if (typeof made === 'string') useless ||= `${what}[${i}] ${made}`;
    else value.push(made);
  }
  const count = records.length - value.length;
  if (count === 0) return { ok: true, value };
  if (malformed > 1 && malformed === records.length) {
    return { ok: false, problem: `none of ${records.length} is usable: ${problem}` };
  }
  return { ok: true, value, leftOut: { count, malformed, problem: problem || useless } };
}

export function describe(where: string, error: z.ZodError): string {
  const [issue] = error.issues;
  return `${[where, ...(issue?.path ?? [])].join('.')}: ${issue?.message ?? 'is not as agreed'}`;
}
