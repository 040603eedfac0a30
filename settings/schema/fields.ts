/** Kinds of values that several settings share. */
import { z } from 'zod';
import { PRIORITIES } from '../../quota/limits/limit';

export const flag = z.boolean({ error: 'must be true or false' });
export const text = z.string({ error: 'must be text' }).min(1, 'must not be empty');
export const priority = z.enum(PRIORITIES, { error: `must be one of ${PRIORITIES.join(', ')}` });

export const share = z
  .number({ error: 'must be a number from 0 to 1' })
  .min(0, 'must be a number from 0 to 1')
  .max(1, 'must be a number from 0 to 1');

/** Names of accounts and datasets. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
export const name = z.string().regex(NAME, 'must be a name of letters, digits, dot, dash and underscore');

export const whole = (max: number) => {
  const error = `must be a whole number from 0 to ${max}`;
  return z.number({ error }).int(error).min(0, error).max(max, error);
};
