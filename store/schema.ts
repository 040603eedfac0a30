/**
 * The functions and views of the database. The current text of each stands once, in `schema/ROOM/NAME.sql`, as
 * `create or replace`; it is applied again when it changes. Tables are changed by `migrations/` alone.
 *
 * `schema/version.json` numbers the texts as a whole and is kept by `npm run schema:sql`. The database records the
 * number that it has, so that an older process that starts later, in a rolling upgrade, leaves the newer texts alone.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ClientBase } from 'pg';

/** One function, with the triggers that call it, or one view. */
export interface SchemaObject {
  readonly name: string;
  readonly kind: 'function' | 'view';
  /** For messages: its file, from the repository's root. */
  readonly file: string;
  readonly sql: string;
}

export interface SchemaTexts {
  /** Grows with each change of any text. */
  readonly version: number;
  /** SHA-256 of all names and texts. */
  readonly digest: string;
  readonly objects: readonly SchemaObject[];
}

/** Beside this file, both in the source tree and in a build, which copies the SQL files. */
export const SCHEMA_DIRECTORY = path.join(__dirname, 'schema');

const VERSION_FILE = 'version.json';
/** Postgres: a function's return type or parameter names, or a view's columns, cannot be replaced. */
const NOT_REPLACEABLE = new Set(['42P13', '42P16']);

/** Reads all `*.sql` of a directory and its rooms; functions first, then views, each in name order. */
export async function readSchema(directory = SCHEMA_DIRECTORY): Promise<SchemaTexts> {
  const files = (await readdir(directory, { recursive: true })).filter((file) => file.endsWith('.sql'));
  const objects = await Promise.all(
    files.map(async (relative): Promise<SchemaObject> => {
      const sql = (await readFile(path.join(directory, relative), 'utf8')).replaceAll('\r\n', '\n');
      const name = path.basename(relative, '.sql');
      const file = path.posix.join('store/schema', ...relative.split(path.sep));
      const found = /^create or replace (function|view) (\w+)/m.exec(sql);
      if (found === null || found[2] !== name) {
        throw new Error(`${file} must begin with "create or replace function|view ${name}"`);
      }
      return { name, kind: found[1] as SchemaObject['kind'], file, sql };
    }),
  );
  objects.sort((a, b) => (a.name < b.name ? -1 : 1));
  const { version } = JSON.parse(await readFile(path.join(directory, VERSION_FILE), 'utf8'));
  return {
    version,
    digest: digestOf(objects),
    objects: [
      ...objects.filter(({ kind }) => kind === 'function'),
      ...objects.filter(({ kind }) => kind === 'view'),
    ],
  };
}

function digestOf(objects: readonly SchemaObject[]): string {
  const hash = createHash('sha256');
  for (const { name, sql } of objects) hash.update(`${name}\n${sql}\n`);
  return hash.digest('hex');
}

/** What a database says of its functions and views; null before the first of them. */
export interface AppliedSchema {
  readonly version: number;
  readonly digest: string;
  /** Names of all objects that were applied. */
  readonly objects: readonly string[];
}

export async function appliedSchema(client: Pick<ClientBase, 'query'>): Promise<AppliedSchema | null> {
  const { rows } = await client.query<AppliedSchema>('select version, digest, objects from sluice_schema');
  return rows[0] ?? null;
}

/**
 * Applies the texts when the database has other ones that are not newer. `force` applies them in any case: a
 * migration may have changed what they read. The caller holds the lock of migrations and no transaction.
 */
export async function applySchema(client: ClientBase, texts: SchemaTexts, force: boolean): Promise<void> {
  const before = await appliedSchema(client);
  if (before !== null && before.version > texts.version) return;
  if (before?.version === texts.version && before.digest === texts.digest && !force) return;
  await client.query('begin');
  try {
    // Functions may call one another in any order.
    await client.query('set local check_function_bodies = off');
    for (const name of before?.objects ?? []) {
      if (!texts.objects.some((object) => object.name === name)) await drop(client, name);
    }
    for (const object of texts.objects) await replace(client, object);
    await client.query(
      `insert into sluice_schema (version, digest, objects) values ($1, $2, $3)
       on conflict (singleton) do update set version = excluded.version, digest = excluded.digest,
         objects = excluded.objects, applied_at = now()`,
      [texts.version, texts.digest, texts.objects.map(({ name }) => name)],
    );
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

async function replace(client: ClientBase, object: SchemaObject): Promise<void> {
  const before = object.kind === 'function' ? await overloads(client, object.name) : [];
  await client.query('savepoint object');
  try {
    await client.query(object.sql);
  } catch (error) {
    if (!NOT_REPLACEABLE.has((error as { code?: string }).code ?? '')) throw named(object, error);
    await client.query('rollback to savepoint object');
    await drop(client, object.name);
    await client.query(object.sql);
    return;
  }
  // Other parameters make another function of the same name, and the old one would stay in the way.
  const after = await overloads(client, object.name);
  if (after.length > 1) for (const old of before) await client.query(`drop function ${old}`);
}

function named(object: SchemaObject, error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  return new Error(`${object.file}: ${message}`, { cause: error });
}

/** The functions of this name with their parameters, as `drop function` takes them. */
async function overloads(client: ClientBase, name: string): Promise<string[]> {
  const { rows } = await client.query<{ signature: string }>(
    `select p.oid::regprocedure::text as signature from pg_proc p
     where p.proname = $1 and p.pronamespace = current_schema()::regnamespace`,
    [name],
  );
  return rows.map(({ signature }) => signature);
}

async function drop(client: ClientBase, name: string): Promise<void> {
  // With its triggers, which its file makes again.
  for (const signature of await overloads(client, name))
    await client.query(`drop function ${signature} cascade`);
  const { rowCount } = await client.query(
    `select 1 from pg_views where viewname = $1 and schemaname = current_schema()`,
    [name],
  );
  // Not what others have built on a view: then Postgres says so, and a person decides.
  if (rowCount) await client.query(`drop view ${name}`);
}
