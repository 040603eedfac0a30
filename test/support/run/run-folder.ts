/**
 * The folder of one test run: the shared servers' data and everything temporary. It is named by its owner's
 * process, so that the next run can stop and remove what a killed run left behind.
 */
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identify, isAlive, type ProcessIdentity, terminate } from '../../../embedded/child';
import { removePostgres } from '../../../embedded/postgres/postgres';
import { stopTemporal } from '../../../embedded/temporal/temporal';

const PREFIX = 'sluice-test-';
const RUN_FOLDER = 'SLUICE_TEST_RUN_FOLDER';

const ownerFile = (folder: string): string => join(folder, 'owner.json');

/** Folder of this run. Throws outside of jest. */
export function runFolder(): string {
  const folder = process.env[RUN_FOLDER];
  if (folder === undefined) throw new Error(`${RUN_FOLDER} is not set: global-setup.ts did not run.`);
  return folder;
}

export const postgresFolder = (folder: string): string => join(folder, 'pg');
export const temporalFile = (folder: string): string => join(folder, 'temporal.db');

/** A new folder that goes away with the run. Postgres's unprivileged user may enter it. */
export function temporaryFolder(name = 'tmp'): string {
  const folder = mkdtempSync(join(runFolder(), `${name}-`));
  chmodSync(folder, 0o755);
  return folder;
}

export function createRunFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), PREFIX));
  chmodSync(folder, 0o755);
  writeFileSync(ownerFile(folder), JSON.stringify(identify(process.pid)));
  process.env[RUN_FOLDER] = folder;
  return folder;
}

const processesFile = (folder: string): string => join(folder, 'processes.jsonl');

/** Has the run end this process, should the test that started it not come to it. */
export function endWithRun(pid: number): void {
  const process = identify(pid);
  if (process !== null) appendFileSync(processesFile(runFolder()), `${JSON.stringify(process)}\n`);
}

async function endProcesses(folder: string): Promise<void> {
  if (!existsSync(processesFile(folder))) return;
  for (const line of readFileSync(processesFile(folder), 'utf8').split('\n').filter(Boolean)) {
    await terminate(JSON.parse(line) as ProcessIdentity, [{ signal: 'SIGKILL', waitMs: 5_000 }]);
  }
}

const RECORD = '.server.json';

/** What `up --detach` and the demo have started: their supervisors first, which would start the others again. */
async function endInstance(file: string): Promise<void> {
  let processes: readonly (ProcessIdentity & { readonly name: string })[];
  try {
    processes = JSON.parse(readFileSync(file, 'utf8')).processes ?? [];
  } catch {
    return;
  }
  const keeps = ({ name }: { readonly name: string }) => ['up', 'demo', 'supervisor'].includes(name);
  for (const found of [...processes.filter(keeps), ...processes.filter((process) => !keeps(process))])
    await terminate(found, [{ signal: 'SIGKILL', waitMs: 5_000 }]);
}

/** Every server whose files lie in the folder, at most a few levels down: shared ones and tests' private ones. */
async function stopServers(folder: string, depth = 3): Promise<void> {
  // Another run may be sweeping the same folder.
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.name === 'instance.json') await endInstance(path);
    else if (entry.name.endsWith(RECORD)) await stopTemporal(path.slice(0, -RECORD.length));
    else if (entry.isDirectory() && existsSync(join(path, 'password'))) await removePostgres(path);
    else if (entry.isDirectory() && depth > 1) await stopServers(path, depth - 1);
  }
}

/** Ends the processes that tests left behind, stops every server and removes all files. */
export async function removeRunFolder(folder: string): Promise<void> {
  await endProcesses(folder);
  await stopServers(folder);
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

const OLD_MS = 10 * 60_000;

function isOld(folder: string): boolean {
  const made = statSync(folder, { throwIfNoEntry: false })?.birthtimeMs;
  return made !== undefined && Date.now() - made > OLD_MS;
}

/** Cleans up after runs that were killed before they could. */
export async function sweepDeadRuns(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX))) {
    const folder = join(tmpdir(), name);
    let owner: ProcessIdentity;
    try {
      owner = JSON.parse(readFileSync(ownerFile(folder), 'utf8'));
    } catch {
      // It was being removed when its run was killed for good; or it is just being made.
      if (isOld(folder)) await removeRunFolder(folder);
      continue;
    }
    if (!isAlive(owner)) await removeRunFolder(folder);
  }
}
