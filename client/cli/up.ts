/** `sluice up` and `sluice down`: the servers and the worker of this machine. */
import { relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { runsWith, tailOf } from '../../embedded/child';
import { stateDir } from '../../embedded/state-dir';
import { fleetKindOf } from '../../settings';
import { codecEndpoint, codecServerProgram } from '../lib/codec-server';
import { type Context, ensureVaultKey, loadVaultKeys, withTemporal } from '../lib/context';
import { ClientError } from '../lib/errors';
import { isScheduled } from '../lib/schedules';
import {
  adoptable,
  becomeKeeper,
  type ChildProgram,
  forgetProcess,
  Keeper,
  otherKeeper,
  type Servers,
  startServers,
  stopAll,
  stopServersIfUnused,
  workerProgram,
} from '../lib/servers';
import { workerPolls } from '../lib/work';
import { contextOf } from './command';
import { untilInterrupted } from './interrupt';
import { note, print } from './output';
import { beginSync } from './sync';

/** `sluice down`. */
export async function down(): Promise<void> {
  const stopped = await stopAll(stateDir(process.cwd()), note);
  print(stopped.length === 0 ? 'Nothing was running.' : `Stopped: ${stopped.join(', ')}.`);
}

const CONFIGURE = [
  'The settings have no accounts, so there is nothing to fetch yet:',
  '  1. copy sluice.example.yaml to sluice.yaml and describe an account and its datasets',
  '  2. store its secrets: npx sluice vault put <name> < file, or name environment variables',
  '  3. start again: npx sluice up',
].join('\n');

/** `sluice up`. */
export async function up(detach: boolean, command: Command): Promise<void> {
  await ensureVaultKey(contextOf(command));
  const context = contextOf(command);
  const { dir, settings } = context;
  const other = otherKeeper(dir);
  if (other?.name === 'up') {
    print(`It runs already (process ${other.pid}). What it does: npx sluice status`);
    return;
  }
  if (other !== null) {
    throw new ClientError(
      `the demo runs for ${dir.root} (process ${other.pid}): stop it first with: npx sluice down`,
    );
  }
  await loadVaultKeys(context);
  const interrupt = untilInterrupted();
  const keepers: Keeper[] = [];
  try {
    if (!detach) await becomeKeeper(dir, 'up');
    const endpoint = await codecEndpoint(dir, settings);
    const servers = await startServers(dir, settings, (line) => note(line), endpoint);
    describe(servers);
    if (Object.keys(settings.accounts).length === 0) note(CONFIGURE);
    const keep = async (program: ChildProgram) => {
      const keeper = new Keeper(dir, program, note);
      keepers.push(keeper);
      const running = await adoptable(dir, program, note);
      if (!detach) await keeper.start(running);
      else if (running === null) await keeper.launch();
    };
    await keep(workerProgram(dir, settings, servers));
    if (endpoint !== null) {
      await keep(codecServerProgram(dir, settings, servers, endpoint));
      describeCodec(servers, endpoint);
    }
    await untilWorkerPolls(context, interrupt.signal);
    await startSyncs(context);
    if (detach) {
      print('All of it goes on running; npx sluice down stops it.');
      return;
    }
    print('Ctrl-C stops what this has started.');
    await interrupt.promise;
  } finally {
    if (!detach) {
      print('Stopping.');
      for (const keeper of [...keepers].reverse()) await keeper.stop();
      await forgetProcess(dir, 'up');
      await stopServersIfUnused(dir);
    }
    interrupt.done();
  }
}

function describe({ postgres, temporal }: Servers): void {
  const how = (adopted: boolean) => (adopted ? 'ran already' : 'started');
  print(
    postgres
      ? `Postgres  127.0.0.1:${postgres.port} (${how(postgres.adopted)})`
      : 'Postgres  as the settings say',
  );
  print(
    temporal
      ? `Temporal  ${temporal.address}, Web UI ${temporal.uiUrl} (${how(temporal.adopted)})`
      : 'Temporal  as the settings say',
  );
}

/** What Temporal stores is encrypted; its Web UI was told at its start who decrypts it. */
function describeCodec({ temporal }: Servers, endpoint: string): void {
  print(`Codec     ${endpoint}, for the Web UI`);
  if (temporal === null || !temporal.adopted || runsWith(temporal.pid, endpoint)) return;
  note(
    `The Web UI was started without it: give it there as the codec server, or start anew (npx sluice down).`,
  );
}

const WORKER_START_MS = 60_000;

async function untilWorkerPolls(context: Context, signal: AbortSignal): Promise<void> {
  const log = `${context.dir.logs}/worker.log`;
  const deadline = Date.now() + WORKER_START_MS;
  await withTemporal(context, async (client) => {
    while (!signal.aborted && !(await workerPolls(client, context.settings.temporal.taskQueue))) {
      if (Date.now() > deadline) {
        throw new ClientError(`the worker does not start; its log (${log}) ends with:\n${tailOf(log, 5)}`);
      }
      await delay(100);
    }
  });
  if (!signal.aborted) print(`Worker    running; log: ${relative(process.cwd(), log)}`);
}

/** Datasets that the settings enable are kept complete from now on. */
async function startSyncs(context: Context): Promise<void> {
  const { settings } = context;
  const wanted = settings.datasets.filter(
    (d) =>
      d.enabled &&
      settings.accounts[d.account]?.enabled &&
      (fleetKindOf(d.dataset) === null || isScheduled(d.dataset)),
  );
  if (wanted.length === 0) return;
  await withTemporal(context, async (client) => {
    for (const { dataset, account } of wanted) {
      const { workflowId, alreadyRan } = await beginSync(client, settings, dataset, account);
      print(`Sync      ${workflowId} (${alreadyRan ? 'goes on' : 'started'})`);
    }
  });
}
