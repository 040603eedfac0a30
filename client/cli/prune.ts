/** `sluice prune`: deletes what is older than the settings' retention, or lists it. */
import type { Command } from 'commander';
import { PRUNED_KINDS, type PruneCounts, type PrunedKind, prune, type Retention } from '../../store/prune';
import { withDatabase } from '../operations/context';
import { ClientError, UsageError } from '../operations/errors';
import { contextOf } from './command';
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
    .description('delete what is older than the settings keep (retention); workers do so every few hours')
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

/** Days after which a kind goes; null when it stays. */
function daysOf(kind: PrunedKind, retention: Retention): number | null {
  if (kind === 'refusals') return retention.callCountsDays;
  return retention[`${kind}Days`] ?? null;
}

async function runPrune(options: PruneOptions, command: Command): Promise<void> {
  const context = contextOf(command);
  const retention: Retention = {
    ...context.settings.retention,
    ...(options.batches === undefined ? {} : { batchesDays: parseDays(options.batches) }),
  };
  const dryRun = options.dryRun === true;
  const interrupt = untilInterrupted();
  try {
    const counts = await withDatabase(
      context,
      (db) => prune(db, retention, { dryRun, signal: interrupt.signal }),
      'bulk',
    );
    if (counts === null)
      throw new ClientError('somebody else is deleting old rows now: a worker, or another command');
    if (options.json) printJson({ dryRun, deleted: counts, retention: shown(retention) });
    else printCounts(counts, retention, dryRun);
  } finally {
    interrupt.done();
  }
}

function parseDays(text: string): number {
  const days = Number(/^(\d{1,5})d?$/.exec(text)?.[1] ?? Number.NaN);
  if (days >= 1) return days;
  throw new UsageError(`--batches: "${text}" must be a whole number of days, at least 1, such as 90`);
}

function shown(retention: Retention): Readonly<Record<PrunedKind, number | null>> {
  return Object.fromEntries(PRUNED_KINDS.map((kind) => [kind, daysOf(kind, retention)])) as Record<
    PrunedKind,
    number | null
  >;
}

function printCounts(counts: PruneCounts, retention: Retention, dryRun: boolean): void {
  const rows = PRUNED_KINDS.map((kind) => {
    const days = daysOf(kind, retention);
    return [NAMES[kind], days === null ? 'for ever' : `${days} days`, String(counts[kind])];
  });
  print(table(['what', 'kept', dryRun ? 'would be deleted' : 'deleted'], rows));
}
