/** Use cases of device commands: send one, cancel it, and list those that were sent. */
import { z } from 'zod';
import { type Command, listCommands, outcomeOf } from '../../../store/commands/commands';
import { workerPolls } from '../datasets/work';
import { problem } from '../errors';
import { length, name, reason, whole } from '../fields';
import { operation } from '../operation';
import { chooseCommandAccount, chooseNamedAccount } from '../settings/choose';
import { isoOrNull } from '../time-text';
import { checkedCommand } from './command-input';
import { cancel, checkDevice, chooseStored, startCommand, storeCommand } from './commands';

const SHORT = 'must be 1 to 200 characters';
const short = z.string().refine((text) => text.trim() !== '' && text.length <= 200, SHORT);

export interface SentCommand {
  readonly command: Command;
  /** Null when it had ended before: the same id was given again. */
  readonly workflowId: string | null;
  readonly workerRuns: boolean;
}

export const sendCommand = operation({
  about: 'send a command to a device',
  input: z.strictObject({
    vendor: name,
    device: short,
    /** The vendor's code of the command. */
    code: short,
    account: name.optional(),
    params: z.array(z.string()).default([]),
    /** Sent twice it does no harm: it is sent again when the answer is lost. */
    repeatable: z.boolean().default(false),
    /**
     * Longest wait for leave to send, and again for the result; without it, the settings' own, and for the result as long
     * as the vendor works on a command, where it says so.
     */
    timeout: length.optional(),
    /** Waits for a closed pool or a spent limit however long it takes. */
    waitForPool: z.boolean().default(false),
    /** An id of the caller's own: the same one again is the same command, and is not sent twice. */
    id: short.optional(),
    /** The device need not be on the list that the vendor gave. */
    unlisted: z.boolean().default(false),
  }),
  json: (sent: SentCommand) => commandJson(sent.command),
  run: (backend, given): Promise<SentCommand> => {
    const { settings } = backend;
    const { name: account, commands } = chooseCommandAccount(settings, given.vendor, given.account);
    const { device, code, waitForPool } = given;
    const wanted = { deviceId: device, code, params: given.params, repeatable: given.repeatable };
    const { params, repeatable } = checkedCommand(given.vendor, commands, wanted);
    return backend.database((db) =>
      backend.temporal(async (client) => {
        if (!given.unlisted) await checkDevice(db, account, device);
        const command = await storeCommand(db, {
          ...{ account, device, code, params, repeatable, waitForPool },
          requestId: given.id ?? null,
          timeoutMs: given.timeout ?? settings.commands.timeoutSeconds * 1000,
          askedBy: backend.caller,
        });
        if (outcomeOf(command)) return { command, workflowId: null, workerRuns: true };
        const { workflowId } = await startCommand(client, db, settings, command, given.timeout);
        // Whether one runs is not worth failing for: the command has been started.
        const workerRuns = await workerPolls(client, settings.temporal.taskQueue).catch(() => true);
        return { command, workflowId, workerRuns };
      }),
    );
  },
});

export const listSentCommands = operation({
  about: 'the latest commands, newest first',
  input: z.strictObject({ account: name.optional(), limit: whole(1).default(20) }),
  json: (commands: readonly Command[]) => commands.map(commandJson),
  run: async (backend, { account, limit }): Promise<readonly Command[]> => {
    if (account !== undefined) chooseNamedAccount(backend.settings, account);
    return backend.database((db) => listCommands(db, { account, limit }));
  },
});

/** A command's number, or the id that it was asked for with. */
const command = name;

export const showCommand = operation({
  about: 'one command, by its number or its id',
  input: z.strictObject({ command }),
  json: commandJson,
  run: (backend, given) => backend.database((db) => chooseStored(db, given.command)),
});

export const cancelCommand = operation({
  about: 'call it back; once it has been sent that is not possible',
  input: z.strictObject({ command, reason }),
  json: commandJson,
  run: (backend, given) =>
    backend.database(async (db) => {
      const stored = await chooseStored(db, given.command);
      const because = given.reason || 'cancelled by operator';
      const after = await cancel(backend, db, stored, because);
      if (after.state === 'cancelled') return after;
      throw problem(
        'TOO_LATE',
        null,
        `command ${after.id} cannot be called back: ${commandStateText(after)}`,
      );
    }),
});

/** How it ended; null while it goes on. */
export const commandOutcome = outcomeOf;

export function commandStateText({ state, resultName, overdue }: Command): string {
  if (state === 'unknown') return `unknown outcome (${resultName})`;
  if (state === 'created' && overdue) return 'not sent in time';
  return resultName === null ? state : `${state} (${resultName})`;
}

function commandJson(one: Command) {
  const { owner: _, overdue, createdAt, sentAt, endedAt, ...rest } = one;
  return {
    ...rest,
    overdue: one.state === 'created' && overdue,
    createdAt: isoOrNull(createdAt),
    sentAt: isoOrNull(sentAt),
    endedAt: isoOrNull(endedAt),
  };
}
