/**
 * Embedded servers of one state folder, and the record of all that runs there. It outlives the command that started it;
 * `instance.json` says what runs, so that the next command adopts it and `sluice down` stops it.
 */
import { join } from 'node:path';
import { identify, isAlive, type ProcessIdentity, terminate } from '../../../embedded/child';
import { type Instance, readInstance, removeInstance, writeInstance } from '../../../embedded/instance';
import { withLock } from '../../../embedded/lock';
import { requirePostgresPackage } from '../../../embedded/postgres/binaries';
import { type RunningPostgres, startPostgres, stopPostgres } from '../../../embedded/postgres/postgres';
import { ensureStateDir, type StateDir } from '../../../embedded/state-dir';
import { type RunningTemporal, startTemporal, stopTemporal } from '../../../embedded/temporal/temporal';
import type { Settings } from '../../../settings';
import { migrate } from '../../../store/migrate';

export type Say = (line: string) => void;

export interface Servers {
  /** Null when the settings name a database. */
  readonly postgres: RunningPostgres | null;
  /** Null when the settings name a Temporal. */
  readonly temporal: RunningTemporal | null;
  readonly databaseUrl: string;
  readonly temporalAddress: string;
}

const TEMPORAL_PORT = 7233;
const TEMPORAL_UI_PORT = 8233;

/**
 * Starts or adopts what the settings do not name, and brings the database to this version.
 * @param codecEndpoint where the Web UI is to find a codec server; null: nowhere.
 * @throws EmbeddedError when one does not start; then neither runs, unless other processes of the folder need them.
 */
export async function startServers(
  dir: StateDir,
  settings: Settings,
  say: Say,
  codecEndpoint: string | null = null,
): Promise<Servers> {
  ensureStateDir(dir);
  const ownDatabase = settings.database.url?.reveal() ?? null;
  const ownTemporal = settings.temporal.address;
  // Before Temporal is started, which may have to be fetched first.
  if (ownDatabase === null) requirePostgresPackage();
  const starts = [
    ownDatabase === null
      ? startPostgres({ dataDir: dir.pg, logFile: undefined, log: say })
      : Promise.resolve(null),
    ownTemporal === null
      ? startTemporal({
          dbFile: dir.temporalDb,
          logFile: join(dir.logs, 'temporal.log'),
          namespace: settings.temporal.namespace,
          uiCodecEndpoint: codecEndpoint ?? undefined,
          ...(readInstance(dir)?.temporal ? {} : { port: TEMPORAL_PORT, uiPort: TEMPORAL_UI_PORT }),
          log: say,
        })
      : Promise.resolve(null),
  ] as const;
  const [postgres, temporal] = await Promise.all(starts).catch(async (error: unknown) => {
    // Of the other nobody would know.
    await Promise.allSettled(starts);
    await stopServersIfUnused(dir);
    throw error;
  });
  await changeInstance(dir, (instance) => ({
    ...instance,
    ...(postgres
      ? {
          postgres: {
            pid: postgres.pid,
            startTime: postgres.startTime,
            url: postgres.url,
            port: postgres.port,
            data: postgres.data,
          },
        }
      : {}),
    ...(temporal
      ? {
          temporal: {
            pid: temporal.pid,
            startTime: temporal.startTime,
            address: temporal.address,
            uiUrl: temporal.uiUrl,
            version: temporal.version,
          },
        }
      : {}),
  }));
  const databaseUrl = ownDatabase ?? postgres?.url ?? '';
  await migrate(databaseUrl);
  return { postgres, temporal, databaseUrl, temporalAddress: ownTemporal ?? temporal?.address ?? '' };
}

/** Changes `instance.json` as a whole; commands that run at once do not lose each other's entries. */
export async function changeInstance(dir: StateDir, change: (instance: Instance) => Instance): Promise<void> {
  ensureStateDir(dir);
  await withLock(`${dir.instance}.lock`, async () => {
    const found = readInstance(dir) ?? { version: 1, startedAt: new Date().toISOString(), processes: [] };
    writeInstance(dir, change({ ...found, processes: found.processes.filter((p) => isAlive(p)) }));
  });
}

