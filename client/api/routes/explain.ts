/** Why work is where it is. An id with slashes is written with `%2F`. */
import { z } from 'zod';
import { explainWork, TIME_CAUSES } from '../../operations/explain/explain';
import { SUBJECT_KINDS } from '../../operations/explain/subject';
import { type ApiRoute, operationRoute } from '../route';

const instant = z.iso.datetime();

export const EXPLAIN_ROUTES: readonly ApiRoute[] = [
  operationRoute(explainWork, {
    ...{ method: 'GET', path: '/explain/{id}', id: 'explainWork', tag: 'explain', scope: 'read' },
    result: z.object({
      id: z.string(),
      kind: z.enum(SUBJECT_KINDS),
      state: z.string(),
      from: instant,
      to: instant.nullable(),
      elapsedMs: z.number(),
      wait: z
        .object({
          what: z.string(),
          why: z.string(),
          since: instant.nullable(),
          until: instant.nullable(),
          frees: z.string(),
        })
        .nullable(),
      evidence: z
        .object({
          pool: z.string().nullable(),
          limit: z.string().nullable(),
          words: z.string(),
          code: z.string().nullable(),
          requestId: z.string().nullable(),
          by: z.string().nullable(),
        })
        .nullable(),
      shares: z.array(z.object({ cause: z.enum(TIME_CAUSES), ms: z.number(), share: z.number() })),
    }),
  }),
];
