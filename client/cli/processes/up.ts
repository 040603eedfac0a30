/** `sluice up` and `sluice down`: the servers and the worker of this machine. */
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { runsWith, tailOf } from '../../../embedded/child';
import { EmbeddedError } from '../../../embedded/errors';
import { withLock } from '../../../embedded/lock';
import { ensureStateDir, type StateDir, stateDir } from '../../../embedded/state-dir';
import { MINUTE_MS } from '../../../quota/durations';
import { fleetKindOf } from '../../../settings';
import type { KeyRing } from '../../../store/secrets/keyring';
import {
  type Context,
  ensureVaultKey,
  liveInstance,
  loadVaultKeys,
  temporalAddress,
  withDatabase,
  withTemporal,
} from '../../operations/backend/context';
import { isScheduled } from '../../operations/datasets/schedules';
import { beginSync } from '../../operations/datasets/syncs';
import { workerPolls } from '../../operations/datasets/work';
import { ClientError } from '../../operations/errors';
import {
  apiAddress,
  apiProgram,
  recordedAddress,
  untilApiAnswers,
} from '../../operations/processes/api-process';
import { codecEndpoint, codecServerProgram } from '../../operations/processes/codec-server';
import { recordHung } from '../../operations/processes/hang-watch';
import {
  adoptable,
  type ChildProgram,
  isSameProgram,
  Keeper,
  sayWhatIsOlder,
  workerProgram,
} from '../../operations/processes/keeper';
import { watchServers } from '../../operations/processes/server-watch';
import {
  becomeKeeper,
  forgetProcess,
  otherKeeper,
  type Servers,
  startServers,
  stopAll,
  stopServersIfUnused,
} from '../../operations/processes/servers';
import { dismissSupervisor, SUPERVISOR, startSupervisor } from '../../operations/processes/supervisor';
import { type EnvironmentPrint, environmentPrint } from '../../operations/processes/worker-environment';
import { keysInUse, missingText, sortKeys } from '../../operations/secrets/keys-in-use';
import { contextOf } from '../command';
import { type Interrupt, untilInterrupted } from '../interrupt';
import { note, print } from '../output';

/** How long what is being started may take before it is stopped, ms. */
const BEING_STARTED_MS = MINUTE_MS;

/** `sluice down`. */
export async function down(): Promise<void> {
  const dir = stateDir(process.cwd());
  const stop = () => stopAll(dir, note);
  // What is being started is stopped once it has started; one that does not get on is stopped all the same.
  const stopped = existsSync(dir.root)
    ? await withLock(upLock(dir), stop, { timeoutMs: BEING_STARTED_MS }).catch((error: unknown) => {
        if (error instanceof EmbeddedError && error.code === 'LOCK_TIMEOUT') return stop();
        throw error;
      })
    : await stop();
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
  const keys = await loadVaultKeys(context);
  const environment = environmentPrint(settings, keys);
  const interrupt = untilInterrupted();
  const own: OwnUp = { keeps: false, kept: null };
  try {
    const goesOn = await oneAtATime(dir, () => begin(context, detach, { keys, environment, interrupt, own }));
    if (!goesOn) return;
    print('Ctrl-C stops what this has started.');
    await interrupt.promise;
  } finally {
    if (own.keeps) {
      print('Stopping.');
      await own.kept?.stop();
      await forgetProcess(dir, 'up');
      await stopServersIfUnused(dir);
    }
    interrupt.done();
  }
}

/** What an `up` in the foreground has to stop at its end. */
interface OwnUp {
  keeps: boolean;
  kept: Kept | null;
}

/** Longer than the first start takes where Temporal is built, ms. */
const LONGEST_START_MS = 15 * MINUTE_MS;

/** Two that start the same folder at once would each start a worker, and only one of them would be known. */
function oneAtATime<T>(dir: StateDir, work: () => Promise<T>): Promise<T> {
  ensureStateDir(dir);
  return withLock(upLock(dir), work, {
    timeoutMs: LONGEST_START_MS,
    onWait: (pid) => note(`process ${pid} starts or stops the same; waiting for it`),
  });
}

