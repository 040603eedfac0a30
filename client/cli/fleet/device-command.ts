/** `sluice command`: sends commands to devices, and shows their results. */
import type { Command as Cli } from 'commander';
import type { Standstill } from '../../../quota/pools/standstill';
import type { Command } from '../../../store/commands/commands';
import type { Context } from '../../operations/backend/context';
import { OperationError } from '../../operations/errors';
import { explainWork } from '../../operations/explain/explain';
import {
  cancelCommand,
  commandOutcome,
  commandStateText,
  listSentCommands,
  sendCommand,
  showCommand,
} from '../../operations/fleet/device-commands';
import { followCommand } from '../../operations/fleet/follow-command';
import { waitJson } from '../../operations/json';
import { instantText, lengthText } from '../../operations/time-text';
import { call, contextOf } from '../command';
import { untilInterrupted } from '../interrupt';
import { note, print, printJson, table } from '../output';

/** Nobody knows whether it was carried out: neither success nor failure. */
const UNKNOWN_EXIT = 3;

const HELP = `
Exit codes:
  0  carried out: sent, cached or confirmed, as the vendor says; without --wait: started
  1  not carried out: the result names why, e.g. offline, bad-password, pool-closed
  2  something given is wrong
  3  unknown outcome: it may have been carried out, and is not sent again (but see --repeatable)

A command is sent once. When the answer is lost, its outcome is unknown and it is not repeated, unless it is given
as --repeatable. The password that devices ask for is a setting of the account (commandPassword), never an argument.`;

interface SendOptions {
  readonly account?: string;
  readonly param: readonly string[];
  readonly repeatable?: boolean;
  readonly timeout?: string;
  readonly wait?: boolean;
  readonly waitForPool?: boolean;
  readonly id?: string;
  readonly unlisted?: boolean;
  readonly json?: boolean;
}

export function addDeviceCommand(program: Cli): void {
  const command = program
    .command('command')
    .description('send a command to a device; or list, show and cancel commands')
    .argument('<vendor>', 'e.g. gps51')
    .argument('<device>', 'device id')
    .argument('<code>', "the vendor's code of the command")
    .option('--account <name>', 'account, when there are several')
    .option(
      '--param <value>',
      'a parameter; give it again for each',
      (value, all: string[]) => [...all, value],
      [],
    )
    .option('--repeatable', 'sent twice it does no harm: send it again when the answer is lost')
    .option('--timeout <length>', 'longest wait for leave to send, and again for the result (default: 60s)')
    .option('--wait-for-pool', 'wait for a closed pool or a spent limit however long it takes')
    .option('--wait', 'wait for the result')
    .option('--id <id>', 'an id of your own: the same one again is the same command, and is not sent twice')
    .option('--unlisted', 'the device need not be on the list that the vendor gave')
    .option('--json', 'JSON')
    .addHelpText('after', HELP)
    .action(send);
  command
    .command('list')
    .description('the latest commands, newest first')
    .option('--limit <n>', 'how many', '20')
    .action(list);
  command.command('show <command>').description('one command, by its number or its --id').action(show);
  command
    .command('cancel <command>')
    .description('call it back; once it has been sent that is not possible')
    .option('--reason <text>', 'why', 'cancelled from the command line')
    .action(cancelOne);
}

async function send(
  vendor: string,
  device: string,
  code: string,
  options: SendOptions,
  cli: Cli,
): Promise<void> {
  const context = contextOf(cli);
  const { wait, json, param, ...given } = options;
  const sent = await call(sendCommand, context, { vendor, device, code, params: param, ...given });
  const { command, workflowId, workerRuns } = sent;
  if (workflowId === null) {
    report(command, options);
    return;
  }
  if (!workerRuns) note('No worker runs now; one that starts in time sends it (npx sluice up).');
  if (!wait) {
    if (json) printJson(sendCommand.json(sent));
    else print(`Command ${command.id} started (${workflowId})`);
    return;
  }
  const ended = await follow(context, workflowId, command);
  if (ended) report(ended, options);
}

