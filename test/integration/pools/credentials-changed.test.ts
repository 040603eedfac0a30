/** New credentials in the vault free what was held for the old ones, and nothing else. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadContext } from '../../../client/operations/backend/context';
import { credentialsChanged } from '../../../client/operations/pools/credentials';
import type { HoldCause } from '../../../quota/pools/state';
import { findAccount } from '../../../settings/accounts/accounts';
import { createPool } from '../../../store/db';
import { applyPoolEvent, readPool, registerPool } from '../../../store/pools/pools';
import { temporaryFolder, testDatabase } from '../../support/stacks/embedded';

test('a pool that is held for refused credentials tries new ones at once', async () => {
  const database = await testDatabase();
  const db = createPool(database.url);
  try {
    const folder = temporaryFolder('credentials');
    const settings = join(folder, 'sluice.yaml');
    const accounts = { held: 'new', unpaid: 'new', other: 'old', well: 'new' };
    const lines = Object.entries(accounts).map(
      ([name, entry]) => `  ${name}: { vendor: openai, apiKey: vault:${entry} }`,
    );
    writeFileSync(settings, ['accounts:', ...lines, ''].join('\n'));
    // Nobody listens there: orders reach the database alone.
    const env = { DATABASE_URL: database.url, TEMPORAL_ADDRESS: '127.0.0.1:9' };
    const context = loadContext({ settings, cwd: folder, env, note: () => undefined });
    const causes: Record<string, HoldCause | null> = {
      held: 'credentials',
      unpaid: 'billing',
      other: 'credentials',
      well: null,
    };
    for (const [name, cause] of Object.entries(causes)) {
      const { poolKey, pool } = findAccount(context.settings, name);
      await registerPool(db, poolKey, pool, null, null);
      if (cause === null) continue;
      const evidence = { vendor: 'openai', account: name, operation: 'responses', httpStatus: 401 };
      await applyPoolEvent(db, poolKey, { type: 'hold', epoch: 1, reason: cause, evidence, cause });
    }

    expect(await credentialsChanged(context, 'new')).toEqual({
      accounts: ['held', 'unpaid', 'well'],
      resumed: ['openai/held'],
      unreached: expect.any(String),
    });
    const states = Object.keys(causes).map(
      async (name) => (await readPool(db, `openai/${name}`))?.state.state,
    );
    expect(await Promise.all(states)).toEqual(['half_open', 'held', 'held', 'closed']);
    expect(await credentialsChanged(context, 'nobody-uses-it')).toEqual({
      accounts: [],
      resumed: [],
      unreached: null,
    });
  } finally {
    await db.end();
    await database.drop();
  }
});
