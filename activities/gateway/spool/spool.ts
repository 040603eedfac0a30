/**
 * What came from a vendor while Postgres was away, on disk: an answer has been paid for, and a refusal must not be met
 * twice, so neither may be lost with this process. An entry is written when storing has failed for a while, and removed
 * when it is stored after all; what a process that has ended leaves behind is stored by the next one, once.
 *
 *   <root>/<process>/owner      who writes here, touched while it lives, and emptied at its end
 *   <root>/<process>/<n>.entry  one entry, encrypted, readable by its owner alone
 */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { KeyRing } from '../../../store/secrets/keyring';
import { warnOnce } from '../../log/warn-once';

export interface SpoolOptions {
  readonly root: string;
  readonly keys: KeyRing;
  readonly log: Logger;
  /** This process, and whether another that is named like this is known to have ended. */
  readonly identity: string;
  readonly hasEnded: (identity: string) => boolean;
}

/** Stores entries of one kind. Called again after a crash: what is stored already must stay as it is. */
export type Replay = (data: unknown, writtenAt: number) => Promise<void>;

/** One entry on disk. */
export interface Spooled {
  /** Stored after all. */
  done(): Promise<void>;
  /** Nobody here tries to store it any longer: it is replayed like what another process has left. */
  leave(): void;
}

interface Entry {
  readonly kind: string;
  readonly writtenAt: number;
  readonly data: unknown;
}

/** How many entries each key has sealed there, by its id. What is removed meanwhile is passed over. */
export async function spooledByKey(root: string): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const name of await readdir(root, { recursive: true }).catch(() => [])) {
    if (!name.endsWith('.entry')) continue;
    const text = await readFile(join(root, name), 'utf8').catch(() => null);
    const keyId = text === null ? null : keyIdOf(text);
    if (keyId !== null) counts.set(keyId, (counts.get(keyId) ?? 0) + 1);
  }
  return counts;
}

function keyIdOf(text: string): string | null {
  try {
    const { keyId } = JSON.parse(text) as { keyId?: unknown };
    return typeof keyId === 'string' ? keyId : null;
  } catch {
    return null;
  }
}

const TOUCH_MS = 2_000;
/** A process that has not touched its folder for so long has ended, or is as good as that, ms. */
const SILENT_MS = 15_000;
const POLL_MS = 30_000;
/** Binds a file to its use. */
const SEAL_NAME = 'spool';

export class Spool {
  private readonly folder: string;
  private readonly replays = new Map<string, Replay>();
  private readonly left = new Set<string>();
  private made: Promise<void> | null = null;
  private next = 0;
  private touching: NodeJS.Timeout | null = null;
  private timer: NodeJS.Timeout | null = null;
  private working: Promise<void> = Promise.resolve();

  constructor(private readonly options: SpoolOptions) {
    this.folder = join(options.root, randomUUID());
  }

  /** How entries of this kind are stored. */
  on(kind: string, replay: Replay): void {
    this.replays.set(kind, replay);
  }

  /**
   * Stores what ended processes have left, now and from time to time. Throws nothing: what fails stays for later.
   * @param everyMs between two looks, ms.
   */
  async start(everyMs = POLL_MS): Promise<void> {
    await this.poll();
    this.timer = setInterval(() => void this.poll(), everyMs).unref();
  }

  /** Stores what ended processes have left since the last time. Throws nothing. */
  collect(): Promise<void> {
    return this.poll();
  }

  async stop(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    if (this.touching) clearInterval(this.touching);
    await this.working;
    // What is still here is the next one's at once.
    if (this.made) await writeFile(join(this.folder, 'owner'), '', { mode: 0o600 }).catch(() => undefined);
  }

