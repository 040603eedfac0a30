/** Permits for programs in any language. */
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { callVendor } from '../../operations/permits/call';
import { reportOutcome } from '../../operations/permits/outcome';
import { takePermit } from '../../operations/permits/take';
import type { ApiRoute } from '../route';
import { instant } from '../shapes/common';

const VERDICTS = [
  'ok',
  'rate',
  'quota',
  'server',
  'auth',
  'billing',
  'blocked',
  'gone',
  'pending',
  'invalid',
  'unused',
] as const;
const NEXT_STEPS = ['use', 'retry', 'stop', 'renew-credentials', 'look-first', 'give-up'] as const;

const outcome = {
  verdict: z.enum(VERDICTS),
  next: z.enum(NEXT_STEPS),
  waitMs: z.number().nullable().describe('0: none. Null: nobody knows, for only a person ends the stop'),
  until: instant.nullable(),
  pool: z.string().nullable(),
  stop: z
    .object({
      pool: z.string(),
      state: z.string(),
      since: instant,
      reason: z.string(),
      by: z.string().nullable().describe('The operator who has paused it'),
    })
    .nullable()
    .describe('What closes the pool'),
  reason: z.string(),
  requestId: z.string().nullable(),
};

const permit = z
  .object({ permit: z.string(), departAt: instant, expiresAt: instant, probe: z.boolean() })
  .meta({ id: 'Permit' });
const outcomeAnswer = z
  .object({
    ...outcome,
    permit: permit
      .nullable()
      .describe('For the next call, where `nextWaitMs` asked for it and it was had in that time'),
  })
  .meta({ id: 'Outcome' });
const callAnswer = z
  .object({
    status: z.int().nullable(),
    headers: z.record(z.string(), z.string()),
    body: z.string(),
    ...outcome,
  })
  .meta({ id: 'CallAnswer' });

const NO_LEAVE = {
  429: 'A limit has nothing left, or the quota is used up: `until` says when to ask again',
  503: 'The pool lets no call through, or a server does not answer',
};

const TOO_LARGE = {
  502: 'The call was made, and its answer is longer than is handed on: `answer` says what it was. Sent again, it costs another call',
};

/** Whoever has gone waits for no permit. */
function whileHere(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort(new Error('the caller has gone')));
  return gone.signal;
}

export const PERMIT_ROUTES: readonly ApiRoute[] = [
  {
    ...{ method: 'POST', path: '/permits', id: 'takePermit', tag: 'permits', scope: 'operate', status: 200 },
    about: takePermit.about,
    input: takePermit.input,
    result: permit satisfies z.ZodType<ReturnType<typeof takePermit.json>>,
    audited: false,
    rateLimited: false,
    waits: true,
    refusals: NO_LEAVE,
    handle: async ({ backend, input, reply }) => ({
      body: takePermit.json(await takePermit(backend, input as never, whileHere(reply))),
    }),
  },
  {
    ...{ method: 'POST', path: '/calls', id: 'callVendor', tag: 'permits', scope: 'operate', status: 200 },
    about: callVendor.about,
    input: callVendor.input,
    result: callAnswer satisfies z.ZodType<ReturnType<typeof callVendor.json>>,
    waits: true,
    refusals: { ...NO_LEAVE, ...TOO_LARGE },
    handle: async ({ backend, input, reply }) => ({
      body: callVendor.json(await callVendor(backend, input as never, whileHere(reply))),
    }),
  },
  {
    ...{ method: 'POST', path: '/permits/{id}/outcome', id: 'reportOutcome', tag: 'permits' },
    ...{ scope: 'operate', status: 200 },
    about: reportOutcome.about,
    input: reportOutcome.input,
    result: outcomeAnswer satisfies z.ZodType<ReturnType<typeof reportOutcome.json>>,
    audited: false,
    rateLimited: false,
    waits: true,
    handle: async ({ backend, input, reply }) => ({
      body: reportOutcome.json(await reportOutcome(backend, input as never, whileHere(reply))),
    }),
  },
];
