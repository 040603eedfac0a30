import { Client } from 'pg';
import { type TestDatabase, testDatabase, testTemporal, uniqueName } from '../../support/stacks/embedded';

async function tablesOf(database: TestDatabase): Promise<number> {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  try {
    const sql = `select 1 from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`;
    return (await client.query(sql)).rowCount ?? 0;
  } finally {
    await client.end();
  }
}

describe('servers for tests', () => {
  test('every test database is migrated and its own', async () => {
    const [one, two] = await Promise.all([testDatabase(), testDatabase()]);
    expect(one.url).not.toBe(two.url);
    expect(await tablesOf(one)).toBeGreaterThan(0);
    expect(await tablesOf(two)).toBe(await tablesOf(one));
    await Promise.all([one.drop(), two.drop()]);
    await expect(tablesOf(one)).rejects.toThrow(/does not exist/);
  });

  test('a database without migrations is empty', async () => {
    const empty = await testDatabase({ migrated: false });
    expect(await tablesOf(empty)).toBe(0);
    await empty.drop();
  });

  test('all tests of a run share one Temporal server', async () => {
    const first = await testTemporal();
    const second = await testTemporal({ [uniqueName('Attribute').replace('-', '')]: 'Keyword' });
    expect(second.pid).toBe(first.pid);
    expect(second.adopted).toBe(true);
  });
});
