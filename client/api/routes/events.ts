/** What happened to pools and limits. */
import { z } from 'zod';
import { operations } from '../../operations/index';
import { type ApiRoute, operationRoute } from '../route';

export const EVENT_ROUTES: readonly ApiRoute[] = [
  operationRoute(operations.events.list, {
    ...{ method: 'GET', path: '/events', id: 'listEvents', tag: 'events', scope: 'read' },
    result: z.array(z.looseObject({ id: z.int(), at: z.iso.datetime(), kind: z.string() })),
  }),
];
