#!/usr/bin/env node
/** The `sluice` command. In a checkout it first builds what has changed, and says so only then. */
const { checkNode, checkoutIsCurrent, COMMAND_LINE } = require('../scripts/checkout.cjs');

function run() {
  process.argv[1] = COMMAND_LINE;
  require(COMMAND_LINE);
}

const problem = checkNode();
if (problem !== null) {
  process.stderr.write(`${problem}\n`);
  process.exitCode = 1;
} else if (checkoutIsCurrent()) run();
else
  import('../scripts/bootstrap.mjs').then(({ bootstrap, main }) =>
    main(async () => {
      await bootstrap();
      run();
    }),
  );
