/** How a database gets its tables, functions and views, and what happens to them when versions meet. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Pool } from 'pg';
import { createPool } from '../../../store/db';
import { describeSchema } from '../../../store/describe-schema';
import { appliedMigrations, beforeFirstRelease, migrate, readMigrations } from '../../../store/migrate';
import { readSchema, type SchemaObject, type SchemaTexts } from '../../../store/schema';
import { type TestDatabase, testDatabase } from '../../support/stacks/embedded';

let database: TestDatabase;
let pool: Pool;

beforeEach(async () => {
  database = await testDatabase({ migrated: false });
  pool = createPool(database.url);
});

afterEach(async () => {
  await pool.end();
  await database.drop();
});

const answer = (value: number): SchemaObject => ({
  name: 'answer',
  kind: 'function',
  file: 'store/schema/answer.sql',
  sql: `create or replace function answer() returns integer language sql as 'select ${value}'`,
});
const shown: SchemaObject = {
  name: 'shown',
  kind: 'view',
  file: 'store/schema/shown.sql',
  sql: 'create or replace view shown as select 1 as one',
};
const texts = (version: number, ...objects: SchemaObject[]): SchemaTexts => ({
  version,
  digest: `${version}/${objects.map(({ sql }) => sql).join()}`,
  objects,
});
const apply = (schema: SchemaTexts) => migrate(database.url, [], schema);
const selectAnswer = async (call = 'answer()') => (await pool.query(`select ${call} as value`)).rows[0].value;

test('the schema in the repository is the one that a new database gets', async () => {
  await migrate(database.url);
  const file = path.join(__dirname, '..', '..', '..', 'store', 'schema.sql');
  expect(await describeSchema(pool)).toBe(await readFile(file, 'utf8'));
});

test('applied migrations are listed by name and hash, and missing tables are reported', async () => {
  expect(await appliedMigrations(pool)).toBeNull();
  await migrate(database.url);
  const wanted = (await readMigrations()).map(({ name, sha256 }) => [name, sha256]);
  expect([...((await appliedMigrations(pool)) ?? [])].sort()).toEqual(wanted);
});

test('the version of the functions and views was raised with their last change', async () => {
  const file = path.join(__dirname, '..', '..', '..', 'store', 'schema', 'version.json');
  const { digest } = JSON.parse(await readFile(file, 'utf8'));
  // When this fails: npm run schema:sql
  expect((await readSchema()).digest).toBe(digest);
});

test('a text that changed is applied again, and what is no longer there is dropped', async () => {
  await apply(texts(1, answer(41), shown));
  expect(await selectAnswer()).toBe(41);
  await apply(texts(2, answer(42)));
  expect(await selectAnswer()).toBe(42);
  expect((await pool.query("select to_regclass('shown') as view")).rows[0].view).toBeNull();
});

test('other parameters, another result and other columns take the place of the old ones', async () => {
  await apply(texts(1, answer(41), shown));
  await apply(
    texts(
      2,
      {
        ...answer(0),
        sql: `create or replace function answer(x integer) returns text language sql as 'select x::text'`,
      },
      { ...shown, sql: 'create or replace view shown as select 2 as two' },
    ),
  );
  expect(await selectAnswer('answer(7)')).toBe('7');
  await expect(selectAnswer('answer()')).rejects.toThrow(/does not exist/);
  expect((await pool.query('select * from shown')).rows).toEqual([{ two: 2 }]);
});

test('an older version leaves the texts of a newer one alone, however often both start', async () => {
  const older = texts(1, answer(41));
  const newer = texts(2, answer(42));
  await apply(older);
  await Promise.all([apply(older), apply(newer), apply(older), apply(newer)]);
  await apply(older);
  expect(await selectAnswer()).toBe(42);
});

test('a text with an error names its file and leaves everything as it was', async () => {
  await apply(texts(1, answer(41)));
  const broken = { ...shown, sql: 'create or replace view shown as select nothing' };
  await expect(apply(texts(2, answer(42), broken))).rejects.toThrow(/store\/schema\/shown\.sql: .*nothing/);
  expect(await selectAnswer()).toBe(41);
});

test('a database from before the first release is refused with what to do', async () => {
  await apply(texts(1, answer(41)));
  for (const early of ['001_initial.sql', '002_take_permits.sql']) {
    await pool.query('insert into sluice_migrations values ($1, $2)', [early, 'x']);
    expect(beforeFirstRelease((await appliedMigrations(pool)) ?? new Map())).not.toBeNull();
    await expect(migrate(database.url)).rejects.toThrow(
      /made by a version before the first release.*drop schema sluice cascade.*--fresh/,
    );
    await pool.query('delete from sluice_migrations where name = $1', [early]);
  }
  expect((await pool.query("select to_regclass('limits') as limits")).rows[0].limits).toBeNull();
});
