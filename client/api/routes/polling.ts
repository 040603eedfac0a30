/** Polling under a limit of calls: its plan, and the runs that keep to it. */
import { z } from 'zod';
import { operations } from '../../operations/index';
import { type ApiRoute, operationRoute } from '../route';
import { instant, orNull, run, started } from './shapes';

const { polling } = operations;

const READ = { method: 'GET', tag: 'polling', scope: 'read' } as const;
const OPERATE = { method: 'POST', tag: 'polling', scope: 'operate' } as const;

const plan = z.looseObject({
  account: z.string(),
  limit: z.string(),
  capacity: z.number(),
  used: z.number(),
  reserve: z.number(),
  leftAfter: z.number(),
  from: orNull(instant),
  to: orNull(instant),
  calls: z.array(z.looseObject({ at: orNull(instant), vehicleId: z.string(), read: z.string() })),
  windows: z.array(
    z.looseObject({ from: orNull(instant), to: orNull(instant), budget: z.number(), planned: z.number() }),
  ),
  items: z.array(
    z.looseObject({
      vehicleId: z.string(),
      read: z.string(),
      calls: z.number(),
      wishedSeconds: z.number(),
      oldestSeconds: orNull(z.number()),
      meanSeconds: orNull(z.number()),
    }),
  ),
});
const steered = z.object({ workflowId: z.string() });
const PLAN = { path: '/plans/polling', result: plan } as const;

export const POLLING_ROUTES: readonly ApiRoute[] = [
  operationRoute(polling.plan, { ...READ, ...PLAN, id: 'showPollingPlan' }),
  operationRoute(polling.plan, { ...OPERATE, ...PLAN, scope: 'read', audited: false, id: 'planPolling' }),
  operationRoute(polling.list, {
    ...READ,
    ...{ path: '/polling', id: 'listPolling', result: z.array(run.omit({ wait: true })) },
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
