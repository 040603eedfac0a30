/**
 * `sluice demo`, which `npm start` runs: the whole of Sluice on this machine against a simulated Amazon. Fills the
 * last 30 days, meets a quota refusal on the way, and then keeps the data complete until it is stopped.
 */
import { relative } from 'node:path';
import type { Pool } from 'pg';
import { type StateDir, stateDir } from '../../../embedded/state-dir';
import { DAY_MS } from '../../../quota/durations';
import { loadSettings } from '../../../settings';
import { datasetContext } from '../../../settings/datasets/report-context';
import {
  type Context,
  contextWith,
  demoSettingsFile,
  withDatabase,
  withTemporal,
} from '../../operations/backend/context';
import { follow } from '../../operations/datasets/follow';
import { type Progress, readProgress, type Watched } from '../../operations/datasets/progress';
import { startReportWork, startSyncWork } from '../../operations/datasets/work';
import { type DemoStack, demoSpan, earlierSpan, reachBegins, startDemo } from '../../operations/demo/demo';
import {
  DEMO_ACCOUNT,
  DEMO_CHUNK_HOURS,
  DEMO_DATASET,
  type DemoRecord,
  readDemoRecord,
  writeDemoRecord,
} from '../../operations/demo/files';
import { refuseForAWhile } from '../../operations/demo/simulator-process';
import { ClientError, UsageError } from '../../operations/errors';
import { becomeKeeper, otherKeeper } from '../../operations/processes/servers';
import { countText, lengthText, spanText } from '../../operations/time-text';
import { createView, type ProgressView } from '../datasets/progress-view';
import { type Interrupt, untilInterrupted } from '../interrupt';

export interface DemoOptions {
  readonly once?: boolean;
  readonly fresh?: boolean;
  readonly json?: boolean;
  readonly refusal: boolean;
  readonly days: string;
}

/** The refusal is staged when this share of the windows is in; it lasts a little less than the cooldown. */
const REFUSE_AFTER_SHARE = 1 / 3;
const REFUSE_FOR_MS = 12_000;

export async function runDemo(options: DemoOptions): Promise<void> {
  const days = Number(options.days);
  if (!Number.isInteger(days) || days < 1 || days > 30) {
    throw new UsageError(`--days: "${options.days}" must be a whole number from 1 to 30`);
  }
  const dir = options.fresh ? freshStateDir() : stateDir(process.cwd());
  const title = `Vendor sales of the last ${days} days from a simulated Amazon, in reports of ${DEMO_CHUNK_HOURS} hours`;
  const view = createView({ json: options.json === true, title });
  const keeper = otherKeeper(dir);
  // What `up --detach` has left goes on beside the demo.
  if (keeper !== null && keeper.name !== 'supervisor') {
    if (keeper.name !== 'demo') {
      throw new ClientError(
        `\`sluice ${keeper.name}\` runs for ${dir.root} (process ${keeper.pid}): stop it first with: npx sluice down`,
      );
    }
    view.note(`The demo runs already (process ${keeper.pid}): following it. It goes on when this ends.`);
    await attach(dir, view);
    return;
  }
  const interrupt = untilInterrupted();
  try {
    await runStack(dir, days, options, view, interrupt);
  } finally {
    interrupt.done();
  }
}

async function runStack(
  dir: StateDir,
  days: number,
  options: DemoOptions,
  view: ProgressView,
  interrupt: Interrupt,
): Promise<void> {
  await becomeKeeper(dir, 'demo');
  view.note('Starting Postgres, Temporal, a simulated Amazon and a worker …');
  const started = Date.now();
  const stack = await startDemo(dir, (line) => view.note(`  ${line}`));
  try {
    describeStack(dir, stack, Date.now() - started, view);
    const complete = await runBackfill(dir, stack, days, options, view, interrupt.signal);
    if (interrupt.signal.aborted) return;
    if (!complete) process.exitCode = 1;
    if (options.once) return;
    await keepSyncing(dir, stack, view);
    await interrupt.promise;
  } finally {
    const kept = interrupt.signal.aborted ? ' Everything is kept: npm start goes on from here.' : '';
    view.note(`Stopping.${kept}`);
    await stack.stop();
  }
}

