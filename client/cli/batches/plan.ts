/** `sluice batch plan`, and `batch start --dry-run`, which also shows three requests: what a batch would take. */
import type { Pool } from 'pg';
import { fileCap, voidTerms } from '../../../quota/batches/run-terms';
import { type BatchRequest, planFor, type TextAccount } from '../../operations/batches/batch';
import { planFiles } from '../../operations/batches/delivery-mode';
import type { InputCheck } from '../../operations/batches/input';
import { type Context, withDatabase } from '../../operations/context';
import { countText, instantText, isoOrNull, lengthText, pluralText } from '../../operations/time-text';
import { note, print, printJson, table } from '../output';
import { filePlanJson, filePlanLines } from './delivery-mode-view';

export interface PlanInput {
  readonly target: TextAccount;
  readonly request: BatchRequest;
  readonly input: InputCheck;
  /** How long an answer takes, ms. */
  readonly latency: { readonly min: number; readonly max: number };
}

type Plan = Awaited<ReturnType<typeof planFor>>;

export async function showPlan(context: Context, planned: PlanInput, asJson: boolean): Promise<void> {
  const { target, request, input, latency } = planned;
  const now = Date.now();
  const make = (db: Pool | null) => planFor(db, target, request, input, latency, now);
  // A plan needs no server; with one it starts from what is used now.
  const plan = await withDatabase(context, make).catch(() => make(null));
  for (const line of voidTerms(target.account.limits, request.options, request.priority)) note(line);
  if (asJson) printJson(planJson(planned, plan, now));
  else printPlan(planned, plan, now);
}

function mostInFlight({ request, target }: PlanInput): number {
  return request.options.maxConcurrency ?? target.api.concurrency.max;
}

function printPlan(planned: PlanInput, plan: Plan, now: number): void {
  const { target, request, input } = planned;
  const byFiles = planFiles(target, request, input);
  if (request.via !== 'batch-api') printCalls(planned, plan, now);
  else {
    print(`${countText(input.items)} items.`);
    const { account, api } = target;
    const cap = fileCap(account.limits, api, request.options, request.priority);
    if (cap && cap.calls < input.items) {
      const days = pluralText(Math.ceil(input.items / cap.calls), 'day');
      print(`A day takes ${countText(cap.calls)} of them, by the daily limit: at the least ${days}.`);
    }
  }
  if (byFiles)
    for (const line of filePlanLines(byFiles, request.model, request.via === 'batch-api')) print(line);
  print('Nothing was called or stored.');
}

function printCalls(planned: PlanInput, plan: Plan, now: number): void {
  const { input, latency } = planned;
  print(
    `${countText(input.items)} items of some ${countText(plan.tokensPerItem)} tokens each, one call an item.`,
  );
  const rows = plan.constraints.map(({ name, ms }) => [name, Number.isFinite(ms) ? lengthText(ms) : 'never']);
  print(table(['what alone would take', 'time'], rows));
  if (Number.isFinite(plan.ms)) {
    const pauses =
      plan.pauses === 0 ? '' : `, with ${pluralText(plan.pauses, 'pause')} until a limit's window turns`;
    print(
      `Binding: ${plan.binding}. At the least ${lengthText(plan.ms)}${pauses}: done ${instantText(now + plan.ms)} at the earliest.`,
    );
  } else print(`Binding: ${plan.binding}, which never lets all of it through.`);
  if (plan.concurrencyNeeded !== null) {
    print(
      `At most ${mostInFlight(planned)} calls are in flight; ${plan.concurrencyNeeded} reach the rate when answers take ${lengthText(latency.max)} (--concurrency).`,
    );
  }
}

function planJson(planned: PlanInput, plan: Plan, now: number) {
  const { target, input, latency, request } = planned;
  const byFiles = planFiles(target, request, input);
  const finite = (ms: number) => (Number.isFinite(ms) ? Math.round(ms) : null);
  return {
    items: input.items,
    tokensPerItem: plan.tokensPerItem,
    priority: request.priority,
    constraints: plan.constraints.map(({ name, ms }) => ({ name, ms: finite(ms) })),
    binding: plan.binding,
    ms: finite(plan.ms),
    endsAt: isoOrNull(now + plan.ms),
    pauses: plan.pauses,
    concurrency: { most: mostInFlight(planned), needed: plan.concurrencyNeeded },
    latencyMs: latency,
    via: request.via ?? 'responses',
    batchApi: byFiles && filePlanJson(byFiles),
  };
}
