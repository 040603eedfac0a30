/** The `sluice` command. Exit codes: 0 success, 1 failure, 2 invalid input. */
import { type Command, CommanderError } from 'commander';
import { messageOf, OperationError } from '../operations/errors';
import { setupErrorStatus } from '../operations/settings/setup-errors';
import { errorText } from './fields';
import { note } from './output';
import { createProgram } from './program';

/** The command that was called, whose options give fields their names; null until one is. */
let running: Command | null = null;

/** Errors that are meant for a person are shown as their message; anything else is ours, with its stack. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof OperationError) {
    note(errorText(error, running));
    return error.status === 'usage' ? 2 : 1;
  }
  const status = setupErrorStatus(error);
  if (status !== null) {
    note(messageOf(error));
    return status === 'usage' ? 2 : 1;
  }
  note(error instanceof Error ? (error.stack ?? error.message) : messageOf(error));
  return 1;
}

// A reader such as `head` that has seen enough is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

createProgram((command) => {
  running = command;
})
  .parseAsync(process.argv)
  .catch((error: unknown) => {
    process.exitCode = report(error);
  });
