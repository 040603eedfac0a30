/** Liveness and readiness probes, for whoever runs the process. */
import { z } from 'zod';
import type { ApiRoute } from '../route';

const NOTHING = z.strictObject({});

export const PROBE_ROUTES: readonly ApiRoute[] = [
  {
    method: 'GET',
    path: '//livez',
    id: 'isAlive',
    tag: 'probes',
    about: 'the process answers',
    scope: null,
    input: NOTHING,
    status: 200,
    result: z.object({ status: z.literal('ok') }),
    handle: async () => ({ body: { status: 'ok' } }),
  },
  {
    method: 'GET',
    path: '//readyz',
    id: 'isReady',
    tag: 'probes',
    about: 'Postgres answers, so requests can be served',
    scope: null,
    input: NOTHING,
    status: 200,
    result: z.object({ status: z.literal('ok') }),
    handle: async ({ backend }) => {
      await backend.database((db) => db.query('select 1'));
      return { body: { status: 'ok' } };
    },
  },
];
