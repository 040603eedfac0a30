#!/usr/bin/env node
/** The `sluice` command. In a checkout it first builds what has changed, and says so only then. */
import { join } from 'node:path';
import { become, bootstrap, checkNode, DIST, isSourceCheckout, main } from '../scripts/bootstrap.mjs';

await main(async () => {
  if (isSourceCheckout()) await bootstrap();
  else checkNode();
  become(join(DIST, 'client', 'cli', 'main.js'), process.argv.slice(2));
});
