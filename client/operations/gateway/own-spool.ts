/**
 * Where a process that is no worker keeps a vendor's answers while Postgres is away: in the machine's spool. It stores them
 * itself while it lives; a worker of the machine stores what it leaves behind.
 */
import pino from 'pino';
import type { KeepDeps } from '../../../activities/gateway/spool/held';
import { Spool } from '../../../activities/gateway/spool/spool';
import type { KeyRing } from '../../../store/secrets/keyring';
import { hasEnded, workerIdentity } from '../../../workers/identity';
import type { Backend } from '../backend';

/** By folder: what a process writes lies together. */
const spools = new Map<string, Spool>();

/** Nothing is on disk before its first entry, which takes the vault's key. */
export function ownSpool(
  { dir }: Pick<Backend, 'dir'>,
  keyRing: () => Promise<KeyRing>,
): NonNullable<KeepDeps['spool']> {
  const root = dir.spool;
  return {
    put: async (kind, data) => {
      const keys = await keyRing();
      const log = pino({ level: 'silent' });
      const spool = spools.get(root) ?? new Spool({ root, keys, log, identity: workerIdentity(), hasEnded });
      spools.set(root, spool);
      return spool.put(kind, data);
    },
  };
}
