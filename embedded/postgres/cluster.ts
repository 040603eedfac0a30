/**
 * The folder Postgres keeps its data in: where it lies, whether it is whole, and which password opens it.
 *
 * `<home>/data` is the data folder, made under another name and renamed when initdb has succeeded, so that it
 * is whole whenever it exists. When root runs Postgres as a user who cannot enter `<home>`, the data lies in
 * `/var/lib/sluice/data/…` and `<home>/location` says where. `<home>/password` stays with the project (0600).
 */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { EmbeddedError, errorText, type Log } from '../errors';
import { type PostgresBinaries, SHARED_ROOT } from './binaries';
import { firstClosedFolder, isRoot, postgresUser, type SystemUser } from './unprivileged-user';

export const SUPERUSER = 'sluice';

/** What Postgres's programs see: nothing of the caller's locale, time zone or PG* variables. */
export const CHILD_ENV: NodeJS.ProcessEnv = {
  PATH: process.env.PATH ?? '/usr/bin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
};

export interface Cluster {
  /** The folder the caller named. */
  readonly home: string;
  /** Postgres's own data folder. */
  readonly data: string;
  /** Whom to run as; null for ourselves. */
  readonly user: SystemUser | null;
}

const locationFile = (home: string): string => join(home, 'location');

/** Where an existing cluster lies, without creating or changing anything; null when there is none. */
export function findData(home: string): string | null {
  const local = join(home, 'data');
  if (existsSync(local)) return local;
  try {
    const data = join(readFileSync(locationFile(home), 'utf8').trim(), 'data');
    return existsSync(data) ? data : null;
  } catch {
    return null;
  }
}

function placeApart(home: string, user: SystemUser, closed: string, log: Log): string {
  const hash = createHash('sha256').update(home).digest('hex').slice(0, 12);
  const root = join(SHARED_ROOT, 'data');
  // Never an older folder of the same path: whoever deleted the state folder wanted to start over.
  const apart = join(root, `${hash}-${randomBytes(2).toString('hex')}`);
  mkdirSync(root, { recursive: true, mode: 0o755 });
  mkdirSync(apart, { mode: 0o711 });
  writeFileSync(join(apart, 'origin'), `${home}\n`);
  writeFileSync(locationFile(home), `${apart}\n`);
  log(`Postgres: its data lies in ${apart}, because user "${user.name}" cannot enter ${closed}.`);
  return apart;
}

/** The folder that `location` names; null when it belongs to another project from which this was copied. */
function placedApart(home: string): string | null {
  const apart = readFileSync(locationFile(home), 'utf8').trim();
  if (!existsSync(apart)) {
    throw new EmbeddedError(
      'DATA_FOREIGN',
      `${locationFile(home)} says that the database lies in ${apart}, which does not exist. ` +
        `Restore that folder, or delete ${locationFile(home)} to begin with an empty database.`,
    );
  }
  const originFile = join(apart, 'origin');
  const origin = readFileSync(originFile, 'utf8').trim();
  if (origin === home) return apart;
  if (existsSync(locationFile(origin))) return null;
  writeFileSync(originFile, `${home}\n`);
  return apart;
}

function ownerOf(data: string): SystemUser {
  const { uid, gid } = statSync(data);
  return { name: `uid ${uid}`, uid, gid };
}

/** Decides where the data lies and as whom to run it. Throws when the folder belongs to somebody else. */
export function locateCluster(home: string, log: Log): Cluster {
  const local = join(home, 'data');
  if (existsSync(local)) {
    const owner = ownerOf(local);
    if (!isRoot()) {
      if (owner.uid === process.getuid?.()) return { home, data: local, user: null };
      throw new EmbeddedError(
        'DATA_FOREIGN',
        `${local} belongs to ${owner.name}, not to you. Run this command as that user or as root, ` +
          `or set SLUICE_STATE_DIR to a folder of your own.`,
      );
    }
    // Root keeps to the user whose folder it is, so that this user can go on without root later.
    const user = owner.uid === 0 ? postgresUser() : owner;
    const closed = user === null ? null : firstClosedFolder(home, user);
    if (closed !== null) {
      throw new EmbeddedError(
        'DATA_FOREIGN',
        `Postgres has to run as ${user?.name} to open ${local}, but that user cannot enter ${closed}. ` +
          `Run "chmod o+x ${closed}", or set SLUICE_STATE_DIR to another folder.`,
      );
    }
    return { home, data: local, user };
  }
  const user = postgresUser();
  if (existsSync(locationFile(home))) {
    const apart = placedApart(home);
    if (apart !== null) return { home, data: join(apart, 'data'), user };
    log(`Postgres: ${home} is a copy of another project's folder; it gets a database of its own.`);
    rmSync(join(home, 'password'), { force: true });
  }
  const closed = user === null ? null : firstClosedFolder(home, user);
  if (user === null || closed === null) return { home, data: local, user };
  return { home, data: join(placeApart(home, user, closed, log), 'data'), user };
}

