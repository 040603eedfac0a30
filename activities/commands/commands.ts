/** Activities of command workflows. Each may be run again at any point, and sends nothing twice. */
import { activityInfo, cancellationSignal } from '@temporalio/activity';
import type { Pool } from 'pg';
import { describeEvidence } from '../../quota/verdict';
import { SecretError, type Settings } from '../../settings';
import { type CommandAccount, findCommandAccount } from '../../settings/accounts/commands';
import {
  abandonAttempt,
  type Command,
  type CommandOutcome,
  cancelCommand,
  endCommand,
  knownCommand,
  outcomeOf,
} from '../../store/commands/commands';
import type { CallResult } from '../../vendors/contract';
import { CallFailed } from '../gateway/call-errors';
import { guarded } from '../gateway/guarded';
import { sendForText } from '../gateway/http/http';
import { keepFate } from './kept';
import { CommandSender, type CommandSenderDeps, outcomeOfResult, withoutSecret } from './sender';
import type { CommandRef, CommandStep } from './types';

export interface CommandDeps extends CommandSenderDeps {
  readonly settings: Settings;
}

const INTERRUPTED =
  'the process that sent it ended before the answer came; the vendor may have carried it out, so it is not sent again';

export type CommandActivities = ReturnType<typeof createCommandActivities>;

export function createCommandActivities(deps: CommandDeps) {
  const { db, settings } = deps;
  const sender = new CommandSender(deps);

  return {
    sendCommand: guarded(async ({ commandId }: CommandRef): Promise<CommandStep> => {
      let command = await knownCommand(db, commandId);
      if (command.state === 'sending' && command.owner !== null) {
        await abandonAttempt(db, commandId, command.owner, INTERRUPTED);
        command = await knownCommand(db, commandId);
      }
      if (command.state === 'created') {
        command = command.overdue
          ? await sender.notToSend(commandId)
          : await sender
              .send(findCommandAccount(settings, command.account), command, cancellationSignal())
              .catch((error: unknown) => {
                if (error instanceof SecretError) return misconfigured(db, commandId, error.message);
                throw error;
              });
      }
      const account = command.state === 'queued' ? findCommandAccount(settings, command.account) : null;
      return stepOf(command, account);
    }),

    /** Asks for the result of a command that the vendor has. */
    pollCommand: guarded(async ({ commandId }: CommandRef): Promise<CommandStep> => {
      const command = await knownCommand(db, commandId);
      if (command.state !== 'queued' || command.vendorCommandId === null) return stepOf(command);
      const account = findCommandAccount(settings, command.account);
      const { commands } = account;
      const request = commands.results.request(command.vendorCommandId, command.device);
      const result = await deps.gateway
        .call<CallResult>({
          account,
          operation: commands.results.operation,
          attributes: { [commands.deviceAttribute]: command.device },
          priority: 'interactive',
          caller: commands.caller,
          auth: deps.tokenSource(account),
          attempt: activityInfo().attempt,
          inlineWaitMs: deps.inlineWaitMs,
          signal: cancellationSignal(),
          send: (token, signal, pass) =>
            sendForText(commands.authorize(request, token ?? ''), {
              dispatcher: deps.dispatcher,
              timeoutMs: commands.timeoutMs,
              signal,
              pass,
            }),
        })
        .catch((error: unknown) => {
          if (error instanceof CallFailed && FINAL.has(error.verdict.kind)) return error;
          throw error;
        });
      if (result instanceof CallFailed) {
        const { evidence } = result.verdict;
        const message = `the vendor has it (as ${command.vendorCommandId}), but its result cannot be had: ${describeEvidence(evidence)}`;
        const outcome = { state: 'unknown', name: 'no-result', code: evidence.code ?? '', message } as const;
        return stepOf(await keepFate(deps, { kind: 'ended', id: commandId, outcome, owner: null }));
      }
      const body = result.kind === 'response' ? result.response.body : '';
      const parsed = withoutSecret(commands.results.parse(body), await sender.password(account));
      if (!parsed.ok) throw new Error(`the result of command ${commandId} cannot be read: ${parsed.problem}`);
      if (parsed.value.outcome === 'pending') return stepOf(command, account);
      // From the attempt that sent it: it counts even if another attempt has given the result up meanwhile.
      const { owner } = command;
      const outcome = outcomeOfResult(parsed.value);
      return stepOf(await keepFate(deps, { kind: 'ended', id: commandId, outcome, owner }));
    }),

    /** Ends a command that no attempt is sending. @returns its outcome, which may have been known before. */
    async endCommand(input: CommandRef & { readonly outcome: CommandOutcome }): Promise<CommandOutcome> {
      const command = await endCommand(db, input.commandId, input.outcome, null);
      const known = outcomeOf(command);
      if (known) return known;
      throw new Error(`command ${input.commandId} is being sent`);
    },

    /** @returns what became of it; null when it has been sent, and cannot be called back. */
    async cancelCommand(input: CommandRef & { readonly reason: string }): Promise<CommandOutcome | null> {
      return outcomeOf(await cancelCommand(db, input.commandId, input.reason));
    },
  };
}

/** No later question for the result will be answered otherwise. */
const FINAL: ReadonlySet<CallFailed['verdict']['kind']> = new Set(['invalid', 'gone']);

function misconfigured(db: Pool, id: number, message: string): Promise<Command> {
  return endCommand(db, id, { state: 'failed', name: 'misconfigured', code: '', message }, null);
}

function stepOf(command: Command, account: CommandAccount | null = null): CommandStep {
  const outcome = outcomeOf(command);
  if (outcome) return { kind: 'ended', outcome };
  if (command.state === 'queued' && command.vendorCommandId !== null) {
    const polling = account?.commands.results.polling;
    const { vendorCommandId } = command;
    return { kind: 'queued', vendorCommandId, ...(polling === undefined ? {} : { polling }) };
  }
  throw new Error(`command ${command.id} is ${command.state}`);
}
