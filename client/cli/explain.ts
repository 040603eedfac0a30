/** `sluice explain`: why a piece of work is where it is, and where its time has gone. */
import type { Command } from 'commander';
import type { TimeCause } from '../../quota/time-shares';
import { type Explanation, explainWork } from '../operations/explain/explain';
import { instantText, lengthText, whenText } from '../operations/time-text';
import { call, contextOf } from './command';
import { print, printJson, table } from './output';

export function addExplain(program: Command): void {
  program
    .command('explain')
    .argument(
      '<id>',
      'batch:7, batch:7/ITEM, command:3, window:DATASET:ACCOUNT:INSTANT, read:ACCOUNT:VEHICLE:READ, or a run as backfill list shows it',
    )
    .description(explainWork.about)
    .option('--json', 'JSON')
    .action(async (id: string, options: { readonly json?: boolean }, command: Command) => {
      const explanation = await call(explainWork, contextOf(command), { id });
      if (options.json) printJson(explainWork.json(explanation));
      else printExplanation(explanation, Date.now());
    });
}

const WORDS: Readonly<Record<TimeCause, string>> = {
  person: 'paused or held by a person',
  noWorker: 'no worker',
  quotaPause: 'quota used up',
  rateLimit: 'waiting for a limit',
  vendor: "the vendor's own delay",
  idle: 'nothing to do',
  calling: 'calling',
};

function printExplanation(
  { id, state, from, to, elapsedMs, wait, evidence, shares }: Explanation,
  now: number,
): void {
  print(
    `${id}: ${state}, ${to === null ? 'for' : 'took'} ${lengthText(elapsedMs)} (since ${instantText(from)})`,
  );
  if (wait === null) print(to === null ? 'nothing stands in its way' : `ended ${instantText(to)}`);
  else {
    print(`waits because ${wait.why}`);
    if (wait.since !== null) print(`  since   ${instantText(wait.since)}`);
    print(
      `  until   ${wait.until === null ? 'somebody acts, or the vendor does' : whenText(wait.until, now)}`,
    );
    print(`  frees   ${wait.frees}`);
  }
  if (evidence !== null) {
    const { pool, limit, code, requestId, words, by } = evidence;
    const said = [limit ?? pool, code, words, requestId && `request ${requestId}`, by && `by ${by}`].filter(
      Boolean,
    );
    if (said.length > 0) print(`  says    ${said.join(' · ')}`);
  }
  print();
  const rows = shares.map(({ cause, ms, share }) => [
    WORDS[cause],
    lengthText(ms),
    `${(100 * share).toFixed(1)} %`,
  ]);
  print(table(['where the time went', 'time', 'share'], rows));
}
