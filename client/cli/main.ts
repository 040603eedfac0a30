/** The `sluice` command. Exit codes: 0 done, 1 failed, 2 the command was given something wrong. */
import { Command, CommanderError } from 'commander';
import { ClientError, messageOf, UsageError } from '../operations/errors';
import { addBatch } from './batches/batch';
import { addCodecServer } from './codec-server';
import { addBackfill } from './datasets/backfill';
import { addCoverage } from './datasets/coverage';
import { addSync } from './datasets/sync';
import { addWindows } from './datasets/windows';
import { addDeviceCommand } from './fleet/device-command';
import { addUserAuth } from './fleet/user-auth';
import { addMachine } from './machine';
import { note } from './output';
import { addPools } from './pools/pools';
import { addPrune } from './prune';
import { addStatus } from './status';
import { addSettings, addVault } from './vault';

function createProgram(): Command {
  const program = new Command('sluice')
    .description('Calls vendor APIs within their quotas, and keeps their data complete.')
    .option('--settings <file>', 'settings file (default: SLUICE_SETTINGS, else ./sluice.yaml)')
    .showHelpAfterError('(add --help for what there is)')
    .exitOverride();
  addMachine(program);
  addStatus(program);
  addBackfill(program);
  addBatch(program);
  addSync(program);
  addDeviceCommand(program);
  addUserAuth(program);
  addCoverage(program);
  addWindows(program);
  addPools(program);
  addPrune(program);
  addVault(program);
  addCodecServer(program);
  addSettings(program);
  return program;
}

/** Errors that are meant for a person are shown as their message; anything else is ours, with its stack. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof UsageError) {
    note(error.message);
    return 2;
  }
  const expected = [
    'SettingsError',
    'SecretError',
    'EmbeddedError',
    'KeyError',
    'MigrationError',
    'VaultNameError',
  ];
  if (error instanceof ClientError || (error instanceof Error && expected.includes(error.name))) {
    note(error.message);
    return error instanceof Error && error.name === 'SettingsError' ? 2 : 1;
  }
  note(error instanceof Error ? (error.stack ?? error.message) : messageOf(error));
  return 1;
}

// A reader such as `head` that has seen enough is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

createProgram()
  .parseAsync(process.argv)
  .catch((error: unknown) => {
    process.exitCode = report(error);
  });
