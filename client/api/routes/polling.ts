/** Polling under a limit of calls: its plan, and the runs that keep to it. */
import { z } from 'zod';
import { operations } from '../../operations/index';
import { type ApiRoute, operationRoute } from '../route';
import { pollingPlan } from '../shapes/polling';
import { pollingRun, started, steered } from '../shapes/work';

const { polling } = operations;

const READ = { method: 'GET', tag: 'polling', scope: 'read' } as const;
const OPERATE = { method: 'POST', tag: 'polling', scope: 'operate' } as const;

const PLAN = { path: '/plans/polling', result: pollingPlan } as const;

export const POLLING_ROUTES: readonly ApiRoute[] = [
  operationRoute(polling.plan, { ...READ, ...PLAN, id: 'showPollingPlan' }),
  operationRoute(polling.plan, { ...OPERATE, ...PLAN, scope: 'read', audited: false, id: 'planPolling' }),
  operationRoute(polling.list, {
    ...READ,
    ...{ path: '/polling', id: 'listPolling', result: z.array(pollingRun) },
  }),
  operationRoute(
    polling.start,
    { ...OPERATE, path: '/polling', id: 'startPolling', starts: true, result: started },
    () => '/polling',
  ),
  ...(['stop', 'pause', 'resume'] as const).map((order) =>
    operationRoute(polling[order] as typeof polling.stop, {
      ...OPERATE,
      ...{ path: `/polling/${order}`, id: `${order}Polling`, result: steered },
    }),
  ),
];
