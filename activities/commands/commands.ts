/** Activities of command workflows. Each may be run again at any point, and sends nothing twice. */
import { ApplicationFailure, activityInfo, cancellationSignal } from '@temporalio/activity';
import type { Pool } from 'pg';
import { FAILURE } from '../../quota/failures';
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
import type { HttpRequest } from '../../vendors/http';
import { CallFailed } from '../gateway/call-errors';
import { guarded } from '../gateway/guarded';
import { sendForText } from '../gateway/http/http';
import { keepFate } from './kept';
import {
  CommandSender,
  type CommandSenderDeps,
  isGatewayError,
  outcomeOfResult,
  withoutSecret,
} from './sender';
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
      const { vendorCommandId } = command;
      const ask = { account, command, attempt: activityInfo().attempt, inlineWaitMs: deps.inlineWaitMs };
      const result = await question(deps, {
        ...ask,
        operation: commands.results.operation,
        request: commands.results.request(vendorCommandId, command.device),
      }).catch((error: unknown) => {
        if (error instanceof CallFailed && isFinal(error)) return error;
        throw error;
      });
      if (result instanceof CallFailed) {
        const { evidence } = result.verdict;
        const message = `the vendor has it (as ${command.vendorCommandId}), but its result cannot be had: ${describeEvidence(evidence)}`;
        const outcome = { state: 'unknown', name: 'no-result', code: evidence.code ?? '', message } as const;
        return stepOf(await keepFate(deps, { kind: 'ended', id: commandId, outcome, owner: null }));
      }
      const parsed = withoutSecret(
        commands.results.parse(bodyOf(result), vendorCommandId, command.device),
        await sender.password(account),
      );
      // The next question is the workflow's, at the pace of its polling.
      if (!parsed.ok) {
        const problem = `the answer about its result cannot be used: ${parsed.problem}`;
        throw ApplicationFailure.nonRetryable(problem, FAILURE.invalid);
      }
      if (parsed.value.outcome === 'pending') return stepOf(command, account);
      // From the attempt that sent it: it counts even if another attempt has given the result up meanwhile.
      const { owner } = command;
      const found = parsed.value.outcome === 'success' ? await findingOf(deps, ask, vendorCommandId) : null;
      const outcome = outcomeOfResult(found === null ? parsed.value : { ...parsed.value, message: found });
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

interface Ask {
  readonly account: CommandAccount;
  readonly command: Command;
  readonly attempt: number;
  readonly inlineWaitMs: number;
}

/** One call about a command that the vendor has. @throws as the gateway. */
function question(
  { gateway, tokenSource, dispatcher }: CommandDeps,
  {
    account,
    command,
    attempt,
    inlineWaitMs,
    operation,
    request,
  }: Ask & { readonly operation: string; readonly request: HttpRequest },
): Promise<CallResult> {
  const { commands } = account;
  return gateway.call<CallResult>({
    account,
    operation,
    attributes: { [commands.deviceAttribute]: command.device },
    priority: 'interactive',
    caller: commands.caller,
    auth: tokenSource(account),
    attempt,
    inlineWaitMs,
    signal: cancellationSignal(),
    send: (token, signal, pass) =>
      sendForText(commands.authorize(request, token ?? ''), {
        dispatcher,
        timeoutMs: commands.timeoutMs,
        signal,
        pass,
      }),
  });
}

/**
 * What the command has found out, asked for once: it was carried out, whatever becomes of this question. Null for commands
 * that find nothing out. A crash before the outcome is stored asks for both again.
 */
async function findingOf(deps: CommandDeps, ask: Ask, vendorCommandId: string): Promise<string | null> {
  const { account, command } = ask;
  const { finding } = account.commands.results;
  if (finding === undefined || !finding.of.includes(command.code)) return null;
  const { operation } = finding;
  const request = finding.request(vendorCommandId, command.device);
  try {
    const parsed = finding.parse(bodyOf(await question(deps, { ...ask, operation, request })));
    return parsed.ok ? parsed.value : `what it has found out cannot be read: ${parsed.problem}`;
  } catch (error) {
    if (!isGatewayError(error)) throw error;
    return `what it has found out cannot be had: ${error.message}`;
  }
}

function bodyOf(result: CallResult): string {
  return result.kind === 'response' ? result.response.body : '';
}

const FINAL: ReadonlySet<CallFailed['verdict']['kind']> = new Set(['invalid', 'gone']);

/** No later question for the result will be answered otherwise. A success that says nothing is no refusal of the vendor's. */
function isFinal({ verdict: { kind, evidence } }: CallFailed): boolean {
  const { code, httpStatus = null } = evidence;
  return FINAL.has(kind) && !(code === undefined && httpStatus !== null && httpStatus < 300);
}

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
