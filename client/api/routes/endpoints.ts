/** Endpoints at the paths that clients of the earlier services know. */
import { prometheusText, readHealth, readMetrics } from '../../operations/endpoints/health';
import { refreshDataset, summarizeDataset } from '../../operations/endpoints/sales';
import { showOwnVehicle } from '../../operations/vehicles/own-vehicle';
import { prefersText } from '../accept';
import { type ApiRoute, operationRoute } from '../route';
import { health, metrics, ownVehicle, refreshed, summary } from '../shapes/endpoints';

const TAG = 'earlier clients';
const SALES = '//api/vendor-realtime-sales';

export const ENDPOINT_ROUTES: readonly ApiRoute[] = [
  operationRoute(readHealth, {
    ...{ method: 'GET', path: '//health', id: 'readHealth', tag: TAG, scope: 'read' },
    result: health,
  }),
  {
    ...{ method: 'GET', path: '//metrics', id: 'readMetrics', tag: TAG, scope: 'read', status: 200 },
    about: readMetrics.about,
    input: readMetrics.input,
    result: metrics,
    produces: ['text/plain'],
    handle: async ({ backend, input, request, reply }) => {
      const found = await readMetrics(backend, input as never);
      const { accept = '' } = request.headers;
      const text = input.format === 'prometheus' || (input.format === undefined && prefersText(accept));
      if (!text) return { body: readMetrics.json(found) };
      await reply.type('text/plain; version=0.0.4; charset=utf-8').send(prometheusText(found));
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
    result: refreshed,
  }),
  operationRoute(showOwnVehicle, {
    ...{ method: 'POST', path: '//', id: 'showOwnVehicle', tag: TAG, scope: 'operate', status: 200 },
    endUser: 'email',
    result: ownVehicle,
    refusals: { 401: 'The vendor refuses the e-mail or the password, or there is no key' },
  }),
  operationRoute(summarizeDataset, {
    ...{ method: 'GET', path: `${SALES}/summary`, id: 'summarizeSales', tag: TAG, scope: 'read' },
    result: summary,
  }),
];