  /**
   * On disk when it resolves.
   * @throws what the disk says: the caller goes on holding it in memory.
   */
  async put(kind: string, data: unknown): Promise<Spooled> {
    this.made ??= this.make();
    await this.made.catch((error: unknown) => {
      this.made = null;
      throw error;
    });
    const file = join(this.folder, `${this.next++}.entry`);
    const entry: Entry = { kind, writtenAt: Date.now(), data };
    const sealed = this.options.keys.seal('spool', Buffer.from(JSON.stringify(entry)), SEAL_NAME);
    const draft = `${file}.draft`;
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(
        JSON.stringify({
          keyId: sealed.keyId,
          nonce: Buffer.from(sealed.nonce).toString('base64'),
          ciphertext: Buffer.from(sealed.ciphertext).toString('base64'),
        }),
      );
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
    return {
      done: () => rm(file, { force: true }),
      leave: () => {
        this.left.add(file);
      },
    };
  }

  private async make(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const owner = join(this.folder, 'owner');
    await writeFile(owner, this.options.identity, { mode: 0o600 });
    this.touching = setInterval(() => {
      const now = new Date();
      utimes(owner, now, now).catch(() => undefined);
    }, TOUCH_MS).unref();
  }

  private poll(): Promise<void> {
    this.working = this.working
      .then(() => this.pollOnce())
      .catch((error: unknown) => warnOnce(this.options.log, {}, error, 'the spool was not read'));
    return this.working;
  }

  private async pollOnce(): Promise<void> {
    for (const file of [...this.left]) {
      if (await this.replay(file)) this.left.delete(file);
    }
    const folders = await readdir(this.options.root).catch(() => []);
    for (const name of folders) {
      const folder = join(this.options.root, name);
      if (folder === this.folder || !(await this.isOrphan(folder))) continue;
      await this.adopt(folder);
    }
  }

  private async isOrphan(folder: string): Promise<boolean> {
    try {
      const owner = join(folder, 'owner');
      const [identity, { mtimeMs }] = await Promise.all([readFile(owner, 'utf8'), stat(owner)]);
      return identity === '' || this.options.hasEnded(identity) || Date.now() - mtimeMs > SILENT_MS;
    } catch {
      return false;
    }
  }

  /** The folder's new name is this process's alone, so that of several processes one replays it. */
  private async adopt(folder: string): Promise<void> {
    const mine = `${folder}.${randomUUID().slice(0, 8)}`;
    try {
      await rename(folder, mine);
    } catch {
      return;
    }
    await writeFile(join(mine, 'owner'), this.options.identity, { mode: 0o600 });
    const files = (await readdir(mine)).filter((name) => name.endsWith('.entry'));
    let stored = 0;
    for (const name of files.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))) {
      if (await this.replay(join(mine, name))) stored++;
      else this.left.add(join(mine, name));
    }
    this.options.log.info(
      { folder: mine, entries: files.length, stored },
      'what an ended process had held was stored',
    );
    if (stored === files.length) await rm(mine, { recursive: true, force: true });
  }

  /** @returns false when it has to be tried again later. */
  private async replay(file: string): Promise<boolean> {
    try {
      const text = JSON.parse(await readFile(file, 'utf8')) as Record<
        'keyId' | 'nonce' | 'ciphertext',
        string
      >;
      const sealed = {
        keyId: text.keyId,
        nonce: Buffer.from(text.nonce, 'base64'),
        ciphertext: Buffer.from(text.ciphertext, 'base64'),
      };
      const plain = this.options.keys.open('spool', sealed, SEAL_NAME, `spooled entry ${file}`);
      const { kind, data, writtenAt } = JSON.parse(plain.toString('utf8')) as Entry;
      const replay = this.replays.get(kind);
      if (!replay) throw new Error(`nothing here stores entries of the kind "${kind}"`);
      await replay(data, writtenAt);
      await rm(file, { force: true });
      return true;
    } catch (error) {
      const why = String(error).replaceAll(file, 'of the spool');
      warnOnce(this.options.log, {}, why, 'a spooled entry could not be stored yet', { file });
      return false;
    }
  }
}
