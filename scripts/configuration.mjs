/**
 * Writes the tables of the docs that are made from code: the settings' in docs/configuration.md and the events' in
 * docs/monitoring.md.
 *
 *   node scripts/configuration.mjs           writes them
 *   node scripts/configuration.mjs --check   fails when one is out of date
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BootstrapError, bootstrap, main, ROOT, requireBuilt } from './bootstrap.mjs';

/** The tables stand between these. */
const BEGIN = '<!-- begin: made by scripts/configuration.mjs -->';
const END = '<!-- end -->';

/** Puts `tables` between the marks of a page; with `--check` it only compares. */
function write(page, tables) {
  const file = join(ROOT, 'docs', page);
  const text = readFileSync(file, 'utf8');
  const from = text.indexOf(BEGIN);
  const to = text.indexOf(END, from);
  if (from < 0 || to < 0) throw new BootstrapError(`docs/${page} has no "${BEGIN}" … "${END}"`);
  const made = `${text.slice(0, from)}${BEGIN}\n\n${tables}\n${text.slice(to)}`;
  if (made === text) return;
  if (process.argv.includes('--check')) {
    throw new BootstrapError(`docs/${page} is out of date; run: node scripts/configuration.mjs`);
  }
  writeFileSync(file, made);
}

await main(async () => {
  await bootstrap();
  write('configuration.md', requireBuilt('settings/reference.js').settingsReference());
  write('monitoring.md', requireBuilt('quota/events.js').eventsReference());
});
