/**
 * The use case of plans: what a backfill would cost and when it would be done. Reports are planned by plan.ts, fleets
 * by fleet/plan.ts.
 */
import { z } from 'zod';
import { asFieldLater, invalid } from '../errors';
import { lengthRange, type Span, whole } from '../fields';
import { type FleetPlan, planFleet } from '../fleet/plan';
import { spanJson } from '../json';
import { operation } from '../operation';
import { isoOrNull } from '../time-text';
import { type BackfillPlan, planReports } from './plan';
import { checkSpanWork, devices, refuse, spanFields } from './span-work';

interface PlannedSpan extends Span {
  /** Epoch ms at which it was planned. */
  readonly at: number;
}

export type Plan = PlannedSpan &
  (
    | { readonly kind: 'reports'; readonly plan: BackfillPlan }
    | { readonly kind: 'fleet'; readonly plan: FleetPlan }
  );

export const planBackfill = operation({
  about: 'calls, the limit that binds, and when it would be done',
  input: z.strictObject({
    ...spanFields,
    devices,
    /** Of a fleet: as if it had so many devices, of which nothing is there. */
    deviceCount: whole(1, 999_999).optional(),
    /** How long the vendor takes over a report; without it, as was measured. */
    reportTime: lengthRange.optional(),
  }),
  json: (planned: Plan) => (planned.kind === 'fleet' ? fleetJson(planned) : reportsJson(planned)),
  run: async (backend, { deviceCount, reportTime, ...input }): Promise<Plan> => {
    const now = Date.now();
    const work = checkSpanWork(backend.settings, input, 'backfill', now);
    const { from, to } = work;
    if (work.kind === 'fleet') {
      refuse(input.dataset, { reportTime });
      if (deviceCount !== undefined && work.devices !== null) {
        throw invalid(
          'deviceCount',
          'is of devices that need not exist; give it or `devices`, not both',
          'NOT_APPLICABLE',
        );
      }
      const options = { ...work, deviceCount: deviceCount ?? null };
      const plan = await asFieldLater('devices', () =>
        backend.database((db) => planFleet(db, backend.settings, work.context, options, now)),
      );
      return { kind: 'fleet', at: now, from, to, plan };
    }
    refuse(input.dataset, { deviceCount });
    const { context, chunkHours, priority } = work;
    const options = { from, to, chunkHours, priority, reportMs: reportTime ?? null };
    const plan = await backend.database((db) => planReports(db, context, options, now));
    return { kind: 'reports', at: now, from, to, plan };
  },
});

function reportsJson({ plan, at }: Extract<Plan, { kind: 'reports' }>) {
  return {
    chunks: plan.chunks,
    priority: plan.priority,
    calls: plan.callsByOperation,
    binding: plan.binding,
    earliestFinish: isoOrNull(plan.earliestFinish),
    latestFinish: isoOrNull(plan.latestFinish),
    earliestMs: finiteOrNull(plan.earliestFinish - at),
    latestMs: finiteOrNull(plan.latestFinish - at),
    reportMs: plan.reportMs,
    reportSource: plan.reportSource,
    pausedUntil: isoOrNull(plan.pausedUntil),
    held: plan.held,
    limits: plan.limits.map(({ name, used, left, share }) => ({ name, used, left, share })),
  };
}

const finiteOrNull = (value: number) => (Number.isFinite(value) ? value : null);

function fleetJson({ plan, at, ...span }: Extract<Plan, { kind: 'fleet' }>) {
  const { days, callsADay, finish, binding, shared, ...rest } = plan;
  return {
    ...spanJson(span),
    ...rest,
    days: finiteOrNull(days),
    callsADay,
    finish: isoOrNull(finish),
    finishMs: finiteOrNull(finish - at),
    binding: binding && { limit: binding.limit, days: finiteOrNull(binding.days) },
    shared,
    pausedUntil: isoOrNull(plan.pausedUntil),
  };
}
