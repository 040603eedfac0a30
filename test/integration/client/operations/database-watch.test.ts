/** A process that goes on running, and a database that falls silent. */
import { contextWith } from '../../../../client/operations/context';
import { openBackend } from '../../../../client/operations/open-backend';
import { stateDir } from '../../../../embedded/state-dir';
import { parseSettings } from '../../../../settings';
import { startBreakableProxy } from '../../../support/network/breakable-proxy';
import { testDatabase } from '../../../support/stacks/embedded';

const WATCH = { lateMs: 150, answerMs: 300 };

test('whoever waits for a silent database is answered soon, and the next one is served when it is back', async () => {
  const database = await testDatabase({ migrated: true });
  const { hostname, port } = new URL(database.url);
  const proxy = await startBreakableProxy(`${hostname}:${port}`);
  const url = database.url.replace(`${hostname}:${port}`, proxy.address);
  const settings = parseSettings(`{ database: { url: '${url}' }, accounts: {} }`, {
    file: null,
    baseDir: '/',
    env: {},
  });
  const backend = openBackend(
    contextWith(settings, stateDir('/nowhere', {}), () => undefined),
    {
      ...{ applicationName: 'test', connections: 2, watch: WATCH },
    },
  );
  const ask = (sql = 'select 1') => backend.database((db) => db.query(sql)).then(({ rowCount }) => rowCount);
  // Slow is not silent.
  expect(await ask(`select pg_sleep(0.6)`)).toBe(1);
  proxy.silence(true);
  const from = performance.now();
  const asked = await Promise.allSettled(Array.from({ length: 5 }, () => ask()));
  expect(performance.now() - from).toBeLessThan(5_000);
  for (const one of asked) {
    expect(one).toMatchObject({ status: 'rejected', reason: { code: 'DATABASE_UNAVAILABLE' } });
  }
  proxy.restore();
  expect(await ask()).toBe(1);
  await backend.close();
  await proxy.close();
  await database.drop();
});
