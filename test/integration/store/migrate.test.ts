import { installDatasets } from '../../../store/datasets/datasets';
import { createPool } from '../../../store/db';
import { migrate } from '../../../store/migrate';
import { AMAZON_DATASETS } from '../../../vendors/amazon/datasets';
import { testDatabase } from '../../support/stacks/embedded';

describe('migrations', () => {
  test('any number of starters at once bring a new database up', async () => {
    const empty = await testDatabase({ migrated: false });
    try {
      await Promise.all([migrate(empty.url), migrate(empty.url), migrate(empty.url)]);
      const client = createPool(empty.url);
      await Promise.all([installDatasets(client, AMAZON_DATASETS), installDatasets(client, AMAZON_DATASETS)]);
      expect((await client.query('select * from amazon_rt_sales')).rows).toEqual([]);
      await client.end();
    } finally {
      await empty.drop();
    }
  });

  test('a file that fails is rolled back, and one changed after it was applied is refused by name', async () => {
    const good = { name: '001_good.sql', sql: 'create table good ()', sha256: 'a' };
    const bad = { name: '002_bad.sql', sql: 'create table half (); select 1 / 0', sha256: 'b' };
    const empty = await testDatabase({ migrated: false });
    try {
      await expect(migrate(empty.url, [good, bad])).rejects.toThrow(/002_bad.sql: failed.*division by zero/);
      const client = createPool(empty.url);
      const { rows } = await client.query("select to_regclass('good') as good, to_regclass('half') as half");
      expect(rows[0]).toEqual({ good: 'good', half: null });
      await client.end();
      await expect(migrate(empty.url, [{ ...good, sha256: 'c' }])).rejects.toThrow(
        /001_good.sql.*was changed/,
      );
    } finally {
      await empty.drop();
    }
  });
});
