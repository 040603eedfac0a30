/** `sluice plan`: what a backfill would cost, before any call. */
import type { Command } from 'commander';
import type { LimitWindow } from '../../../quota/limits/limit';
import { type Plan, planBackfill } from '../../operations/datasets/plans';
import {
  amountText,
  countText,
  lengthText,
  pluralText,
  spanText,
  whenText,
} from '../../operations/time-text';
import { call, contextOf } from '../command';
import { print, printJson, table } from '../output';
import { addPlanPolling } from '../polling/polling';
import { type SpanOptions, spanCommand, withDevices } from './backfill';

interface PlanOptions extends SpanOptions {
  readonly device?: string[];
  readonly deviceCount?: string;
  readonly reportTime?: string;
}

export function addPlan(program: Command): void {
  const plan = program.command('plan').description('what a piece of work would cost, before any call');
  addPlanPolling(plan);
  withDevices(spanCommand(plan, 'backfill', planBackfill.about, { isDefault: true }))
    .option(
      '--report-time <range>',
      'how long the vendor takes over a report, e.g. 15s..5m (default: measured)',
    )
    .option('--device-count <n>', 'of a fleet: as if it had so many devices, of which nothing is there')
    .action(async (dataset: string, { device, json, ...given }: PlanOptions, command: Command) => {
      const planned = await call(planBackfill, contextOf(command), { dataset, ...given, devices: device });
      if (json) printJson(planBackfill.json(planned));
      else if (planned.kind === 'fleet') printFleet(planned);
      else printReports(planned);
    });
}

function printReports({ plan, at: now }: Extract<Plan, { kind: 'reports' }>): void {
  if (plan.chunks === 0) {
    print('Nothing is missing: 0 reports, 0 calls.');
    return;
  }
  print(`${pluralText(plan.chunks, 'report')}, at priority ${plan.priority}:`);
  print(
    table(
      ['operation', 'calls', 'left now', 'limit'],
      Object.entries(plan.callsByOperation).map(([operation, calls]) => {
        const limit = plan.limits.find((l) => l.operations !== '*' && l.operations.includes(operation));
        return [
          operation,
          calls.min === calls.max
            ? countText(calls.max)
            : `${countText(calls.min)} to ${countText(calls.max)}`,
          limit === undefined ? '-' : amountText(limit.left),
          limit === undefined ? 'none known' : windowText(limit.window),
        ];
      }),
    ),
  );
  const source = { given: 'as given', measured: 'measured over past reports', usual: 'as is usual' }[
    plan.reportSource
  ];
  print(`A report takes ${lengthText(plan.reportMs.min)} to ${lengthText(plan.reportMs.max)}, ${source}.`);
  if (plan.binding) {
    const alone = lengthText(plan.binding.waitMs);
    print(`Binding: ${plan.binding.limit}, which alone takes ${alone} over its calls.`);
  } else print('No limit makes it wait.');
  if (plan.held) print('The pool is held: nothing goes until an operator resumes it. Counted as if now:');
  if (plan.pausedUntil !== null) print(`The pool is paused until ${whenText(plan.pausedUntil, now)}.`);
  if (Number.isFinite(plan.latestFinish)) {
    print(`Done between ${whenText(plan.earliestFinish, now)} and ${whenText(plan.latestFinish, now)}.`);
  } else print('Its end cannot be predicted: only the vendor knows when a limit resets.');
}

function windowText(window: LimitWindow): string {
  switch (window.kind) {
    case 'token-bucket':
      return `${Math.round(window.ratePerSecond * 10_000) / 10_000} a second, ${window.burst} at once`;
    case 'spacing':
      return `one each ${lengthText(window.ms)}`;
    case 'rolling':
      return `${window.count} in any ${lengthText(window.ms)}`;
    case 'calendar':
      return `${window.count} a ${window.per} (${window.zone})`;
    case 'vendor-reset':
      return `${window.count} until the vendor resets`;
  }
}

function printFleet({ plan, at: now, ...span }: Extract<Plan, { kind: 'fleet' }>): void {
  const { calls, devices, days, binding, callsADevice, shared } = plan;
  if (calls === 0) {
    print('Nothing is missing: 0 calls.');
    return;
  }
  print(
    `${pluralText(calls, 'call')} of ${plan.operation} for ${pluralText(devices, 'device')}, ${spanText(span)}, at priority ${plan.priority}:`,
  );
  print(
    table(
      ['limit', 'a day', 'left today'],
      [
        ...(callsADevice === null ? [] : [['each device', amountText(callsADevice), '-']]),
        ...shared.map(({ name, perDay, leftToday }) => [
          name,
          countText(perDay),
          leftToday === null ? '-' : countText(leftToday),
        ]),
      ],
    ),
  );
  print(`Live positions make ${countText(plan.liveADay)} calls a day besides.`);
  if (binding)
    print(
      `Binding: ${binding.limit}${Number.isFinite(binding.days) ? `, which alone takes ${amountText(binding.days)} ${binding.days === 1 ? 'day' : 'days'}` : ''}.`,
    );
  if (plan.held) print('The pool is held: nothing goes until an operator resumes it. Counted as if now:');
  if (plan.pausedUntil !== null) print(`The pool is paused until ${whenText(plan.pausedUntil, now)}.`);
  print(
    Number.isFinite(days)
      ? `${pluralText(days, 'day')}, at ${countText(plan.callsADay)} calls a day: done ${whenText(plan.finish, now)}.`
      : 'It is never done: a limit leaves nothing for it.',
  );
}
