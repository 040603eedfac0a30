/** A server of the API stores what was spooled while Postgres was away, as a worker does. */
import type { Logger } from 'pino';
import type { Spool } from '../../../activities/gateway/spool/spool';
import { storeEntries } from '../../../workers/spool';
import { signalPool } from '../../../workers/work/pool-signals';
import type { Backend } from '../backend/backend';
import { loadVaultKeys } from '../backend/context';
import { messageOf } from '../errors';
import { spoolAt } from './own-spool';

/** Between two looks for entries that nobody holds any more, ms. */
const REPLAY_MS = 5_000;

/**
 * Stores what this process holds no longer in memory, and what ended processes of this machine have left, as soon as
 * Postgres is there. Without the vault's key there is nothing that could be read.
 */
export function replaySpool(backend: Backend, log: Logger): { stop(): Promise<void> } {
  const { temporal, settings, dir } = backend;
  let spool: Spool | null = null;
  const open = async () => {
    const keys = await loadVaultKeys(backend);
    const opened = spoolAt(dir.spool, keys, log);
    storeEntries(opened, {
      keys,
      use: (work) => backend.database(work),
      // The block stands in Postgres, with Temporal away as well.
      reconcile: (key, policy) =>
        temporal((client) =>
          signalPool(client, settings.temporal.taskQueue, key, policy, { name: 'reconcile' }),
        ).catch((error: unknown) =>
          log.warn({ pool: key, error: messageOf(error) }, 'the pool workflow could not be signalled'),
        ),
    });
    return opened;
  };
  let ended = false;
  let timer: NodeJS.Timeout | undefined;
  const look = async () => {
    try {
      spool ??= await open();
      await spool.collect();
    } catch {
      // No key: nothing was sealed with it either.
    }
    if (!ended) timer = setTimeout(() => void looking(), REPLAY_MS).unref();
  };
  let working: Promise<void> = Promise.resolve();
  const looking = () => {
    working = look();
    return working;
  };
  void looking();
  return {
    stop: async () => {
      ended = true;
      clearTimeout(timer);
      await working;
      await spool?.stop();
    },
  };
}
