/** `npm test`: prepares the checkout, finds a Temporal CLI while progress can be shown, and runs jest. */
import { join } from 'node:path';
import { become, bootstrap, main, ROOT, requireBuilt } from './bootstrap.mjs';

await main(async () => {
  await bootstrap();
  const { findTemporalBinary } = requireBuilt('embedded/temporal-binary.js');
  await findTemporalBinary({ log: (line) => process.stderr.write(`${line}\n`) });
  process.chdir(ROOT);
  become(join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js'), process.argv.slice(2));
});
