/**
 * Plugins that loop while they are loaded, remembered for a while over all processes of a user on this machine: each would
 * be held up by them for as long. A module that has changed is loaded again at once.
 */
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { MINUTE_MS } from '../quota/durations';

/** Long enough for all processes of an installation to start, short enough for a machine that was only busy. */
const REMEMBERED_MS = 5 * MINUTE_MS;

export class LoopingPlugins {
  /** @param folder default: one of this user's. */
  constructor(private readonly folder: string = ownFolder()) {}

  /** As it is now, the module has been stopped lately. False where nothing can be known. */
  has(file: string): boolean {
    try {
      if (!this.isOwn()) return false;
      const age = Date.now() - statSync(this.noteOf(file)).mtimeMs;
      return age >= 0 && age < REMEMBERED_MS;
    } catch {
      return false;
    }
  }

  /** Where it cannot be written, the next process waits, too. */
  add(file: string): void {
    try {
      mkdirSync(this.folder, { recursive: true, mode: 0o700 });
      if (this.isOwn()) writeFileSync(this.noteOf(file), '');
    } catch {
      return;
    }
  }

  /** Others can write where temporary files are kept. */
  private isOwn(): boolean {
    const found = lstatSync(this.folder);
    return found.isDirectory() && (process.getuid === undefined || found.uid === process.getuid());
  }

  /** Named by what the module holds, and by when the files beside it changed: the loop may be in one of them. */
  private noteOf(file: string): string {
    const folder = dirname(file);
    const beside = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => [name, statSync(join(folder, name)).mtimeMs]);
    const hash = createHash('sha256').update(JSON.stringify([file, process.version, beside]));
    return join(this.folder, hash.update(readFileSync(file)).digest('hex'));
  }
}

function ownFolder(): string {
  return join(tmpdir(), `sluice-looping-plugins-${process.getuid?.() ?? userInfo().username}`);
}
