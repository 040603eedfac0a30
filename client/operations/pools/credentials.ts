/**
 * What follows a change of credentials: an account that is held because the old ones were refused tries the new ones
 * at once, with a single call. Holds for other reasons stay.
 */
import { isFreedByLogin } from '../../../quota/pools/pool';
import { findAccount } from '../../../settings/accounts/accounts';
import { listKindStops } from '../../../store/permits/call-kinds';
import { readPool } from '../../../store/pools/pools';
import type { Backend } from '../backend/backend';
import { credentialsOf } from '../diagnosis/doctor';
import { messageOf } from '../errors';
import { applyOrder, signalOrder, type Target } from './orders';

export interface CredentialsReport {
  /** Accounts whose settings name the entry. */
  readonly accounts: readonly string[];
  /** Pools that were held for refused credentials and now try the new ones. */
  readonly resumed: readonly string[];
  /** Why the pools' workflows could not be signalled; they check again by themselves. Null when they were signalled. */
  readonly unreached: string | null;
}

/** @param entry name in the vault, whose value was just written. */
export async function credentialsChanged(
  backend: Pick<Backend, 'settings' | 'database' | 'temporal'>,
  entry: string,
): Promise<CredentialsReport> {
  const { settings } = backend;
  const accounts = Object.entries(settings.accounts)
    .filter(([, account]) => credentialsOf(account).some(({ ref }) => ref === `vault:${entry}`))
    .map(([name]) => name);
  const resumed: Target[] = [];
  if (accounts.length === 0) return { accounts, resumed: [], unreached: null };
  await backend.database(async (db) => {
    for (const name of accounts) {
      const { poolKey, pool, organization = null } = findAccount(settings, name);
      const state = (await readPool(db, poolKey))?.state;
      const stops = await listKindStops(db, poolKey);
      const held = state?.state === 'held' && isFreedByLogin(state.cause);
      const partly = stops.length > 0 && stops.every(({ refusedFor }) => refusedFor === 'access');
      if (!held && !(state?.state === 'closed' && partly)) continue;
      const target = { key: poolKey, policy: pool, organization };
      await applyOrder(db, target, { type: 'resume' });
      resumed.push(target);
    }
  });
  let unreached: string | null = null;
  try {
    if (resumed.length > 0) {
      await backend.temporal(async (client) => {
        for (const target of resumed) await signalOrder(client, settings, target, { type: 'resume' });
      });
    }
  } catch (error) {
    unreached = messageOf(error);
  }
  return { accounts, resumed: resumed.map(({ key }) => key), unreached };
}