/** Throws, naming both versions, when the folder is not this major version's. Never changes it. */
export function checkVersion(cluster: Cluster, binaries: PostgresBinaries): void {
  const file = join(cluster.data, 'PG_VERSION');
  if (!existsSync(file)) {
    throw new EmbeddedError(
      'DATA_FOREIGN',
      `${cluster.data} is not a Postgres data folder (it has no PG_VERSION). ` +
        `Move it away, or set SLUICE_STATE_DIR to another folder.`,
    );
  }
  const found = readFileSync(file, 'utf8').trim();
  if (found === String(binaries.major)) return;
  throw new EmbeddedError(
    'DATA_VERSION',
    `${cluster.data} was written by Postgres ${found}, but this is Postgres ${binaries.major}. ` +
      `To keep the data, dump it with Postgres ${found} (pg_dumpall) and load it into a new folder; ` +
      `to start over, move ${cluster.data} away. Nothing was changed.`,
  );
}

const run = promisify(execFile);

function asUser(user: SystemUser | null): { uid?: number; gid?: number } {
  return user === null ? {} : { uid: user.uid, gid: user.gid };
}

function giveTo(path: string, user: SystemUser | null): void {
  if (user !== null) chownSync(path, user.uid, user.gid);
}

/** Postgres refuses folders that others can read, or that another user owns: mends what a plain copy loses. */
export async function mendOwnership(cluster: Cluster, log: Log): Promise<void> {
  if (cluster.user !== null && statSync(cluster.data).uid !== cluster.user.uid) {
    await run('chown', ['-R', `${cluster.user.uid}:${cluster.user.gid}`, cluster.data]);
    log(`Postgres: gave ${cluster.data} to user "${cluster.user.name}".`);
  }
  if ((statSync(cluster.data).mode & 0o027) !== 0) chmodSync(cluster.data, 0o700);
}

const passwordFile = (home: string): string => join(home, 'password');

export function readPassword(home: string): string | null {
  try {
    return readFileSync(passwordFile(home), 'utf8').trim() || null;
  } catch {
    return null;
  }
}

function writePassword(home: string, password: string): void {
  const draft = `${passwordFile(home)}.new`;
  writeFileSync(draft, `${password}\n`, { mode: 0o600 });
  renameSync(draft, passwordFile(home));
}

const newPassword = (): string => randomBytes(24).toString('hex');

/** Makes the data folder. A folder left by an initdb that was killed is removed first, with a message. */
export async function initialise(cluster: Cluster, binaries: PostgresBinaries, log: Log): Promise<void> {
  const draft = join(dirname(cluster.data), `${basename(cluster.data)}.unfinished`);
  const secret = `${draft}.password`;
  if (existsSync(draft)) {
    log(`Postgres: an earlier start was interrupted while it made the data folder; making it again.`);
    rmSync(draft, { recursive: true, force: true });
  }
  const password = newPassword();
  mkdirSync(draft, { mode: 0o700 });
  giveTo(draft, cluster.user);
  rmSync(secret, { force: true });
  writeFileSync(secret, password, { mode: 0o600 });
  giveTo(secret, cluster.user);
  try {
    await run(
      binaries.initdb,
      [
        `--pgdata=${draft}`,
        `--username=${SUPERUSER}`,
        `--pwfile=${secret}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        // Sorts and folds case alike on every platform, whatever locales it has.
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
        '--data-checksums',
        '--no-instructions',
      ],
      { env: CHILD_ENV, cwd: '/', ...asUser(cluster.user) },
    );
  } catch (error) {
    const output = typeof error === 'object' && error !== null && 'stderr' in error ? error.stderr : '';
    throw new EmbeddedError(
      'START_FAILED',
      `Postgres could not make its data folder ${cluster.data}: ${String(output).trim() || errorText(error)}`,
    );
  } finally {
    rmSync(secret, { force: true });
  }
  writePassword(cluster.home, password);
  renameSync(draft, cluster.data);
}

/** Sets a new password with the server stopped, for a data folder whose password file is lost. */
export async function resetPassword(cluster: Cluster, binaries: PostgresBinaries, log: Log): Promise<void> {
  log(`Postgres: ${passwordFile(cluster.home)} is missing; setting a new password.`);
  const password = newPassword();
  const single = run(binaries.postgres, ['--single', '-D', cluster.data, 'postgres'], {
    env: CHILD_ENV,
    cwd: '/',
    ...asUser(cluster.user),
  });
  single.child.stdin?.end(`ALTER ROLE ${SUPERUSER} PASSWORD '${password}';\n`);
  await single;
  writePassword(cluster.home, password);
}
