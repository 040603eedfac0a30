/** `npm start`: prepares the checkout and runs the demo on this machine. Arguments go to `sluice demo`. */
import { join } from 'node:path';
import { become, bootstrap, DIST, main } from './bootstrap.mjs';

await main(async () => {
  await bootstrap();
  become(join(DIST, 'client', 'cli', 'main.js'), ['demo', ...process.argv.slice(2)]);
});
