/** What programs know the API by is committed, and is what the routes say. Else run: node scripts/api-types.mjs */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openApiDocument } from '../../../../client/api/openapi';
import { ROUTES } from '../../../../client/api/routes/index';

const ROOT = join(__dirname, '..', '..', '..', '..');
const read = (name: string) => readFileSync(join(ROOT, name), 'utf8');
const published = JSON.parse(read('sluice.openapi.json')) as Record<string, unknown>;

test('sluice.openapi.json is the document of the routes (else run: node scripts/api-types.mjs)', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  expect(published).toEqual(JSON.parse(JSON.stringify(openApiDocument(ROUTES, version))));
});

// In a process of its own: jest cannot load what the package consists of.
const MAKE = `import openapiTS, { astToString } from 'openapi-typescript';
import { readFileSync } from 'node:fs';
process.stdout.write(astToString(await openapiTS(JSON.parse(readFileSync('sluice.openapi.json', 'utf8')))));`;

test('library/api-types.ts is made of it', () => {
  const args = ['--input-type=module', '--eval', MAKE];
  const made = execFileSync(process.execPath, args, {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const types = read('library/api-types.ts');
  expect(types.slice(types.indexOf('\n') + 1)).toBe(made);
});
