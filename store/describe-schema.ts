/**
 * A database's schema as text, in one order: what `npm run schema:sql` writes to `store/schema.sql`, for people to read
 * and for CI to compare. Postgres prints each definition itself; `pg_dump` is not among the embedded binaries.
 */
import type { ClientBase } from 'pg';
import { SCHEMA } from './db';

const COLUMNS = `
  select c.relname as name,
         'create table ' || c.relname || E' (\\n' || string_agg('  ' || d.line, E',\\n' order by d.part, d.position) || E'\\n)'
           || coalesce(' with (' || array_to_string(c.reloptions, ', ') || ')', '') || ';' as text
  from pg_class c cross join lateral (
    select 0 as part, a.attnum::text as key, a.attnum::int as position,
           a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
             || case when a.attidentity = 'a' then ' generated always as identity' else '' end
             || case when a.attnotnull then ' not null' else '' end
             || coalesce(' default ' || pg_get_expr(f.adbin, f.adrelid), '') as line
    from pg_attribute a left join pg_attrdef f on f.adrelid = a.attrelid and f.adnum = a.attnum
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    union all
    select 1, k.conname, row_number() over (order by k.conname)::int,
           'constraint ' || k.conname || ' ' || pg_get_constraintdef(k.oid)
    from pg_constraint k where k.conrelid = c.oid and k.contype <> 'n'
  ) d
  where c.relkind = 'r' and c.relnamespace = $1::regnamespace
  group by c.oid, c.relname, c.reloptions`;

const INDEXES = `
  select i.relname as name, pg_get_indexdef(i.oid) || ';' as text
  from pg_index x join pg_class i on i.oid = x.indexrelid
  where i.relnamespace = $1::regnamespace
    and not exists (select 1 from pg_constraint k where k.conindid = i.oid)`;

const FUNCTIONS = `
  select p.oid::regprocedure::text as name, trim(trailing E'\\n' from pg_get_functiondef(p.oid)) || ';' as text
  from pg_proc p where p.pronamespace = $1::regnamespace`;

const VIEWS = `
  select c.relname as name, 'create view ' || c.relname || E' as\\n' || pg_get_viewdef(c.oid, true) as text
  from pg_class c where c.relkind = 'v' and c.relnamespace = $1::regnamespace`;

const TRIGGERS = `
  select t.tgname as name, pg_get_triggerdef(t.oid, true) || ';' as text
  from pg_trigger t join pg_class c on c.oid = t.tgrelid
  where not t.tgisinternal and c.relnamespace = $1::regnamespace`;

/** Tables, indexes, functions, views and triggers of schema `sluice`, each in name order. */
export async function describeSchema(client: Pick<ClientBase, 'query'>): Promise<string> {
  const parts: string[] = [];
  for (const query of [COLUMNS, INDEXES, FUNCTIONS, VIEWS, TRIGGERS]) {
    const { rows } = await client.query<{ text: string }>(
      `select text from (${query}) d order by name collate "C"`,
      [SCHEMA],
    );
    parts.push(...rows.map(({ text }) => text));
  }
  return `${parts.join('\n\n')}\n`;
}
