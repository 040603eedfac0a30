/** `sluice polling` and `sluice plan polling`: keeping vehicles fresh under a limit of calls. */
import type { Command } from 'commander';
import { endlessHoldText } from '../../../quota/pools/pool';
import { type PlannedDay, planPollingDay } from '../../operations/polling/plan';
import {
  listPolling,
  type PollingReport,
  pausePolling,
  resumePolling,
  startPolling,
  stopPolling,
} from '../../operations/polling/runs';
import { instantText, lengthText, pluralText, whenText } from '../../operations/time-text';
import { call, contextOf } from '../command';
import { note, print, printJson, table } from '../output';

interface Options {
  readonly account?: string;
  readonly reason?: string;
  readonly vehicles?: string;
  readonly json?: boolean;
}

export function addPolling(program: Command): void {
  const polling = program.command('polling').description('keep vehicles fresh under a limit of calls');
  const on = (name: string, about: string) =>
    polling.command(name).description(about).option('--account <name>', 'account, when there are several');
  on('start', startPolling.about).action(async ({ account }: Options, command: Command) => {
    const { workflowId, alreadyRan, workerRuns } = await call(startPolling, contextOf(command), { account });
    print(`${alreadyRan ? 'Runs already' : 'Started'}: ${workflowId}`);
    if (!workerRuns) note('No worker runs now; it begins when one does (npx sluice up).');
  });
  on('stop', stopPolling.about)
    .option('--reason <text>', 'why', 'stopped from the command line')
    .action(async ({ account, reason }: Options, command: Command) => {
      const { workflowId } = await call(stopPolling, contextOf(command), { account, reason });
      print(`${workflowId}: stopped`);
    });
  on('pause', pausePolling.about)
    .option('--reason <text>', 'why, for whoever wonders', 'by operator')
    .action(async ({ account, reason }: Options, command: Command) => {
      const { workflowId } = await call(pausePolling, contextOf(command), { account, reason });
      print(`${workflowId}: paused`);
    });
  on('resume', resumePolling.about).action(async ({ account }: Options, command: Command) => {
    const { workflowId } = await call(resumePolling, contextOf(command), { account });
    print(`${workflowId}: resumed`);
  });
  polling
    .command('list')
    .description(listPolling.about)
    .option('--json', 'JSON')
    .action(async ({ json }: Options, command: Command) => {
      const reports = await call(listPolling, contextOf(command), {});
      if (json) printJson(listPolling.json(reports));
      else if (reports.length === 0) note('The settings have no account that is polled.');
      else print(pollingTable(reports, Date.now()));
    });
}

/** @param plan the command `plan`. */
export function addPlanPolling(plan: Command): void {
  plan
    .command('polling [vendor]')
    .description(planPollingDay.about)
    .option('--account <name>', 'account, when there are several')
    .option('--vehicles <n>', 'where none is known yet: as if there were so many (default: 1)')
    .option('--json', 'JSON')
    .action(async (vendor: string | undefined, options: Options, command: Command) => {
      const { account, vehicles, json } = options;
      const planned = await call(planPollingDay, contextOf(command), {
        vendor,
        account,
        ...(vehicles === undefined ? {} : { vehicles }),
      });
      if (json) printJson(planPollingDay.json(planned));
      else printPlan(planned);
    });
}

function printPlan(planned: PlannedDay): void {
  const { account, limit, capacity, used, reserve, leftAfter, assumed, closed, calls, windows, items } =
    planned;
  print(`${account}: ${limit} allows ${capacity}, ${used} used, ${reserve} kept for people`);
  if (assumed.length > 0)
    note(`Its vehicles are not known yet: planned as for ${pluralText(assumed.length, 'vehicle')}.`);
  else if (items.every(({ vehicleId }) => vehicleId === '')) note('It has no vehicles that may be read.');
  if (closed !== null)
    print(
      `no calls ${closed.until === null ? endlessHoldText(closed.cause) : `before ${instantText(closed.until)}`}: ${closed.reason}`,
    );
  for (const { from, to, budget, planned: count, stretch } of windows) {
    const older =
      stretch === null
        ? ', too few to make each read once'
        : stretch > 1.005
          ? `, answers ${stretch.toFixed(1)} times as old as wished`
          : '';
    print(`${instantText(from)} to ${instantText(to)}: ${count} of ${budget} calls planned${older}`);
  }
  print(`${leftAfter} left after it in the window that runs, those for people included`);
  print();
  print(
    table(
      ['vehicle', 'read', 'calls', 'may be', 'oldest', 'on average'],
      items.map((one) => [
        one.vehicleId || '-',
        one.read,
        String(one.calls),
        lengthText(one.wishedMs),
        one.oldestMs === null ? 'never read' : lengthText(one.oldestMs),
        one.meanMs === null ? '-' : lengthText(one.meanMs),
      ]),
    ),
  );
  print();
  if (calls.length === 0) print('No calls.');
  else
    print(
      table(
        ['at', 'vehicle', 'read'],
        calls.map((one) => [instantText(one.at), one.vehicleId || '-', one.read]),
      ),
    );
}

/** What is next of each account and when, or why it waits. */
export function pollingTable(reports: readonly PollingReport[], now: number): string {
  return table(
    ['account', 'polling', 'until', 'what'],
    reports.map(({ account, running, status, problem }) => [
      account,
      running ? (status?.phase ?? 'runs') : 'not started',
      status?.until == null ? '-' : whenText(status.until, now),
      problem ?? status?.detail ?? '',
    ]),
  );
}
