/** What happened: page by page, and as it happens. */
import { z } from 'zod';
import { knownKey } from '../../operations/access/keys';
import { checkKinds } from '../../operations/events/events';
import { operations } from '../../operations/index';
import { operation } from '../../operations/operation';
import { poolsNamed } from '../../operations/pools/pools';
import { shownKey } from '../access/access';
import { streamEvents } from '../event-stream';
import { type ApiRoute, operationRoute } from '../route';
import { instant, orNull } from '../shapes/common';

const READ = { method: 'GET', tag: 'events', scope: 'read' } as const;

const event = z
  .object({
    id: z.int(),
    at: instant,
    kind: z.string(),
    pool: orNull(z.string()),
    // By its kind: docs/monitoring.md lists the fields.
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Event' });

const follow = operation({
  about: 'events as they happen (Server-Sent Events); Last-Event-ID brings those that were missed',
  input: z.strictObject({ pool: z.string().optional(), kind: z.array(z.string()).optional() }),
  run: async ({ settings }, { pool, kind: kinds = [] }) => {
    checkKinds(kinds);
    return {
      pools: pool === undefined ? null : new Set(poolsNamed(settings, pool)),
      kinds: kinds.length === 0 ? null : new Set(kinds),
    };
  },
});

export const EVENT_ROUTES: readonly ApiRoute[] = [
  operationRoute(operations.events.page, {
    ...READ,
    ...{ path: '/events', id: 'listEvents' },
    result: z.object({ events: z.array(event), next: orNull(z.string()) }),
  }),
  {
    ...READ,
    ...{ path: '/events/stream', id: 'followEvents', about: follow.about, status: 200, result: null },
    produces: ['text/event-stream'],
    longLived: true,
    input: follow.input,
    handle: async ({ backend, input, request, reply, streams }) => {
      const { pools, kinds } = await follow(backend, input);
      const key = shownKey(request);
      await streamEvents(request, reply, {
        ...streams,
        wants: (one) =>
          (pools === null || (one.pool !== null && pools.has(one.pool))) &&
          (kinds === null || kinds.has(one.kind)),
        mayListen: async () => key === null || (await knownKey(backend, key)) !== null,
      });
    },
  },
];
