/** Logins of accounts by a person. */
import { z } from 'zod';
import { instant, orNull } from './common';

export const accountLogin = z
  .object({
    account: z.string(),
    vendor: z.string(),
    by: z.enum(['device-code', 'form', 'password', 'api-key', 'nothing']),
    state: z.enum(['ready', 'needs login', 'never logged in', 'refused']),
    reason: orNull(z.string()),
    subject: orNull(z.string()),
    since: orNull(instant),
    refreshedAt: orNull(instant),
    refreshGoodUntil: orNull(instant),
    accessGoodUntil: orNull(instant),
  })
  .meta({ id: 'AccountLogin' });

export const login = z
  .object({
    id: z.int(),
    account: z.string(),
    kind: z.enum(['device-code', 'form', 'password']),
    state: z.enum(['starting', 'waiting', 'done', 'refused', 'expired', 'cancelled', 'failed']),
    message: z.string(),
    url: orNull(z.string()),
    userCode: orNull(z.string()),
    intervalMs: orNull(z.number()),
    askedBy: z.string(),
    createdAt: orNull(instant),
    expiresAt: orNull(instant),
    endedAt: orNull(instant),
  })
  .meta({ id: 'Login' });
