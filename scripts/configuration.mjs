/**
 * Writes the tables of docs/configuration.md, from the settings' own schema.
 *
 *   node scripts/configuration.mjs           writes them
 *   node scripts/configuration.mjs --check   fails when they are out of date
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BootstrapError, bootstrap, main, ROOT, requireBuilt } from './bootstrap.mjs';

/** The tables stand between these. */
const BEGIN = '<!-- begin: made by scripts/configuration.mjs -->';
const END = '<!-- end -->';

await main(async () => {
  await bootstrap();
  const file = join(ROOT, 'docs', 'configuration.md');
  const text = readFileSync(file, 'utf8');
  const from = text.indexOf(BEGIN);
  const to = text.indexOf(END, from);
  if (from < 0 || to < 0) throw new BootstrapError(`docs/configuration.md has no "${BEGIN}" … "${END}"`);
  const tables = requireBuilt('settings/reference.js').settingsReference();
  const made = `${text.slice(0, from)}${BEGIN}\n\n${tables}\n${text.slice(to)}`;
  if (process.argv.includes('--check')) {
    if (made === text) return;
    throw new BootstrapError('docs/configuration.md is out of date; run: node scripts/configuration.mjs');
  }
  writeFileSync(file, made);
});
