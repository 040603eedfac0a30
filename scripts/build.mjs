/** The production build, from clean. */
import { rmSync } from 'node:fs';
import { buildDeclarations, checkNode, DIST, ensureBuild, ensureDependencies, main } from './bootstrap.mjs';

await main(async () => {
  checkNode();
  await ensureDependencies();
  rmSync(DIST, { recursive: true, force: true });
  await ensureBuild();
  await buildDeclarations();
});