const upLock = (dir: StateDir) => join(dir.root, 'up.lock');

interface Beginning {
  readonly keys: KeyRing;
  readonly environment: EnvironmentPrint;
  readonly interrupt: Interrupt;
  readonly own: OwnUp;
}

/** @returns whether it stays in the foreground. */
async function begin(context: Context, detach: boolean, beginning: Beginning): Promise<boolean> {
  const { dir, settings } = context;
  const { keys, environment, interrupt, own } = beginning;
  const other = otherKeeper(dir);
  if (other?.name === 'demo') {
    throw new ClientError(
      `the demo runs for ${dir.root} (process ${other.pid}): stop it first with: npx sluice down`,
    );
  }
  if (other?.name === 'up') {
    print(`It runs already (process ${other.pid}). What it does: npx sluice status`);
    runsAsWanted(context, environment);
    return false;
  }
  if (other !== null) {
    if (detach && runsAsWanted(context, environment)) {
      await untilWorkerPolls(context, interrupt.signal);
      await startSyncs(context);
      print(`It runs already, supervised by process ${other.pid}; npx sluice down stops it.`);
      return false;
    }
    await dismissSupervisor(other);
  }
  if (!detach) {
    own.keeps = true;
    await becomeKeeper(dir, 'up');
  }
  const endpoint = await codecEndpoint(dir, settings);
  const servers = await startServers(dir, settings, note, endpoint);
  describe(servers);
  if (Object.keys(settings.accounts).length === 0) note(CONFIGURE);
  await warnOfMissingKeys(context, keys);
  const endpoints = { codec: endpoint, api: await apiAddress(dir, settings, note) };
  const programs = programsOf(context, servers, endpoints, environment);
  if (detach) await launchMissing(dir, programs);
  else own.kept = await keep(context, servers, endpoints, programs, environment, note);
  if (endpoint !== null) describeCodec(servers, endpoint);
  await untilWorkerPolls(context, interrupt.signal);
  await describeApi(context, recordedAddress(dir) ?? endpoints.api);
  await startSyncs(context);
  if (!detach) return true;
  await startSupervisor(dir, settings);
  print('All of it goes on running, and what ends is started again; npx sluice down stops it.');
  return false;
}

/** Histories are searched by `doctor`: with many open workflows that takes a while. */
async function warnOfMissingKeys(context: Context, keys: KeyRing): Promise<void> {
  const uses = await withDatabase(context, (db) => keysInUse(db, null, context.dir.spool));
  const { missing } = sortKeys(uses, keys);
  if (missing.length > 0) note(`warning: ${missingText(missing)}`);
}

/** What `up --detach` leaves behind: supervises what runs until it has to stop it (SIGTERM) or to let go of it (SIGHUP). */
export async function supervise(command: Command): Promise<void> {
  const context = contextOf(command);
  const { dir, settings } = context;
  const say = (line: string) => note(`${new Date().toISOString()} ${line}`);
  const interrupt = untilInterrupted();
  const letGo = new Promise<'let go'>((resolve) => process.once('SIGHUP', () => resolve('let go')));
  const environment = environmentPrint(settings, await loadVaultKeys(context));
  // Known before it starts anything: `down` has to find it.
  await becomeKeeper(dir, SUPERVISOR);
  const endpoint = await codecEndpoint(dir, settings);
  const servers = await startServers(dir, settings, say, endpoint);
  const endpoints = { codec: endpoint, api: await apiAddress(dir, settings, say) };
  const programs = programsOf(context, servers, endpoints, environment);
  const kept = await keep(context, servers, endpoints, programs, environment, say);
  const end = await Promise.race([letGo, interrupt.promise]);
  interrupt.done();
  if (end === 'let go') {
    await kept.leave();
    await forgetProcess(dir, SUPERVISOR);
    return;
  }
  await kept.stop();
  await forgetProcess(dir, SUPERVISOR);
  await stopServersIfUnused(dir);
}

