/** Behind a connection pooler: named and refused where it cannot work, used where it can. Needs PgBouncer installed. */

import { UnsupportedPooler } from '../../../../store/connections/pooler';
import { connect, createPool } from '../../../../store/db';
import { migrate } from '../../../../store/migrate';
import { pgBouncerProgram, startPgBouncer } from '../../../support/network/pgbouncer';
import { type TestDatabase, testDatabase } from '../../../support/stacks/embedded';

const program = pgBouncerProgram();
const installed = program === null ? test.skip : test;
if (program === null) {
  process.stderr.write('pooler.test.ts: PgBouncer is not installed (apt-get install pgbouncer): skipped\n');
}

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

async function behind(settings: readonly string[], work: (url: string) => Promise<void>): Promise<void> {
  const bouncer = await startPgBouncer(program ?? '', database.url, settings);
  try {
    await work(bouncer.url);
  } finally {
    await bouncer.end();
  }
}

installed.each([
  ['as it comes', ['pool_mode = transaction']],
  ['when it is set to ignore settings', ['pool_mode = transaction', 'ignore_startup_parameters = options']],
  ['in statement mode', ['pool_mode = statement', 'ignore_startup_parameters = options']],
])('transaction mode is refused at the first connection, %s', async (_, settings) => {
  await behind(settings, async (url) => {
    const pool = createPool(url, { max: 2 });
    const refused = await pool.query('select 1').catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(UnsupportedPooler);
    expect(String(refused)).toMatch(/connection pooler .* pool_mode=session/);
    await expect(migrate(url)).rejects.toThrow(UnsupportedPooler);
    await pool.end();
  });
});

installed('in session mode the settings of the session are set after the start', async () => {
  await behind(['pool_mode = session', 'ignore_startup_parameters = options'], async (url) => {
    await migrate(url);
    const pool = createPool(url, { max: 2, use: 'permits' });
    const { rows } = await pool.query(
      `select current_setting('idle_in_transaction_session_timeout') as idle, now_ms() > 0 as ours`,
    );
    expect(rows).toEqual([{ idle: '5s', ours: true }]);
    const single = await connect(url);
    expect((await single.query('select now_ms() > 0 as ours')).rows).toEqual([{ ours: true }]);
    await single.end();
    await pool.end();
  });
});
