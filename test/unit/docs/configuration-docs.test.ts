/** docs/configuration.md says what the schemas say. When this fails: node scripts/configuration.mjs */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { addRunOptions } from '../../../client/cli/batches/run-options';
import { ENVIRONMENT } from '../../../settings/environment';
import { settingsReference } from '../../../settings/reference';

const page = readFileSync(join(__dirname, '..', '..', '..', 'docs', 'configuration.md'), 'utf8');

test('the tables are those that the schemas make', () => {
  const [, made = ''] = /<!-- begin: [^\n]* -->\n\n([\s\S]*)\n<!-- end -->/.exec(page) ?? [];
  expect(made).toBe(settingsReference());
});

test('every option of a run is described', () => {
  const options = addRunOptions(new Command('start')).options.map(({ long }) => long ?? '');
  expect(options.length).toBeGreaterThan(5);
  expect(options.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

test('each key has a default or is marked as required, and describes its values', () => {
  const reference = settingsReference();
  for (const row of [
    '| `quotaThreshold` | `0.8` | a share above 0 and up to 1 |',
    '| `database.poolSize` | `10` | a whole number, at least 1; at most 200 |',
    '| `pauseHours` | `24` | a number of hours from 0.001 to 744, or text such as "6h" |',
    '| `apiKey` | required | a reference to a secret (env:NAME, file:/path or vault:name) |',
    '| `limits.<limit>.mode` |  | enforce or shadow |',
    '| `QUOTA_THRESHOLD` | `quotaThreshold` of the accounts of ',
    '| `QUOTA_COOLDOWN_MINUTES` | `pool.cooldownMinutes` of every account |',
  ]) {
    expect(reference).toContain(row);
  }
  for (const { name } of ENVIRONMENT) expect(reference).toContain(`| \`${name}\` | \``);
  expect(reference).not.toMatch(/expected string|undefined|\[object/);
});
