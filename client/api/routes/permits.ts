/** Permits for programs in any language. */
import { z } from 'zod';
import { reportOutcome } from '../../operations/permits/outcome';
import { takePermit } from '../../operations/permits/take';
import { type ApiRoute, operationRoute } from '../route';

const instant = z.iso.datetime();

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
];
const NEXT_STEPS = ['use', 'retry', 'stop', 'renew-credentials', 'look-first', 'give-up'];

export const PERMIT_ROUTES: readonly ApiRoute[] = [
  {
    ...{ method: 'POST', path: '/permits', id: 'takePermit', tag: 'permits', scope: 'operate', status: 200 },
    about: takePermit.about,
    input: takePermit.input,
    result: z.object({ permit: z.string(), departAt: instant, expiresAt: instant, probe: z.boolean() }),
    audited: false,
    rateLimited: false,
    refusals: {
      429: 'A limit has nothing left, or the quota is used up: `until` says when to ask again',
      503: 'The pool lets no call through, or a server does not answer',
    },
    handle: async ({ backend, input, reply }) => {
      // Whoever has gone waits for no permit.
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort(new Error('the caller has gone')));
      return { body: takePermit.json(await takePermit(backend, input as never, gone.signal)) };
    },
  },
  operationRoute(reportOutcome, {
    ...{
      method: 'POST',
      path: '/permits/{id}/outcome',
      id: 'reportOutcome',
      tag: 'permits',
      scope: 'operate',
    },
    audited: false,
    rateLimited: false,
    result: z.object({
      verdict: z.enum(VERDICTS),
      next: z.enum(NEXT_STEPS),
      waitMs: z.number(),
      until: instant.nullable(),
      pool: z.string().nullable(),
      reason: z.string(),
      requestId: z.string().nullable(),
    }),
  }),
];