export async function recordProcess(dir: StateDir, entry: Instance['processes'][number]): Promise<void> {
  await changeInstance(dir, (instance) => ({
    ...instance,
    processes: [...instance.processes.filter((p) => p.name !== entry.name), entry],
  }));
}

export async function forgetProcess(dir: StateDir, name: string): Promise<void> {
  await changeInstance(dir, (instance) => ({
    ...instance,
    processes: instance.processes.filter((p) => p.name !== name),
  }));
}

/** A recorded process of ours that runs now. */
export function findProcess(dir: StateDir, name: string): Instance['processes'][number] | null {
  return readInstance(dir)?.processes.find((p) => p.name === name && isAlive(p)) ?? null;
}

/** The supervisor of the others records itself under one of these names: foreground commands, and what `up --detach` leaves. */
const KEEPERS = ['up', 'demo', 'supervisor'] as const;
export type KeeperName = (typeof KEEPERS)[number];

/** The supervisor of this folder's processes, unless that is us; a foreground command first. */
export function otherKeeper(dir: StateDir): ({ readonly name: KeeperName } & ProcessIdentity) | null {
  return otherKeepers(dir)[0] ?? null;
}

function otherKeepers(dir: StateDir): readonly ({ readonly name: KeeperName } & ProcessIdentity)[] {
  return KEEPERS.flatMap((name) => {
    const found = findProcess(dir, name);
    return found === null || found.pid === process.pid ? [] : [{ ...found, name }];
  });
}

export async function becomeKeeper(dir: StateDir, name: KeeperName): Promise<void> {
  const self = identify(process.pid) ?? { pid: process.pid, startTime: null };
  await recordProcess(dir, { name, ...self });
}

/** Stops the servers, unless other processes of this folder still need them. */
export async function stopServersIfUnused(dir: StateDir): Promise<boolean> {
  const others = (readInstance(dir)?.processes ?? []).filter((p) => isAlive(p) && p.pid !== process.pid);
  if (others.length > 0) return false;
  await Promise.all([stopTemporal(dir.temporalDb), stopPostgres(dir.pg)]);
  removeInstance(dir);
  return true;
}

/** Stops everything of the folder, last started first. Resolves to the names of what ran. */
export async function stopAll(dir: StateDir, say: Say): Promise<readonly string[]> {
  const stopped: string[] = [];
  for (const keeper of otherKeepers(dir)) {
    // It would restart what is stopped here; at SIGTERM it stops all that it supervises.
    say(`stopping the process that keeps this instance (${keeper.pid})`);
    await terminate(keeper, [
      { signal: 'SIGTERM', waitMs: 60_000 + longestStopMs(dir) },
      { signal: 'SIGKILL', waitMs: 5_000 },
    ]);
    stopped.push(keeper.name);
  }
  const processes = [...(readInstance(dir)?.processes ?? [])].reverse();
  for (const found of processes.filter((p) => p.pid !== process.pid)) {
    if ((await terminate(found, stopSteps(found.stopMs))) !== null) stopped.push(found.name);
  }
  const [temporal, postgres] = await Promise.all([stopTemporal(dir.temporalDb), stopPostgres(dir.pg)]);
  if (temporal) stopped.push('temporal');
  if (postgres) stopped.push('postgres');
  removeInstance(dir);
  return stopped;
}

const STOP_MS = 20_000;

/** A worker finishes what it has begun: its longest call may take minutes. */
export function stopSteps(stopMs = STOP_MS) {
  return [
    { signal: 'SIGTERM', waitMs: stopMs },
    { signal: 'SIGKILL', waitMs: 5_000 },
  ] as const;
}

/** Of the processes that run now, ms. */
function longestStopMs(dir: StateDir): number {
  return Math.max(STOP_MS, ...(readInstance(dir)?.processes ?? []).map(({ stopMs }) => stopMs ?? 0));
}