/** Null when the person does not want to wait any longer, or when nothing more can be learned; the exit code says which. */
async function follow(context: Context, workflowId: string, stored: Command): Promise<Command | null> {
  const { id } = stored;
  const later = `npx sluice command show ${id}`;
  const interrupt = untilInterrupted();
  const followed = await followCommand(context, stored, workflowId, {
    interrupted: interrupt.promise,
    signal: interrupt.signal,
    onState: ({ state }) => note(`Command ${id}: ${state}`),
    onWait: (wait) => note(waitLine(id, wait)),
  }).finally(() => interrupt.done());
  switch (followed.kind) {
    case 'ended':
      return followed.command;
    case 'interrupted':
      note(`Command ${id} goes on without this one: ${later}`);
      process.exitCode = 130;
      return null;
    case 'lost':
      note(`The database cannot be asked what became of command ${id}; when it is back: ${later}`);
      process.exitCode = UNKNOWN_EXIT;
      return null;
    case 'stopped':
      note(`The workflow of command ${id} was stopped from outside; what is known: ${later}`);
      process.exitCode = followed.command.state === 'created' ? 1 : UNKNOWN_EXIT;
      return null;
  }
}

/** Null while nothing stands in its way, and where that cannot be learned now. */
async function waitOf(context: Context, { id }: Command): Promise<Standstill | null> {
  return explainWork(context, { id: `command:${id}` }).then(
    ({ wait }) => wait,
    () => null,
  );
}

function waitLine(id: number, { why, since, until, frees }: Standstill): string {
  const from = since === null ? '' : ` since ${instantText(since)}`;
  return `Command ${id} waits${from}, ${until === null ? 'for no known time' : `until ${instantText(until)}`}: ${why} [to do: ${frees}]`;
}

function report(command: Command, options: { readonly json?: boolean }): void {
  const outcome = commandOutcome(command);
  if (options.json) printJson(showCommand.json(command));
  else {
    print(`Command ${command.id}: ${commandStateText(command)}`);
    if (outcome?.message) print(outcome.message);
  }
  if (outcome?.state === 'unknown') process.exitCode = UNKNOWN_EXIT;
  else if (outcome?.state !== 'succeeded') process.exitCode = 1;
}

async function list(_: unknown, cli: Cli): Promise<void> {
  const options = cli.optsWithGlobals<{ account?: string; limit: string; json?: boolean }>();
  const { account, limit, json } = options;
  const commands = await call(listSentCommands, contextOf(cli), { account, limit });
  if (json) printJson(listSentCommands.json(commands));
  else if (commands.length === 0) print('No commands.');
  else {
    const rows = commands.map((c) => [
      String(c.id),
      instantText(c.createdAt),
      c.account,
      c.device,
      c.code,
      commandStateText(c),
    ]);
    print(table(['command', 'asked for', 'account', 'device', 'code', 'state'], rows));
  }
}

async function show(text: string, _: unknown, cli: Cli): Promise<void> {
  const { json } = cli.optsWithGlobals<{ json?: boolean }>();
  const context = contextOf(cli);
  const command = await call(showCommand, context, { command: text });
  const wait = commandOutcome(command) === null ? await waitOf(context, command) : null;
  if (json) {
    printJson({ ...showCommand.json(command), wait: waitJson(wait) });
    return;
  }
  const { id, code, device, account, params, createdAt, sentAt, endedAt } = command;
  print(
    `Command ${id}: ${code} to ${device} of ${account}${params.length > 0 ? `, ${params.join(', ')}` : ''}`,
  );
  print(commandStateText(command));
  if (wait !== null) print(waitLine(id, wait));
  if (command.resultMessage) print(command.resultMessage);
  print(`Requested: ${instantText(createdAt)}, by ${command.askedBy || 'an unknown person'}`);
  if (sentAt !== null) print(`Sent: ${instantText(sentAt)}, attempts: ${command.attempts}`);
  if (command.vendorCommandId !== null) print(`The vendor calls it: ${command.vendorCommandId}`);
  if (endedAt !== null) print(`Ended: ${instantText(endedAt)}, after ${lengthText(endedAt - createdAt)}`);
}

async function cancelOne(command: string, { reason }: { readonly reason: string }, cli: Cli): Promise<void> {
  const context = contextOf(cli);
  const { json } = cli.optsWithGlobals<{ json?: boolean }>();
  try {
    const after = await call(cancelCommand, context, { command, reason });
    if (json) printJson(cancelCommand.json(after));
    else print(`Command ${after.id}: cancelled`);
  } catch (error) {
    const isTooLate = error instanceof OperationError && error.code === 'TOO_LATE';
    if (json && isTooLate) printJson(showCommand.json(await call(showCommand, context, { command })));
    throw error;
  }
}
