/** Who has paused or resumed something by hand, as events: `explain` names them, and counts the time between. */
import type { Pool } from 'pg';
import { findAccount } from '../../../settings/accounts/accounts';
import { insertEvent } from '../../../store/events/events';
import type { Backend } from '../backend/backend';
import type { readAccountStanding } from '../datasets/work-wait';

export interface Order {
  /** Key of the pool, or id of the work. */
  readonly subject: string;
  /** Key of the pool that it belongs to; null for none. */
  readonly pool: string | null;
  /** Why, in the operator's words; null: it is resumed. */
  readonly paused: { readonly reason: string; readonly until?: number | null } | null;
}

/** Written after the order, which holds all the same when this cannot be. */
export async function noteOrder(
  backend: Pick<Backend, 'caller' | 'database'>,
  { subject, pool, paused }: Order,
): Promise<void> {
  const about = { subject, by: backend.caller };
  const write = (db: Pool) =>
    paused === null
      ? insertEvent(db, 'operator.resumed', pool, about)
      : insertEvent(db, 'operator.paused', pool, { ...about, ...paused });
  await backend.database(write).catch(() => undefined);
}

/** The account, or what is left to know of one that the settings have lost. */
export function accountKnown(
  { settings }: Pick<Backend, 'settings'>,
  name: string,
): Parameters<typeof readAccountStanding>[1] {
  return Object.hasOwn(settings.accounts, name) ? findAccount(settings, name) : { name, poolKey: '' };
}

/** Empty for an account that the settings have lost. */
export function poolOf({ settings }: Pick<Backend, 'settings'>, account: string): string {
  return Object.hasOwn(settings.accounts, account) ? findAccount(settings, account).poolKey : '';
}
