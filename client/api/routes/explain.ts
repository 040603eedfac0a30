/** Why work is where it is. An id with slashes is written with `%2F`. */
import { z } from 'zod';
import { explainWork, TIME_CAUSES } from '../../operations/explain/explain';
import { SUBJECT_KINDS } from '../../operations/explain/subject';
import { type ApiRoute, operationRoute } from '../route';
import { instant, orNull, wait } from '../shapes/common';

const explanation = z
  .object({
    id: z.string(),
    kind: z.enum(SUBJECT_KINDS),
    state: z.string(),
    from: instant,
    to: orNull(instant),
    elapsedMs: z.int(),
    wait,
    evidence: orNull(
      z.object({
        pool: orNull(z.string()),
        limit: orNull(z.string()),
        words: z.string(),
        code: orNull(z.string()),
        requestId: orNull(z.string()),
        by: orNull(z.string()),
      }),
    ),
    shares: z.array(z.object({ cause: z.enum(TIME_CAUSES), ms: z.int(), share: z.number() })),
  })
  .meta({ id: 'Explanation' });

export const EXPLAIN_ROUTES: readonly ApiRoute[] = [
  operationRoute(explainWork, {
    ...{ method: 'GET', path: '/explain/{id}', id: 'explainWork', tag: 'explain', scope: 'read' },
    result: explanation,
  }),
];
