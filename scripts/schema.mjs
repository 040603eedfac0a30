/**
 * Writes sluice.schema.json, which editors check sluice.yaml with, from the settings' own schema.
 *
 *   node scripts/schema.mjs           writes it
 *   node scripts/schema.mjs --check   fails when it is out of date
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BootstrapError, bootstrap, main, ROOT, requireBuilt } from './bootstrap.mjs';

await main(async () => {
  await bootstrap();
  const file = join(ROOT, 'sluice.schema.json');
  const schema = requireBuilt('settings/index.js').settingsJsonSchema();
  if (process.argv.includes('--check')) {
    if (JSON.stringify(JSON.parse(readFileSync(file, 'utf8'))) === JSON.stringify(schema)) return;
    throw new BootstrapError('sluice.schema.json is out of date; run: node scripts/schema.mjs');
  }
  writeFileSync(file, `${JSON.stringify(schema, null, 2)}\n`);
  const biome = join(ROOT, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
  execFileSync(process.execPath, [biome, 'format', '--write', file], { cwd: ROOT, stdio: 'ignore' });
});