function freshStateDir(): StateDir {
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
  const root = `${stateDir(process.cwd()).root}/fresh-${stamp}`;
  // Children and later steps of this process find it the same way as a user's shell would.
  process.env.SLUICE_STATE_DIR = root;
  return stateDir(process.cwd());
}

function describeStack(dir: StateDir, stack: DemoStack, tookMs: number, view: ProgressView): void {
  const { postgres, temporal } = stack.servers;
  const how = (adopted: boolean) => (adopted ? 'ran already, adopted' : 'started');
  if (postgres) view.note(`  Postgres   127.0.0.1:${postgres.port} (${how(postgres.adopted)})`);
  if (temporal)
    view.note(`  Temporal   ${temporal.address}, Web UI ${temporal.uiUrl} (${how(temporal.adopted)})`);
  view.note(`  Amazon     ${stack.simulatorUrl} (simulated)`);
  view.note(`  Worker     process ${stack.worker.pid ?? '-'}; logs in ${shown(dir.logs)}`);
  view.note(`  API        ${stack.api}/api/v1, reference ${stack.api}/api/docs`);
  view.note(`Ready after ${lengthText(tookMs)}.`);
}

const shown = (path: string) => relative(process.cwd(), path) || path;

function contextOf(dir: StateDir, stack: Pick<DemoStack, 'settings'>): Context {
  return contextWith(stack.settings, dir, () => undefined);
}

/** Fills the span, or says that it is full. @returns whether it is complete now. */
async function runBackfill(
  dir: StateDir,
  stack: DemoStack,
  days: number,
  options: DemoOptions,
  view: ProgressView,
  signal: AbortSignal,
): Promise<boolean> {
  const context = contextOf(dir, stack);
  return withDatabase(context, async (db) => {
    const now = Date.now();
    const found = await findEarlier(db, stack, days, now);
    const before = found?.progress;
    if (found && before && isComplete(before)) {
      view.note(completeText(before));
      view.note('It was complete already: nothing was started, 0 calls were made.');
      return true;
    }
    const span = found?.watched.span ?? demoSpan(stack.context, days, now);
    let record: DemoRecord = found
      ? { ...found.record, simulatorPort: stack.simulatorPort }
      : { ...span, startedAt: now, simulatorPort: stack.simulatorPort, refused: false };
    writeDemoRecord(dir, record);
    if (before) view.note(`Going on: ${before.windowsDone}/${before.windowsTotal} windows are in already.`);
    const watched: Watched = {
      context: stack.context,
      span,
      chunkHours: DEMO_CHUNK_HOURS,
      since: record.startedAt,
    };
    return await withTemporal(context, async (client) => {
      const { handle, alreadyRan } = await startReportWork(client, stack.settings, {
        dataset: DEMO_DATASET,
        account: DEMO_ACCOUNT,
        purpose: 'backfill',
        ...span,
        chunkHours: DEMO_CHUNK_HOURS,
        priority: null,
      });
      view.note(`Backfill ${spanText(span)} ${alreadyRan ? 'goes on' : 'started'}.`);
      const result = await follow(handle, {
        db,
        watched,
        everyMs: 500,
        signal,
        onProgress: async (progress, etaMs) => {
          view.show(progress, etaMs);
          const due = progress.windowsDone >= progress.windowsTotal * REFUSE_AFTER_SHARE;
          if (options.refusal && due && !record.refused && !isComplete(progress)) {
            record = { ...record, refused: true };
            writeDemoRecord(dir, record);
            await refuseForAWhile(stack.simulatorUrl, REFUSE_FOR_MS);
            view.note(`(The simulated Amazon now answers QuotaExceeded for ${REFUSE_FOR_MS / 1000} s.)`);
          }
        },
      });
      view.end();
      if (result === null) return false;
      const after = await readProgress(db, watched, Date.now());
      view.note(completeText(after));
      view.note(`It took ${lengthText(Date.now() - record.startedAt)} and ${spentText(after)}.`);
      for (const problem of result.problems) view.note(`  failed: ${problem}`);
      return isComplete(after);
    });
  });
}

