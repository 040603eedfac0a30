/** `npm start`: prepares the checkout and runs the demo on this machine. Arguments go to `sluice demo`. */
import { become, bootstrap, COMMAND_LINE, main } from './bootstrap.mjs';

await main(async () => {
  await bootstrap();
  become(COMMAND_LINE, ['demo', ...process.argv.slice(2)]);
});
