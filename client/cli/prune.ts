/** `sluice prune`: deletes what is older than the settings' retention, or lists it. */
import type { Command } from 'commander';
import type { PrunedKind } from '../../store/prune';
import { daysOf, type Pruned, pruneOld } from '../operations/prune';
import { call, contextOf } from './command';
import { untilInterrupted } from './interrupt';
import { print, printJson, table } from './output';

interface PruneOptions {
  readonly dryRun?: boolean;
  readonly batches?: string;
  readonly json?: boolean;
}

export function addPrune(program: Command): void {
  program
    .command('prune')
    .description(pruneOld.about)
    .option('--dry-run', 'only count')
    .option('--batches <days>', 'remove ended batches that are older, with their results; for this time only')
    .option('--json', 'JSON')
    .action(runPrune);
}

const NAMES: Readonly<Record<PrunedKind, string>> = {
  jobs: 'reports, but the last of each window',
  events: 'events',
  refusals: 'events of single refusals',
  callCounts: 'calls by the minute',
  commands: 'commands without an id',
  reads: 'answers to reads with parameters',
  batches: 'ended batches',
};

async function runPrune(options: PruneOptions, command: Command): Promise<void> {
  const interrupt = untilInterrupted();
  try {
    const typed = {
      dryRun: options.dryRun,
      batches: options.batches === undefined ? undefined : daysFrom(options.batches),
    };
    const done = await call(pruneOld, contextOf(command), typed, interrupt.signal);
    if (options.json) printJson(pruneOld.json(done));
    else printCounts(done);
  } finally {
    interrupt.done();
  }
}

/** `90d` is 90, too. */
const daysFrom = (text: string) => text.replace(/^(\d+)d$/, '$1');

function printCounts({ counts, retention, dryRun }: Pruned): void {
  const rows = (Object.keys(NAMES) as PrunedKind[]).map((kind) => {
    const days = daysOf(kind, retention);
    return [NAMES[kind], days === null ? 'for ever' : `${days} days`, String(counts[kind])];
  });
  print(table(['what', 'kept', dryRun ? 'would be deleted' : 'deleted'], rows));
}
