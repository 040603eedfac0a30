/** Whose settings are in force: this process's, or newer ones of another process. */
import { z } from 'zod';
import { authorOf, definitionsOf } from '../../../settings/accounts/definitions';
import {
  currentGenerations,
  publishDefinitions,
  type SettingsGeneration,
} from '../../../store/pools/settings-generations';
import type { Backend } from '../backend/backend';
import { operation } from '../operation';

export const publishSettings = operation({
  about:
    'make these settings define pools, organizations and limits, even over settings that were published later',
  input: z.strictObject({}),
  run: async (backend): Promise<{ readonly pools: readonly string[] }> => {
    const { settings } = backend;
    const standings = await backend.database((db) =>
      publishDefinitions(db, definitionsOf(settings), { author: authorOf(settings), byHand: true }),
    );
    return { pools: standings.map(({ pool }) => pool) };
  },
});

/** Those generations that stand and say otherwise than these settings. */
export async function otherGenerations(backend: Backend): Promise<SettingsGeneration[]> {
  const own = new Map(definitionsOf(backend.settings).map(({ pool, digest }) => [pool, digest]));
  const standing = await backend.database((db) => currentGenerations(db, [...own.keys()]));
  return standing.filter(({ pool, digest }) => own.get(pool) !== digest);
}
