/** `sluice batch plan`, and `batch start --dry-run`, which also shows three requests: what a batch would take, in words. */
import type { PlannedBatch } from '../../operations/batches/start';
import { countText, instantText, lengthText, pluralText } from '../../operations/time-text';
import { print, table } from '../output';
import { filePlanLines } from './delivery-mode-view';

export function printPlan(planned: PlannedBatch): void {
  const { input, via, files, itemsADay } = planned;
  if (via !== 'batch-api') printCalls(planned);
  else {
    print(`${countText(input.items)} items.`);
    if (itemsADay !== null && itemsADay < input.items) {
      const days = pluralText(Math.ceil(input.items / itemsADay), 'day');
      print(`A day takes ${countText(itemsADay)} of them, by the daily limit: at the least ${days}.`);
    }
  }
  if (files) for (const line of filePlanLines(files, planned.model, via === 'batch-api')) print(line);
  print('Nothing was called or stored.');
}

function printCalls({ input, latencyMs, mostInFlight, plan, at }: PlannedBatch): void {
  print(
    `${countText(input.items)} items of some ${countText(plan.tokensPerItem)} tokens each, one call an item.`,
  );
  const rows = plan.constraints.map(({ name, ms }) => [name, Number.isFinite(ms) ? lengthText(ms) : 'never']);
  print(table(['what alone would take', 'time'], rows));
  if (Number.isFinite(plan.ms)) {
    const pauses =
      plan.pauses === 0 ? '' : `, with ${pluralText(plan.pauses, 'pause')} until a limit's window turns`;
    print(
      `Binding: ${plan.binding}. At the least ${lengthText(plan.ms)}${pauses}: done ${instantText(at + plan.ms)} at the earliest.`,
    );
  } else print(`Binding: ${plan.binding}, which never lets all of it through.`);
  if (plan.concurrencyNeeded !== null) {
    print(
      `At most ${mostInFlight} calls are in flight; ${plan.concurrencyNeeded} reach the rate when answers take ${lengthText(latencyMs.max)} (--concurrency).`,
    );
  }
}
