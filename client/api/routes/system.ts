/** What runs, and what is wrong. */
import { z } from 'zod';
import { operations } from '../../operations/index';
import { type ApiRoute, operationRoute } from '../route';
import { check, status } from '../shapes/system';

const { system, workers } = operations;

export const SYSTEM_ROUTES: readonly ApiRoute[] = [
  operationRoute(system.status, {
    ...{ method: 'GET', path: '/status', id: 'showStatus', tag: 'system', scope: 'read' },
    result: status,
  }),
  operationRoute(system.doctor, {
    ...{ method: 'GET', path: '/doctor', id: 'runDoctor', tag: 'system', scope: 'admin' },
    result: z.array(check),
  }),
  operationRoute(workers.run, {
    ...{ method: 'GET', path: '/workers', id: 'showWorkers', tag: 'system', scope: 'read' },
    result: z.object({ runs: z.boolean() }),
  }),
];
