/**
 * Postgres refuses to run as root. When we are root it runs as an existing unprivileged user; no account is
 * ever created. Such a user may be unable to enter a private checkout, so paths are checked for it.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { EmbeddedError } from '../errors';

export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const CANDIDATES = ['postgres', 'nobody'];

function lookUp(name: string): SystemUser | null {
  try {
    const line = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find((entry) => entry.startsWith(`${name}:`));
    const [, , uid, gid] = line?.split(':') ?? [];
    if (uid !== undefined && gid !== undefined) return { name, uid: Number(uid), gid: Number(gid) };
    // A directory service instead of the file.
    const id = (flag: string): number =>
      Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
    return { name, uid: id('-u'), gid: id('-g') };
  } catch {
    return null;
  }
}

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** The user to run Postgres as; null means "as ourselves", which is right for everybody but root. */
export function postgresUser(): SystemUser | null {
  if (!isRoot()) return null;
  for (const name of CANDIDATES) {
    const user = lookUp(name);
    if (user !== null && user.uid !== 0) return user;
  }
  throw new EmbeddedError(
    'NO_UNPRIVILEGED_USER',
    `Postgres does not run as root, and this machine has neither of the users ${CANDIDATES.join(', ')}. ` +
      `Run this command as an ordinary user, or set DATABASE_URL to a Postgres of your own.`,
  );
}

const EXECUTE = 0o1;

function mayEnter(folder: string, user: SystemUser): boolean {
  const { mode, uid, gid } = statSync(folder);
  if (uid === user.uid) return ((mode >> 6) & EXECUTE) !== 0;
  if (gid === user.gid) return ((mode >> 3) & EXECUTE) !== 0;
  return (mode & EXECUTE) !== 0;
}

/** The first folder on the way to an existing `path`, itself included, that `user` cannot enter; else null. */
export function firstClosedFolder(path: string, user: SystemUser): string | null {
  const chain: string[] = [];
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    chain.unshift(folder);
    if (folder === dirname(folder)) break;
  }
  return chain.find((folder) => !mayEnter(folder, user)) ?? null;
}
