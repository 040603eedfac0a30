/** Planning and starting a batch: a row of a file, a text. The same file again goes on where it stood. */
import { z } from 'zod';
import type { BatchPlan } from '../../../quota/batches/plan';
import { fileCap, type VoidTerm, voidTerms } from '../../../quota/batches/run-terms';
import { type Batch, createBatch, type DeliveryMode, findBatch } from '../../../store/batches/batches';
import { type BatchCounts, countItems } from '../../../store/batches/items';
import { duration } from '../../../vendors/account-fields';
import type { TextRequest } from '../../../vendors/capabilities/texts';
import { workerPolls } from '../datasets/work';
import { operation } from '../operation';
import { isoOrNull } from '../time-text';
import { type Change, takeOver } from './again';
import { continueBatch, planFor, requestFor, specOf, startWorkflow } from './batch';
import { changeDeliveryMode, type DeliveryChange, type FilePlan, planFiles } from './delivery-mode';
import { readItems } from './input';
import { type InputReport, prepareRequest, requestFields } from './request';

const NOT_A_LATENCY = 'must be a shortest and a longest time such as 1s..3s or 300ms..2s';

/** `1s..3s`, or one length for both, to ms. */
const latency = z.string().transform((text, context) => {
  const kind = duration('milliseconds', { min: 1 });
  const [low = '', high = low, ...more] = text.split('..');
  const [min, max] = [kind.safeParse(low), kind.safeParse(high)];
  if (more.length === 0 && min.success && max.success && min.data <= max.data) {
    return { min: min.data, max: max.data };
  }
  context.addIssue({ code: 'custom', message: NOT_A_LATENCY });
  return z.NEVER;
});

export interface PlannedBatch {
  /** Epoch ms at which it was planned. */
  readonly at: number;
  readonly input: InputReport;
  readonly model: string;
  readonly priority: Batch['priority'];
  readonly via: DeliveryMode;
  readonly plan: BatchPlan & { readonly tokensPerItem: number };
  /** Calls. */
  readonly mostInFlight: number;
  readonly latencyMs: { readonly min: number; readonly max: number };
  /** What going by files would take and cost; null when the vendor takes none. */
  readonly files: FilePlan | null;
  /** Items of a day that the daily limit lets go by files; null without one, or by calls of their own. */
  readonly itemsADay: number | null;
  readonly voidTerms: readonly VoidTerm[];
  /** The first three, as they would go out. */
  readonly requests: readonly TextRequest[];
}

export const planBatch = operation({
  about: 'what would bind it and when it would be done; calls and stores nothing',
  input: z.strictObject({
    ...requestFields,
    /** How long an answer takes. */
    latency: latency.prefault('1s..3s'),
  }),
  json: plannedJson,
  run: async (backend, { latency: latencyMs, ...fields }): Promise<PlannedBatch> => {
    const now = Date.now();
    const { target, request, input, report } = await prepareRequest(backend.settings, fields);
    const { account, api } = target;
    const { options, priority, model, via = 'responses' } = request;
    // A plan needs no server; with one it starts from what is used now.
    const plan = await backend
      .database((db) => planFor(db, target, request, input, latencyMs, now))
      .catch(() => planFor(null, target, request, input, latencyMs, now));
    const cap = via === 'batch-api' ? fileCap(account.limits, api, options, priority) : null;
    return {
      at: now,
      input: report,
      ...{ model, priority, via, plan, latencyMs },
      mostInFlight: options.maxConcurrency ?? api.concurrency.max,
      files: planFiles(target, request, input),
      itemsADay: cap?.calls ?? null,
      voidTerms: voidTerms(account.limits, options, priority),
      requests: input.first.map(({ variables }) => requestFor(api, request, variables)),
    };
  },
});

function plannedJson({ plan, files, at, ...planned }: PlannedBatch) {
  const finite = (ms: number) => (Number.isFinite(ms) ? Math.round(ms) : null);
  return {
    items: planned.input.items,
    input: inputJson(planned.input),
    tokensPerItem: plan.tokensPerItem,
    priority: planned.priority,
    constraints: plan.constraints.map(({ name, ms }) => ({ name, ms: finite(ms) })),
    binding: plan.binding,
    ms: finite(plan.ms),
    endsAt: isoOrNull(at + plan.ms),
    pauses: plan.pauses,
    concurrency: { most: planned.mostInFlight, needed: plan.concurrencyNeeded },
    latencyMs: planned.latencyMs,
    via: planned.via,
    batchApi: files && filePlanJson(files),
    itemsADay: planned.itemsADay,
    voidTerms: planned.voidTerms,
    requests: planned.requests,
  };
}

function filePlanJson({ price, ...rest }: FilePlan) {
  return {
    ...rest,
    price: price && { currency: 'USD', responses: price.calls, batchApi: price.files, saved: price.saved },
  };
}

function inputJson({ columns, items, badCount, bad, comments, asksTheSame }: InputReport) {
  return { columns, items, badRows: { count: badCount, first: bad }, comments, asksTheSame };
}

export interface StartedBatch {
  /** As it runs now. */
  readonly batch: Batch;
  readonly counts: BatchCounts;
  readonly workflowId: string;
  /** True when the same input was started before: it goes on where it stood. */
  readonly goesOn: boolean;
  /** False when no worker asks for work now: it begins when one does. */
  readonly workerRuns: boolean;
  /** What a batch that goes on takes over. */
  readonly changes: readonly Change[];
  /** Null when its delivery mode stays. */
  readonly delivery: DeliveryChange | null;
  readonly input: InputReport;
  readonly voidTerms: readonly VoidTerm[];
}

export const startBatch = operation({
  about: 'load a file and work on it; the same file again goes on where it stood',
  input: z.strictObject(requestFields),
  json: ({ batch, counts, input, ...started }: StartedBatch) => {
    const { nextDueAt, ...numbers } = counts;
    return {
      batch: batch.id,
      items: batch.items,
      ...started,
      via: batch.via,
      counts: { ...numbers, nextDueAt: isoOrNull(nextDueAt) },
      input: inputJson(input),
    };
  },
  run: async (backend, fields): Promise<StartedBatch> => {
    const { settings } = backend;
    const { target, request, input, report, given } = await prepareRequest(settings, fields);
    const spec = specOf(fields.account, request, input);
    return backend.database(async (db) => {
      const known = await findBatch(db, spec.digest);
      const again = known && (await takeOver(db, target, known, given));
      const delivery = known ? await changeDeliveryMode(db, known, request.via) : null;
      const items = () => readItems(fields.input, input.kept, { comments: fields.comments });
      const stored = again?.batch ?? (await createBatch(db, spec, items())).batch;
      const batch = delivery === null ? stored : { ...stored, via: delivery.to };
      const begin = known ? continueBatch : startWorkflow;
      const started = await backend.temporal(async (client) => ({
        workflowId: await begin(client, settings, batch),
        workerRuns: await workerPolls(client, settings.temporal.taskQueue),
      }));
      return {
        ...{ batch, ...started, delivery, goesOn: known !== null },
        counts: await countItems(db, batch.id),
        changes: again?.changes ?? [],
        input: report,
        voidTerms: voidTerms(target.account.limits, batch.options, batch.priority),
      };
    });
  },
});
