/**
 * Brings a database to this version's schema: first every file of `migrations/`, which change tables, in name order,
 * each in its own transaction, each once; then the functions and views (schema.ts). Which migrations ran is kept in
 * `sluice.sluice_migrations` with a hash of each file.
 *
 * - Any number of processes may start at once: a session advisory lock lets one work while the others wait.
 * - A file that was applied must never be edited; that is an error here, because the database would
 *   silently differ from what the file says. Line endings do not count (a checkout may change them).
 * - A database that has migrations this version does not know (a newer worker ran first) is accepted:
 *   migrations only add, so that old and new workers can run side by side during a rolling upgrade.
 * - A database from before the first release, whose migrations were others, is refused with what to do.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Client, ClientBase } from 'pg';
import { connect, SCHEMA } from './db';
import { lockMigrations, withoutWaiting } from './migration-lock';
import { applySchema, readSchema, type SchemaTexts } from './schema';

export interface Migration {
  /** File name, e.g. `003_datasets.sql`. */
  readonly name: string;
  readonly sql: string;
  readonly sha256: string;
}

/** A migration cannot be applied, or was changed after it had been. Names the file and what to do. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
  constructor(
    readonly migration: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(`Migration ${migration}: ${message}`, options);
  }
}

/** Beside this file, both in the source tree and in a build, which copies the SQL files. */
export const MIGRATIONS_DIRECTORY = path.join(__dirname, 'migrations');

/** Reads all `*.sql` of a directory in name order. */
export async function readMigrations(directory = MIGRATIONS_DIRECTORY): Promise<readonly Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = (await readFile(path.join(directory, name), 'utf8')).replaceAll('\r\n', '\n');
      return { name, sql, sha256: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/** Hash of each applied migration's file, by its name; null where Sluice has no tables yet. */
export async function appliedMigrations(
  db: Pick<ClientBase, 'query'>,
): Promise<ReadonlyMap<string, string> | null> {
  const found = await db.query<{ table: string | null }>(
    `select to_regclass('${SCHEMA}.sluice_migrations') as "table"`,
  );
  if ((found.rows[0]?.table ?? null) === null) return null;
  const { rows } = await db.query<{ name: string; sha256: string }>(
    `select name, sha256 from ${SCHEMA}.sluice_migrations`,
  );
  return new Map(rows.map(({ name, sha256 }) => [name, sha256]));
}

/** One of these is in every database from before the first release; none of these names will ever be used again. */
const BEFORE_FIRST_RELEASE = ['001_initial.sql', '002_take_permits.sql'];

/**
 * Applies what is missing. `migrations` and `schema` are for tests; without a schema only tables are made then.
 * @throws MigrationError when a file fails (that file is rolled back, earlier ones stay) or was changed, or when the
 * database was made before the first release.
 */
export async function migrate(
  url: string,
  migrations?: readonly Migration[],
  schema?: SchemaTexts,
): Promise<void> {
  const wanted = migrations ?? (await readMigrations());
  const texts = schema ?? (migrations === undefined ? await readSchema() : undefined);
  const client = await connect(url, 'sluice-migrate', 'schema');
  try {
    await lockMigrations(client);
    await createBookkeeping(client);
    const { rows } = await client.query<{ name: string; sha256: string }>(
      'select name, sha256 from sluice_migrations',
    );
    const applied = new Map(rows.map((row) => [row.name, row.sha256]));
    const tooOld = beforeFirstRelease(applied);
    if (tooOld !== null) throw tooOld;
    let changed = false;
    for (const migration of wanted) {
      const sha256 = applied.get(migration.name);
      if (sha256 === undefined) {
        await withoutWaiting(() => apply(client, migration));
        changed = true;
      } else if (sha256 !== migration.sha256) {
        throw new MigrationError(
          migration.name,
          `the file was changed after it had been applied (applied ${sha256.slice(0, 12)}, ` +
            `now ${migration.sha256.slice(0, 12)}). Put the old text back and add a new file instead.`,
        );
      }
    }
    if (texts !== undefined) {
      await withoutWaiting(() => applySchema(client, texts, changed)).catch((error: unknown) => {
        throw new MigrationError('(functions and views)', `were rolled back: ${message(error)}`, {
          cause: error,
        });
      });
    }
  } finally {
    await client.end();
  }
}

/** What to do with a database from before the first release; null when it is a later one. */
export function beforeFirstRelease(applied: ReadonlyMap<string, string>): MigrationError | null {
  const early = BEFORE_FIRST_RELEASE.find((name) => applied.has(name));
  if (early === undefined) return null;
  return new MigrationError(
    early,
    `this database was made by a version before the first release (${applied.size} migrations, all of them replaced since) ` +
      `and cannot be upgraded. Export what you need with the version that made it (sluice export), then use another ` +
      `database, or remove everything Sluice has in this one: drop schema ${SCHEMA} cascade. ` +
      `For the embedded one: npm start -- --fresh.`,
  );
}

async function createBookkeeping(client: Client): Promise<void> {
  try {
    // Asked first, because `create schema` needs a right that is not needed once the schema is there.
    const { rowCount } = await client.query('select 1 from pg_namespace where nspname = $1', [SCHEMA]);
    if (rowCount === 0) await client.query(`create schema ${SCHEMA}`);
    await client.query(
      `create table if not exists sluice_migrations (
         name text primary key,
         sha256 text not null,
         applied_at timestamptz not null default now()
       )`,
    );
    await client.query(
      `create table if not exists sluice_schema (
         singleton boolean primary key default true check (singleton),
         version integer not null,
         digest text not null,
         objects text[] not null,
         applied_at timestamptz not null default now()
       )`,
    );
  } catch (error) {
    throw new MigrationError(
      '(bookkeeping)',
      `cannot prepare schema "${SCHEMA}": ${message(error)}. The database user needs CREATE on the database, ` +
        `or an administrator runs: create schema ${SCHEMA} authorization <user>`,
      { cause: error },
    );
  }
}

async function apply(client: Client, migration: Migration): Promise<void> {
  await client.query('begin');
  try {
    await client.query(migration.sql);
    await client.query('insert into sluice_migrations (name, sha256) values ($1, $2)', [
      migration.name,
      migration.sha256,
    ]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw new MigrationError(migration.name, `failed and was rolled back: ${message(error)}`, {
      cause: error,
    });
  }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
