/**
 * Writes what programs know the API by: sluice.openapi.json, the document that the server answers with, and
 * library/api-types.ts, the types that openapi-typescript makes of it. A test compares both with the routes.
 *
 *   node scripts/api-types.mjs
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import openapiTS, { astToString } from 'openapi-typescript';
import { bootstrap, main, ROOT, requireBuilt } from './bootstrap.mjs';

const HEADER = '/** Types of the HTTP API, made from sluice.openapi.json by scripts/api-types.mjs. */\n';

await main(async () => {
  await bootstrap();
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const { openApiDocument } = requireBuilt('client/api/openapi.js');
  const { ROUTES } = requireBuilt('client/api/routes/index.js');
  const document = openApiDocument(ROUTES, version);
  const file = join(ROOT, 'sluice.openapi.json');
  writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`);
  const biome = join(ROOT, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
  execFileSync(process.execPath, [biome, 'format', '--write', file], { cwd: ROOT, stdio: 'ignore' });
  const types = astToString(await openapiTS(JSON.parse(JSON.stringify(document))));
  writeFileSync(join(ROOT, 'library', 'api-types.ts'), HEADER + types);
});
