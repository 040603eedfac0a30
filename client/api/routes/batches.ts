/** Batches: a call for each row of an input. */
import { z } from 'zod';
import { operations } from '../../operations/index';
import { ApiError } from '../problem';
import { API, type ApiRoute, operationRoute } from '../route';
import {
  batch,
  batchDetails,
  batchItems,
  batchPlan,
  cancelledBatch,
  pausedBatch,
  resumedBatch,
  retriedItems,
  skippedItems,
  startedBatch,
} from '../shapes/batches';
import { pour } from './datasets';

const { batches } = operations;

const READ = { method: 'GET', tag: 'batches', scope: 'read' } as const;
const OPERATE = { method: 'POST', tag: 'batches', scope: 'operate' } as const;
/** Rows in a JSON body, bytes. */
const ROWS_BYTES = 64 * 1024 * 1024;

const at = (json: { readonly batch: number }) => `/batches/${json.batch}`;

export const BATCH_ROUTES: readonly ApiRoute[] = [
  operationRoute(batches.list, { ...READ, path: '/batches', id: 'listBatches', result: z.array(batch) }),
  operationRoute(
    batches.startFromRows,
    {
      ...OPERATE,
      path: '/batches',
      id: 'startBatch',
      starts: true,
      bodyLimit: ROWS_BYTES,
      result: startedBatch,
    },
    at,
  ),
  operationRoute(batches.planFromRows, {
    ...OPERATE,
    ...{ scope: 'read', audited: false, path: '/batches/plan', id: 'planBatch', bodyLimit: ROWS_BYTES },
    result: batchPlan,
  }),
  {
    ...OPERATE,
    ...{
      path: '/batches/upload',
      id: 'uploadBatch',
      about: 'work on the rows of a CSV file, which is the body',
    },
    ...{ status: 202, starts: true, consumes: ['text/csv'], result: startedBatch },
    input: batches.startFromUpload.input,
    handle: async ({ backend, input, upload }) => {
      if (upload === null) throw new ApiError('UNSUPPORTED_MEDIA_TYPE', 'the body must be the CSV file');
      const json = batches.start.json(await batches.startFromUpload(backend, input as never, upload.path));
      return { body: json, location: `${API}${at(json)}` };
    },
  },
  operationRoute(
    batches.start,
    {
      ...OPERATE,
      ...{
        scope: 'admin',
        path: '/batches/reference',
        id: 'startBatchFromFile',
        starts: true,
        result: startedBatch,
      },
      about: 'work on a file that this server can read, by its path',
    },
    at,
  ),
  operationRoute(batches.show, { ...READ, path: '/batches/{batch}', id: 'showBatch', result: batchDetails }),
  {
    ...READ,
    ...{
      path: '/batches/{batch}/results',
      id: 'exportBatch',
      about: batches.export.about,
      status: 200,
      result: null,
    },
    input: batches.export.input,
    produces: ['application/x-ndjson'],
    handle: async (call) =>
      pour(call, 'application/x-ndjson', (out) => batches.export(call.backend, call.input as never, out)),
  },
  operationRoute(batches.items, {
    ...READ,
    ...{ path: '/batches/{batch}/items', id: 'listBatchItems' },
    result: batchItems,
  }),
  operationRoute(batches.pause, {
    ...OPERATE,
    ...{ path: '/batches/{batch}/pause', id: 'pauseBatch', result: pausedBatch },
  }),
  operationRoute(batches.resume, {
    ...OPERATE,
    ...{ path: '/batches/{batch}/resume', id: 'resumeBatch', result: resumedBatch },
  }),
  operationRoute(batches.cancel, {
    ...OPERATE,
    ...{ path: '/batches/{batch}/cancel', id: 'cancelBatch', result: cancelledBatch },
  }),
  operationRoute(batches.skip, {
    ...OPERATE,
    ...{ path: '/batches/{batch}/skip', id: 'skipBatchItems', result: skippedItems },
  }),
  operationRoute(batches.retryFailed, {
    ...OPERATE,
    ...{ path: '/batches/{batch}/retry', id: 'retryBatchItems' },
    result: retriedItems,
  }),
];