/** Whether the worker runs as it would be started now. Says what it goes on with that is another here. */
function runsAsWanted(context: Context, environment: EnvironmentPrint): boolean {
  const { dir, settings } = context;
  const instance = liveInstance(dir);
  const databaseUrl = settings.database.url?.reveal() ?? instance?.postgres?.url;
  const address = temporalAddress(context);
  const worker = instance?.processes.find(({ name }) => name === 'worker');
  if (databaseUrl === undefined || address === null || worker === undefined) return false;
  const program = {
    ...workerProgram(dir, settings, { databaseUrl, temporalAddress: address }),
    environment,
  };
  if (!isSameProgram(dir, program, worker)) return false;
  sayWhatIsOlder(program, worker, note);
  return true;
}

/** Where what runs beside the worker listens. */
interface Endpoints {
  /** Null when there is nothing to decode. */
  readonly codec: string | null;
  readonly api: string;
}

function programsOf(
  { dir, settings }: Context,
  servers: Servers,
  { codec, api }: Endpoints,
  environment: EnvironmentPrint,
): readonly ChildProgram[] {
  return [
    { ...workerProgram(dir, settings, servers), environment },
    { ...apiProgram(dir, settings, api), environment },
    ...(codec === null ? [] : [codecServerProgram(dir, settings, servers, codec)]),
  ];
}

async function launchMissing(dir: StateDir, programs: readonly ChildProgram[]): Promise<void> {
  for (const program of programs) {
    if ((await adoptable(dir, program, note)) === null) await new Keeper(dir, program, note).launch();
  }
}

interface Kept {
  /** Watches no more, and leaves all of it running. */
  leave(): Promise<void>;
  /** Ends the programs; not the servers. */
  stop(): Promise<void>;
}

/** Starts or adopts the programs, and starts again what ends, the servers included. */
async function keep(
  context: Context,
  servers: Servers,
  endpoints: Endpoints,
  programs: readonly ChildProgram[],
  environment: EnvironmentPrint,
  say: (line: string) => void,
): Promise<Kept> {
  const { dir, settings } = context;
  const keepers: Keeper[] = [];
  const stopPrograms = async () => {
    for (const keeper of [...keepers].reverse()) await keeper.stop();
  };
  try {
    for (const program of programs) {
      const keeper = new Keeper(dir, program, say, (reason) => recordHung(context, program.name, reason));
      await keeper.start(await adoptable(dir, program, say));
      keepers.push(keeper);
    }
  } catch (error) {
    await stopPrograms();
    throw error;
  }
  const watch = watchServers(dir, settings, servers, {
    codecEndpoint: endpoints.codec,
    say,
    onMoved: async (moved) => {
      const changed = programsOf(context, moved, endpoints, environment);
      await Promise.all(changed.map((program, i) => keepers[i]?.change(program)));
    },
  });
  return {
    leave: async () => {
      await watch.stop();
      await Promise.all(keepers.map((keeper) => keeper.leave()));
    },
    stop: async () => {
      await watch.stop();
      await stopPrograms();
    },
  };
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

/** What Temporal stores is encrypted; its Web UI learned at its start who decrypts it. */
function describeCodec({ temporal }: Servers, endpoint: string): void {
  print(`Codec     ${endpoint}, for the Web UI`);
  if (temporal === null || !temporal.adopted || runsWith(temporal.pid, endpoint)) return;
  note(
    `The Web UI was started without it: give it there as the codec server, or restart (npx sluice down, then up).`,
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

async function describeApi({ dir }: Context, url: string): Promise<void> {
  const answers = await untilApiAnswers(url);
  if (answers) print(`API       ${url}/api/v1, reference ${url}/api/docs`);
  else note(`The API does not answer at ${url} yet; its log: ${dir.logs}/api.log`);
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
