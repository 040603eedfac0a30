/**
 * Entry of a process that reads vehicles, a few at a time, and ends: `reader.js '{"settings": …, "reads": […]}'`. What
 * is stored and young enough is not asked for again, so that the next such process goes on where this one was killed.
 */
import { NothingToServe } from '../../../../activities/reads/types';
import { stateDir } from '../../../../embedded/state-dir';
import { loadSettings } from '../../../../settings';
import { createPool } from '../../../../store/db';
import { readService } from '../../vehicles/service';
import type { ReadPiece } from './work';

const AT_ONCE = 2;

async function main(): Promise<void> {
  const { settings: path, reads } = JSON.parse(process.argv[2] ?? '') as {
    readonly settings: string;
    readonly reads: readonly ReadPiece[];
  };
  const settings = loadSettings({ path });
  const db = createPool(settings.database.url?.reveal() ?? '', { max: 4 });
  const service = readService(db, { settings, dir: stateDir(process.cwd()) }).reads;
  const accounts = new Set(reads.map(({ account }) => account));
  const queues = [...accounts].map((name) => reads.filter(({ account }) => account === name).values());
  const takers = queues.flatMap((queue) => Array.from({ length: AT_ONCE }, () => queue));
  await Promise.all(
    takers.map(async (queue) => {
      for (const piece of queue) await readUntilServed(() => service.read({ ...piece, force: false }));
    }),
  );
  await db.end();
}

/** Somebody who has died may still count as asking. */
async function readUntilServed(read: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await read();
      return;
    } catch (error) {
      if (!(error instanceof NothingToServe)) throw error;
      await new Promise((done) => setTimeout(done, Math.max(100, (error.why.until ?? 0) - Date.now())));
    }
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
