import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Keeper } from '../../../../../client/operations/processes/keeper';
import { ensureStateDir, stateDir } from '../../../../../embedded/state-dir';
import { eventually } from '../../../../support/eventually';
import { temporaryFolder } from '../../../../support/run/run-folder';

test('a child works in the folder that it is kept for, wherever it is started', async () => {
  const folder = temporaryFolder('keeper');
  const dir = stateDir('/', { SLUICE_STATE_DIR: join(folder, 'demo') });
  ensureStateDir(dir);
  const script = join(folder, 'child.js');
  writeFileSync(
    script,
    `console.log('said ' + process.env.SLUICE_STATE_DIR + ' ' + process.env.SLUICE_SPOOL_DIR + ' end');
     setInterval(() => {}, 1000);`,
  );
  const logFile = join(dir.logs, 'child.log');
  const keeper = new Keeper(dir, { name: 'child', script, args: [], logFile }, () => undefined);
  try {
    await keeper.launch();
    const said = await eventually('it speaks', () => /said .* end/.exec(readFileSync(logFile, 'utf8')));
    expect(said[0]).toBe(`said ${dir.root} ${dir.spool} end`);
  } finally {
    await keeper.stop();
  }
});
