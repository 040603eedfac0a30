/** Endpoints at the paths that clients of the earlier services know. */
import { z } from 'zod';
import { prometheusText, readHealth, readMetrics } from '../../operations/endpoints/health';
import { refreshDataset, summarizeDataset } from '../../operations/endpoints/sales';
import { showOwnVehicle } from '../../operations/vehicles/own-vehicle';
import { type ApiRoute, operationRoute } from '../route';

const TAG = 'earlier clients';
const SALES = '//api/vendor-realtime-sales';

const health = z.looseObject({
  status: z.enum(['healthy', 'degraded']),
  quota_status: z.looseObject({}),
  user_agent_info: z.object({ user_agent: z.string().nullable() }),
  circuit_breaker_state: z.string(),
});

export const ENDPOINT_ROUTES: readonly ApiRoute[] = [
  operationRoute(readHealth, {
    ...{ method: 'GET', path: '//health', id: 'readHealth', tag: TAG, scope: 'read' },
    result: health,
  }),
  {
    ...{ method: 'GET', path: '//metrics', id: 'readMetrics', tag: TAG, scope: 'read', status: 200 },
    about: readMetrics.about,
    input: readMetrics.input,
    result: z.looseObject({ quota_retry_count: z.number() }),
    produces: ['text/plain'],
    handle: async ({ backend, input, request, reply }) => {
      const metrics = await readMetrics(backend, input as never);
      const { accept = '' } = request.headers;
      const text =
        input.format === 'prometheus' || (input.format === undefined && /text\/plain/.test(accept));
      if (!text) return { body: readMetrics.json(metrics) };
      await reply.type('text/plain; version=0.0.4; charset=utf-8').send(prometheusText(metrics));
      return undefined;
    },
  },
  operationRoute(refreshDataset, {
    ...{
      method: 'POST',
      path: `${SALES}/refresh`,
      id: 'refreshSales',
      tag: TAG,
      scope: 'operate',
      status: 200,
    },
    result: z.looseObject({ status: z.enum(['success', 'error']), window: z.string() }),
  }),
  operationRoute(showOwnVehicle, {
    ...{ method: 'POST', path: '//', id: 'showOwnVehicle', tag: TAG, scope: 'operate', status: 200 },
    endUser: 'email',
    result: z.looseObject({
      status: z.literal('success'),
      vehicle: z.looseObject({ vehicleId: z.string() }),
      read: z.looseObject({ read: z.string(), values: z.looseObject({}) }),
    }),
    refusals: { 401: 'The vendor refuses the e-mail or the password, or there is no key' },
  }),
  operationRoute(summarizeDataset, {
    ...{ method: 'GET', path: `${SALES}/summary`, id: 'summarizeSales', tag: TAG, scope: 'read' },
    result: z.looseObject({ status: z.literal('success') }),
  }),
];
