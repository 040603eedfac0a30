/** The contents of a database's tables, as one digest for each: two equal readings mean that nothing was written. */
import type { Pool } from 'pg';

/** @param except tables that are left out. */
export async function contentsOf(
  db: Pool,
  except: readonly string[] = [],
): Promise<Readonly<Record<string, string>>> {
  const { rows } = await db.query<{ name: string }>(
    `select quote_ident(tablename) as name from pg_tables where schemaname = 'sluice' order by 1`,
  );
  const names = rows.map(({ name }) => name).filter((name) => !except.includes(name));
  const digests = names.map(
    (name) =>
      `select '${name}' as name, md5(string_agg(t::text, chr(10) order by t::text)) as digest from ${name} t`,
  );
  const found = await db.query<{ name: string; digest: string }>(digests.join(' union all '));
  return Object.fromEntries(found.rows.map(({ name, digest }) => [name, digest]));
}
