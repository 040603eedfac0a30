/** Whose settings are in force: this process's, or newer ones of another process. */
import { authorOf, definitionsOf } from '../../settings/accounts/definitions';
import {
  currentGenerations,
  publishDefinitions,
  type SettingsGeneration,
} from '../../store/pools/settings-generations';
import { type Context, withDatabase } from './context';

/** At an operator's word: what these settings say of pools, organizations and limits is what stands from now on. */
export async function publishByHand({ settings, ...context }: Context): Promise<string[]> {
  const standings = await withDatabase({ settings, ...context }, (db) =>
    publishDefinitions(db, definitionsOf(settings), { author: authorOf(settings), byHand: true }),
  );
  return standings.map(({ pool }) => pool);
}

/** Those generations that stand and say otherwise than these settings. */
export async function otherGenerations(context: Context): Promise<SettingsGeneration[]> {
  const own = new Map(definitionsOf(context.settings).map(({ pool, digest }) => [pool, digest]));
  const standing = await withDatabase(context, (db) => currentGenerations(db, [...own.keys()]));
  return standing.filter(({ pool, digest }) => own.get(pool) !== digest);
}