/** An earlier run's span, if it is of the same length and can still be completed, with what is in. */
async function findEarlier(db: Pool, stack: DemoStack, days: number, now: number) {
  const record = readDemoRecord(stateDir(process.cwd()));
  if (record === null) return null;
  const watched: Watched = {
    context: stack.context,
    span: { from: record.from, to: record.to },
    chunkHours: DEMO_CHUNK_HOURS,
    since: record.startedAt,
  };
  const progress = await readProgress(db, watched, now);
  const span = earlierSpan(record, days, isComplete(progress), reachBegins(stack.context, now));
  return span === null ? null : { record, watched, progress };
}

const isComplete = (p: Progress) => p.windowsDone === p.windowsTotal && p.gaps.length === 0;

function completeText(p: Progress): string {
  const state = isComplete(p) ? 'complete' : 'incomplete';
  return `${state}: ${p.windowsDone}/${p.windowsTotal} windows, ${countText(p.rows)} rows, ${p.gaps.length} gaps`;
}

function spentText(p: Progress): string {
  const calls = p.operations.reduce((sum, o) => sum + o.calls, 0);
  const refused = p.operations.reduce((sum, o) => sum + o.refused, 0);
  return `${countText(calls)} calls, ${refused} of them refused by the vendor`;
}

async function keepSyncing(dir: StateDir, stack: DemoStack, view: ProgressView): Promise<void> {
  await withTemporal(contextOf(dir, stack), (client) =>
    startSyncWork(client, stack.settings, DEMO_DATASET, DEMO_ACCOUNT),
  );
  const prefix = process.env.SLUICE_STATE_DIR ? `SLUICE_STATE_DIR=${shown(dir.root)} ` : '';
  const { temporal } = stack.servers;
  const psql = `psql "$(node -p "require('./${shown(dir.instance)}').postgres.url")"`;
  view.note(
    [
      '',
      'A sync now keeps it complete: each minute it checks for new hours. Leave this running, and try:',
      ...(temporal ? [`  ${temporal.uiUrl}/namespaces/${stack.settings.temporal.namespace}/workflows`] : []),
      `  ${prefix}npx sluice status`,
      `  ${prefix}npx sluice coverage ${DEMO_DATASET}`,
      `  ${prefix}npx sluice pools                     (and: pool pause --reason "stock count", pool resume)`,
      `  ${prefix}npx sluice export ${DEMO_DATASET} --from ${new Date(Date.now() - DAY_MS).toISOString().slice(0, 10)} --to ${new Date().toISOString().slice(0, 10)} --format csv`,
      ...(stack.servers.postgres
        ? [`  ${psql} -c 'select * from sluice.amazon_rt_sales order by start_time desc limit 5'`]
        : []),
      'Ctrl-C stops everything; npm start goes on where it was.',
    ].join('\n'),
  );
}

/** Shows what another process runs. */
async function attach(dir: StateDir, view: ProgressView): Promise<void> {
  const settings = loadSettings({ path: demoSettingsFile(dir) });
  const context = contextWith(settings, dir, () => undefined);
  const record = readDemoRecord(dir);
  if (record === null) throw new ClientError('it is only starting: try again in a moment');
  const interrupt = untilInterrupted();
  await withDatabase(context, (db) =>
    withTemporal(context, async (client) => {
      const watched: Watched = {
        context: datasetContext(settings, DEMO_DATASET, DEMO_ACCOUNT),
        span: { from: record.from, to: record.to },
        chunkHours: DEMO_CHUNK_HOURS,
        since: record.startedAt,
      };
      const first = await readProgress(db, watched, Date.now());
      if (isComplete(first)) {
        view.note(completeText(first));
        return;
      }
      const { handle } = await startReportWork(client, settings, {
        dataset: DEMO_DATASET,
        account: DEMO_ACCOUNT,
        purpose: 'backfill',
        ...watched.span,
        chunkHours: DEMO_CHUNK_HOURS,
        priority: null,
      });
      await follow(handle, {
        db,
        watched,
        everyMs: 500,
        signal: interrupt.signal,
        onProgress: (progress, etaMs) => view.show(progress, etaMs),
      });
      view.end();
      view.note(completeText(await readProgress(db, watched, Date.now())));
    }),
  );
  interrupt.done();
}
