/** Databases for the time of a test or a demo, in a Postgres that others use, too. */
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';

/** A name that nobody else gives. @param prefix of letters, digits and `_`. */
export function temporaryDatabaseName(prefix: string): string {
  return `${prefix}_${randomBytes(6).toString('hex')}`;
}

/**
 * Makes a database. It takes the right to make databases.
 * @param url of any database of that Postgres.
 * @param name as `temporaryDatabaseName` gives it.
 * @param template what it is a copy of: `template1` is empty.
 * @returns its URL.
 */
export async function createTemporaryDatabase(
  url: string,
  name: string,
  template = 'template1',
): Promise<string> {
  await administer(url, `create database ${name} template ${template}`);
  return urlOfDatabase(url, name);
}

/** Of another database of the same Postgres, for the same user. */
export function urlOfDatabase(url: string, name: string): string {
  const other = new URL(url);
  other.pathname = `/${name}`;
  return other.toString();
}

/** Ends whoever is still connected. One that is gone already is no error. */
export async function dropTemporaryDatabase(url: string, name: string): Promise<void> {
  await administer(url, `drop database if exists ${name} with (force)`);
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
