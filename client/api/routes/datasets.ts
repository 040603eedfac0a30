/** Datasets: what is there, and the work that completes them. `{vendor}/{name}` is a dataset's id. */
import { PassThrough } from 'node:stream';
import { z } from 'zod';
import { OperationError, type Problem } from '../../operations/errors';
import { operations } from '../../operations/index';
import { checkInput, type Operation } from '../../operations/operation';
import { isVendor } from '../../operations/settings/choose';
import { API, type ApiRoute, type Call, type OfOperation, operationRoute } from '../route';
import {
  acceptedDoubts,
  backfillPlan,
  coverage,
  doubt,
  failedWindow,
  namedDataset,
  rows,
  setAsideRow,
} from '../shapes/datasets';
import { run, started, steered, steeredRun, sync } from '../shapes/work';

const { audits, backfills, datasets, syncs } = operations;

const AT = '/datasets/{vendor}/{name}';
const part = z.string().regex(/^[a-z0-9-]+$/, 'must be lower-case letters, digits and dashes');

/** The path's two parts in place of the field `dataset`. */
type OfDataset<Json> = Omit<OfOperation<Json>, 'about' | 'status'>;

function datasetRoute<Schema extends z.ZodObject, Result, Json>(
  operation: Operation<Schema, Result, Json>,
  terms: OfDataset<Json>,
  locate?: (json: Json) => string,
): ApiRoute {
  const { dataset: _, ...rest } = operation.input.shape as Record<string, z.ZodType>;
  return {
    ...terms,
    path: `${AT}${terms.path}`,
    about: operation.about,
    status: terms.starts ? 202 : 200,
    input: z.strictObject({ vendor: part, name: part, ...rest }),
    handle: async (call) => {
      const json = operation.json(
        await ofPath(call, rest, (given) => operation(call.backend, given as z.input<Schema>)),
      );
      return { body: json, ...(locate === undefined ? {} : { location: `${API}${locate(json)}` }) };
    },
  };
}

/** Runs the use case with the dataset that the path names; what is wrong with it is wrong with one of the path's parts. */
async function ofPath<Result>(
  { input }: Call,
  fields: Readonly<Record<string, z.ZodType>>,
  work: (given: Record<string, unknown>) => Promise<Result>,
): Promise<Result> {
  checkInput(z.strictObject({ vendor: part, name: part, ...fields }), input);
  const { vendor, name, ...rest } = input;
  return work({ ...rest, dataset: `${vendor}/${name}` }).catch((error: unknown) => {
    if (!(error instanceof OperationError) || error.field !== 'dataset') throw error;
    const at = isVendor(String(vendor)) ? 'name' : 'vendor';
    const problems = error.problems.map((one) => ({
      ...one,
      field: one.field === 'dataset' ? at : one.field,
    }));
    throw new OperationError(problems as unknown as [Problem, ...Problem[]]);
  });
}

const atRun = ({ workflowId }: { readonly workflowId: string }) =>
  `/backfills/${encodeURIComponent(workflowId)}`;
const READ = { method: 'GET', tag: 'datasets', scope: 'read' } as const;
const OPERATE = { method: 'POST', tag: 'datasets', scope: 'operate' } as const;

export const DATASET_ROUTES: readonly ApiRoute[] = [
  operationRoute(datasets.list, {
    ...READ,
    ...{ path: '/datasets', id: 'listDatasets' },
    result: z.array(namedDataset),
  }),
  datasetRoute(datasets.coverage, {
    ...READ,
    path: '/coverage',
    id: 'showCoverage',
    result: coverage,
  }),
  datasetRoute(datasets.rows, {
    ...READ,
    ...{ path: '/rows', id: 'listRows' },
    result: rows,
  }),
  {
    ...READ,
    ...{ path: `${AT}/export`, id: 'exportRows', about: datasets.export.about, status: 200, result: null },
    input: z.strictObject({ vendor: part, name: part, ...withoutDataset(datasets.export.input.shape) }),
    produces: ['text/csv', 'application/x-ndjson'],
    handle: async (call) =>
      ofPath(call, withoutDataset(datasets.export.input.shape), async (given) => {
        const type = given.format === 'jsonl' ? 'application/x-ndjson' : 'text/csv; charset=utf-8';
        await pour(call, type, (out) => datasets.export(call.backend, given as never, out));
      }),
  },
  datasetRoute(datasets.failed, {
    ...READ,
    path: '/failed',
    id: 'listFailedWindows',
    result: z.array(failedWindow),
  }),
  datasetRoute(datasets.doubts, { ...READ, path: '/doubts', id: 'listDoubts', result: z.array(doubt) }),
  datasetRoute(datasets.acceptDoubts, {
    ...OPERATE,
    ...{ path: '/doubts/accept', id: 'acceptDoubts' },
    result: acceptedDoubts,
  }),
  datasetRoute(datasets.setAside, {
    ...READ,
    ...{ path: '/set-aside', id: 'listSetAsideRows' },
    result: z.array(setAsideRow),
  }),
  datasetRoute(backfills.plan, {
    ...OPERATE,
    scope: 'read',
    audited: false,
    path: '/plan',
    id: 'planBackfill',
    result: backfillPlan,
  }),
  datasetRoute(
    backfills.start,
    { ...OPERATE, path: '/backfills', id: 'startBackfill', starts: true, result: started },
    atRun,
  ),
  datasetRoute(
    audits.start,
    { ...OPERATE, path: '/audits', id: 'startAudit', starts: true, result: started },
    atRun,
  ),
  datasetRoute(
    syncs.start,
    { ...OPERATE, path: '/sync', id: 'startSync', starts: true, result: started },
    () => '/syncs',
  ),
  ...(['stop', 'pause', 'resume'] as const).map((order) =>
    datasetRoute(syncs[order] as typeof syncs.stop, {
      ...OPERATE,
      ...{ path: `/sync/${order}`, id: `${order}Sync` },
      result: steered,
    }),
  ),
  operationRoute(syncs.list, { ...READ, path: '/syncs', id: 'listSyncs', result: z.array(sync) }),
  operationRoute(backfills.list, { ...READ, path: '/backfills', id: 'listBackfills', result: z.array(run) }),
  operationRoute(backfills.show, { ...READ, path: '/backfills/{backfill}', id: 'showBackfill', result: run }),
  ...(['pause', 'resume'] as const).map((order) =>
    operationRoute(backfills[order] as typeof backfills.pause, {
      ...OPERATE,
      ...{ path: `/backfills/{backfill}/${order}`, id: `${order}Backfill`, result: steeredRun },
    }),
  ),
  operationRoute(backfills.cancel, {
    ...OPERATE,
    ...{ path: '/backfills/{backfill}/cancel', id: 'cancelBackfill', result: steered },
  }),
];

function withoutDataset<Shape extends { readonly dataset: unknown }>({ dataset: _, ...rest }: Shape) {
  return rest;
}

/** Sends what `write` writes. What is wrong before the first byte is an ordinary problem; later, the answer breaks off. */
export async function pour(
  { reply }: Pick<Call, 'reply'>,
  type: string,
  write: (out: PassThrough) => Promise<unknown>,
): Promise<void> {
  const out = new PassThrough();
  const begun = new Promise<'begun'>((resolve) => {
    out.once('readable', () => resolve('begun'));
    out.once('end', () => resolve('begun'));
  });
  const written = write(out);
  written.catch((error: unknown) => out.destroy(error as Error));
  out.on('error', () => undefined);
  await Promise.race([begun, written]);
  await reply.type(type).send(out);
}
