#!/usr/bin/env node
/** The `sluice` command. In a checkout it first builds what has changed, and says so only then. */
import { become, bootstrap, COMMAND_LINE, checkNode, isSourceCheckout, main } from '../scripts/bootstrap.mjs';

await main(async () => {
  if (isSourceCheckout()) await bootstrap();
  else checkNode();
  become(COMMAND_LINE, process.argv.slice(2));
});
