/**
 * Writes what follows from store/migrations and store/schema: store/schema.sql, the whole schema as Postgres prints it,
 * and store/schema/version.json, whose number grows when a function or view has changed.
 *
 *   node scripts/sql-schema.mjs           writes them
 *   node scripts/sql-schema.mjs --check   fails when one is out of date
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BootstrapError, bootstrap, main, ROOT, requireBuilt } from './bootstrap.mjs';

const DUMP = join(ROOT, 'store', 'schema.sql');
const VERSION = join(ROOT, 'store', 'schema', 'version.json');

/** Also of a file with the marks of a merge in it: the highest number there is. */
function recorded() {
  const text = readFileSync(VERSION, 'utf8');
  return {
    version: Math.max(0, ...[...text.matchAll(/"version":\s*(\d+)/g)].map((match) => Number(match[1]))),
    digests: [...text.matchAll(/"digest":\s*"(\w*)"/g)].map((match) => match[1]),
  };
}

async function dump() {
  const { startPostgres } = requireBuilt('embedded/postgres/postgres.js');
  const { migrate } = requireBuilt('store/migrate.js');
  const { createPool } = requireBuilt('store/db.js');
  const { describeSchema } = requireBuilt('store/describe-schema.js');
  const folder = mkdtempSync(join(tmpdir(), 'sluice-schema-'));
  const server = await startPostgres({ dataDir: join(folder, 'postgres') });
  try {
    await migrate(server.url);
    const pool = createPool(server.url);
    try {
      return await describeSchema(pool);
    } finally {
      await pool.end();
    }
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

await main(async () => {
  const before = recorded();
  writeFileSync(VERSION, versionText(before.version, before.digests[0] ?? ''));
  await bootstrap();
  const { digest } = await requireBuilt('store/schema.js').readSchema(join(ROOT, 'store', 'schema'));
  const settled = before.digests.length === 1 && before.digests[0] === digest;
  const text = await dump();
  if (process.argv.includes('--check')) {
    if (settled && readFileSync(DUMP, 'utf8') === text) return;
    throw new BootstrapError(
      'store/schema.sql or store/schema/version.json is out of date; run: npm run schema:sql',
    );
  }
  writeFileSync(DUMP, text);
  if (!settled) writeFileSync(VERSION, versionText(before.version + 1, digest));
});

function versionText(version, digest) {
  return `{ "version": ${version}, "digest": "${digest}" }\n`;
}
