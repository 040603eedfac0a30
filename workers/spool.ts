/** The spool of a worker process. */
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { Spool } from '../activities/gateway/spool/spool';
import { storeEntries } from '../activities/replay';
import type { PoolPolicy } from '../quota/pools/state';
import type { Settings } from '../settings';
import type { KeyRing } from '../store/secrets/keyring';
import { signalPool } from '../temporal/pool-signals';
import { hasEnded, workerIdentity } from '../temporal/worker-identity';

export interface SpoolDeps {
  readonly db: Pool;
  readonly keys: KeyRing;
  readonly log: Logger;
  readonly client: Client;
  readonly settings: Settings;
}

/** Opens it, and stores what ended processes have left there before any call is made. */
export async function openSpool(root: string, deps: SpoolDeps): Promise<Spool> {
  const { db, keys, log, client, settings } = deps;
  const spool = new Spool({ root, keys, log, identity: workerIdentity(), hasEnded });
  const reconcile = (key: string, policy: PoolPolicy) =>
    signalPool(client, settings.temporal.taskQueue, key, policy, { name: 'reconcile' });
  storeEntries(spool, { keys, reconcile, use: (work) => work(db) });
  await spool.start();
  return spool;
}
