/**
 * Where a process that is no worker keeps a vendor's answers while Postgres is away: in the machine's spool. It stores them
 * itself while it lives. What it leaves behind is stored by the next process of the machine that replays: a worker, or a
 * server of the API.
 */
import pino, { type Logger } from 'pino';
import type { KeepDeps } from '../../../activities/gateway/spool/held';
import { Spool } from '../../../activities/gateway/spool/spool';
import type { KeyRing } from '../../../store/secrets/keyring';
import { hasEnded, workerIdentity } from '../../../temporal/worker-identity';
import type { Backend } from '../backend/backend';

/** By folder: what a process writes lies together. */
const spools = new Map<string, Spool>();

export function spoolAt(root: string, keys: KeyRing, log: Logger = pino({ level: 'silent' })): Spool {
  const spool = spools.get(root) ?? new Spool({ root, keys, log, identity: workerIdentity(), hasEnded });
  spools.set(root, spool);
  return spool;
}

/** Nothing is on disk before its first entry, which takes the vault's key. */
export function ownSpool(
  { dir }: Pick<Backend, 'dir'>,
  keyRing: () => Promise<KeyRing>,
): NonNullable<KeepDeps['spool']> {
  return { put: async (kind, data) => spoolAt(dir.spool, await keyRing()).put(kind, data) };
}
