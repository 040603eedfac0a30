/** A server of the API stores what was spooled while Postgres was away, as a worker does. */
import type { Logger } from 'pino';
import { storeEntries } from '../../../activities/replay';
import { signalPool } from '../../../temporal/pool-signals';
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
  const open = async () => {
    const keys = await loadVaultKeys(backend);
    const spool = spoolAt(dir.spool, keys, log);
    storeEntries(spool, {
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
    await spool.start(REPLAY_MS);
    return spool;
  };
  const opened = open().catch((error: unknown) => {
    log.debug({ error: messageOf(error) }, 'without the key of the vault nothing of the spool can be read');
    return null;
  });
  return {
    stop: async () => {
      await (await opened)?.stop();
    },
  };
}
