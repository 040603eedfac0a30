/**
 * Sends one command, at most once unless it is repeatable. What the row of the command says at each moment is what a
 * successor would know after a crash (see store/commands/commands.ts):
 *
 * | what came                                              | what it means                        | row              |
 * |--------------------------------------------------------|--------------------------------------|------------------|
 * | a result of the device or the vendor                   | carried out or not, as it says       | ended            |
 * | too fast, pool closed, no permit, connection refused   | nothing was carried out              | created, go on   |
 * | timeout, connection lost, 5xx, unreadable              | unknown                              | unknown, or again when repeatable |
 * | "no such action"                                       | the other form is tried              | created          |
 */
import { randomUUID } from 'node:crypto';
import type { Dispatcher } from 'undici';
import { describeEvidence } from '../../quota/verdict';
import { resolveSecret, type SecretRef, type SecretSources } from '../../settings';
import type { CommandAccount } from '../../settings/accounts/commands';
import { type Command, type CommandOutcome, knownCommand, markSending } from '../../store/commands/commands';
import type { CommandResult, HandedOver } from '../../vendors/capabilities/commands';
import type { CallResult } from '../../vendors/contract';
import type { HttpRequest, Parsed } from '../../vendors/http';
import { CallFailed, PermitWait, PoolClosed, Unsatisfiable } from '../gateway/call-errors';
import type { TokenSource } from '../gateway/call-terms';
import { SecretValues } from '../gateway/credentials/secret-values';
import { sendForText } from '../gateway/http/http';
import type { KeepDeps } from '../gateway/spool/held';
import type { VendorGateway } from '../gateway/vendor-call';
import { type CommandFate, keepFate } from './kept';

export interface CommandSenderDeps extends KeepDeps {
  readonly gateway: VendorGateway;
  readonly dispatcher: Dispatcher;
  readonly secrets: SecretSources;
  /** Wait for a permit in the activity where the command's own time is shorter, ms. */
  readonly inlineWaitMs: number;
  readonly tokenSource: (account: CommandAccount) => TokenSource;
}

/** What an attempt came to: the command as it stands, or that the vendor does not offer this form. */
type Attempted = { readonly kind: 'settled'; readonly command: Command } | { readonly kind: 'unsupported' };

/** The command is not this attempt's to send, or its time is over: nothing has left. */
class NotToSend extends Error {
  override readonly name = 'NotToSend';
}

/** Longer than a limit a minute makes anybody wait, ms. */
const LONG_WAIT_MS = 65_000;

export class CommandSender {
  /** Which form is the first that an account's vendor offers, by pool: known for the life of this process. */
  private readonly firstForm = new Map<string, number>();

  constructor(private readonly deps: CommandSenderDeps) {}

  /**
   * Sends a command that stands at `created`.
   * @returns it as it stands then: ended or queued.
   * @throws PermitWait, PoolClosed: nothing was carried out. CallFailed, retryable: it may be sent again.
   */
  async send(account: CommandAccount, command: Command, signal: AbortSignal): Promise<Command> {
    const { forms } = account.commands;
    const wanted = { deviceId: command.device, code: command.code, params: command.params };
    const password = await this.password(account);
    for (let i = this.firstForm.get(account.poolKey) ?? 0; ; i++) {
      const form = forms[i];
      if (form === undefined) throw new Error(`${account.vendor.id} has no form of commands`);
      const attempted = await this.attempt(account, command, signal, {
        operation: form.operation(wanted),
        request: form.request(wanted, password),
        password,
        settle: (owner, body) =>
          this.settle(command.id, owner, handedOver(form.parse(body, wanted), password)),
        isClear: (body) => isTaken(form.parse(body, wanted)),
        isUnsupported: ({ kind, evidence }) =>
          i + 1 < forms.length && kind === 'invalid' && form.isUnsupported(evidence.code),
      });
      if (attempted.kind === 'settled') return attempted.command;
      this.firstForm.set(account.poolKey, i + 1);
    }
  }

  /**
   * A command stands in line for as long as it may: who goes away and comes back is passed by others, and there are
   * few of them.
   */
  private inlineWaitMs({ createdAt, timeoutMs, waitForPool }: Command): number {
    const left = waitForPool ? LONG_WAIT_MS : createdAt + timeoutMs - Date.now();
    return Math.max(this.deps.inlineWaitMs, Math.min(LONG_WAIT_MS, left));
  }

  /** Sent with each command, where the account has one. */
  async password(account: CommandAccount): Promise<string | null> {
    const { password } = account.commands;
    if (password === null) return null;
    return (await resolveSecret(password as SecretRef, this.deps.secrets)).reveal();
  }

  private async attempt(
    account: CommandAccount,
    command: Command,
    signal: AbortSignal,
    form: {
      readonly operation: string;
      readonly request: HttpRequest;
      /** It is in the request, and is to be in nothing that is kept. */
      readonly password: string | null;
      readonly settle: (owner: string, body: string) => Promise<Command>;
      /** Whether an answer says for certain what became of it. */
      readonly isClear: (body: string) => boolean;
      readonly isUnsupported: (verdict: CallFailed['verdict']) => boolean;
    },
  ): Promise<Attempted> {
    const { db, gateway, dispatcher } = this.deps;
    const { commands } = account;
    const owner = randomUUID();
    let marked = false;
    let answer: string | null = null;
    try {
      const result = await gateway.call<CallResult>({
        account,
        operation: form.operation,
        attributes: { [commands.deviceAttribute]: command.device },
        priority: 'interactive',
        caller: commands.caller,
        auth: this.deps.tokenSource(account),
        attempt: command.attempts + 1,
        inlineWaitMs: this.inlineWaitMs(command),
        answeredByDevice: true,
        ...(form.password === null ? {} : { secrets: [form.password] }),
        signal,
        // Beside the wait for the departure: a request that waited for the database after that would come too late.
        prepare: async () => {
          if (!(await markSending(db, command.id, owner))) throw new NotToSend();
          marked = true;
          return async () => {
            await this.keep({ kind: 'unmarked', id: command.id, owner });
          };
        },
        send: async (token, _, pass) => {
          // Once it is on its way a cancellation cannot call it back: the answer is waited for.
          const options = { dispatcher, timeoutMs: commands.timeoutMs, pass };
          const request = commands.authorize(form.request, token ?? '');
          const sent = await sendForText(request, options);
          answer = sent.kind === 'response' ? sent.response.body : null;
          return sent;
        },
      });
      const body = result.kind === 'response' ? result.response.body : '';
      return { kind: 'settled', command: await form.settle(owner, body) };
    } catch (error) {
      if (isUnclear(error, form.operation) && marked) return this.unclear(command, owner, error);
      if (!isGatewayError(error)) {
        // The database has gone, say: the vendor's earlier answer still counts.
        if (answer === null || !form.isClear(answer)) throw error;
        return { kind: 'settled', command: await form.settle(owner, answer) };
      }
      // What the gateway throws otherwise is thrown before a request leaves, or when the vendor has refused it.
      if (marked) await this.keep({ kind: 'unsent', id: command.id, owner, maybeSent: false });
      if (error instanceof CallFailed && form.isUnsupported(error.verdict)) return { kind: 'unsupported' };
      return { kind: 'settled', command: await this.refused(command.id, error) };
    }
  }

  /** Nobody knows what became of it. @throws the error when it may be repeated. */
  private async unclear(command: Command, owner: string, error: CallFailed): Promise<Attempted> {
    if (error.retryable && command.repeatable) {
      await this.keep({ kind: 'unsent', id: command.id, owner, maybeSent: true });
      throw error;
    }
    const { evidence } = error.verdict;
    const message = `the vendor may have it, but gave no usable answer: ${describeEvidence(evidence)}`;
    const outcome = { state: 'unknown', name: 'no-answer', code: evidence.code ?? '', message } as const;
    return { kind: 'settled', command: await this.end(command.id, outcome, owner) };
  }

  /** Nothing was carried out. @throws what a later attempt may cure. */
  private async refused(id: number, error: GatewayError): Promise<Command> {
    if (error instanceof NotToSend) return this.notToSend(id);
    if (error instanceof Unsatisfiable) return this.fail(id, 'unsatisfiable', '', error.message);
    if (!(error instanceof CallFailed) || error.retryable) throw error;
    const { kind, evidence } = error.verdict;
    return this.fail(id, FAILURE_NAMES[kind], evidence.code ?? '', describeEvidence(evidence));
  }

  /** Somebody else has it, it was cancelled, or it is too late for it: says which. */
  async notToSend(id: number): Promise<Command> {
    const command = await knownCommand(this.deps.db, id);
    if (command.state === 'sending') throw new Error(`command ${id} is being sent by another attempt`);
    if (command.state !== 'created') return command;
    const message = `it could not be sent within ${command.timeoutMs / 1000} s, and is not sent later`;
    return this.fail(id, 'expired', '', message);
  }

  private async settle(id: number, owner: string, parsed: Parsed<HandedOver>): Promise<Command> {
    if (!parsed.ok) return this.end(id, unreadable(parsed.problem), owner);
    const { value } = parsed;
    if ('result' in value) return this.end(id, outcomeOfResult(value.result), owner);
    return this.keep({ kind: 'queued', id, owner, vendorCommandId: value.commandId });
  }

  private end(id: number, outcome: CommandOutcome, owner: string): Promise<Command> {
    return this.keep({ kind: 'ended', id, outcome, owner });
  }

  private fail(id: number, name: string, code: string, message: string): Promise<Command> {
    return this.keep({ kind: 'ended', id, outcome: { state: 'failed', name, code, message }, owner: null });
  }

  private keep(fate: CommandFate): Promise<Command> {
    return keepFate(this.deps, fate);
  }
}

type GatewayError = CallFailed | PermitWait | PoolClosed | Unsatisfiable | NotToSend;

export function isGatewayError(error: unknown): error is GatewayError {
  return [CallFailed, PermitWait, PoolClosed, Unsatisfiable, NotToSend].some((kind) => error instanceof kind);
}

/** Whether this failed call may have been carried out all the same. A login that fails for it never is. */
function isUnclear(error: unknown, operation: string): error is CallFailed {
  if (!(error instanceof CallFailed) || error.verdict.evidence.operation !== operation) return false;
  const { verdict } = error;
  if (verdict.kind === 'server') return verdict.ambiguous;
  // Without a code of the vendor's it was not the vendor that refused: the answer is unreadable.
  return verdict.kind !== 'rate' && verdict.evidence.code === undefined;
}

const FAILURE_NAMES = {
  rate: 'rate-limited',
  server: 'not-sent',
  invalid: 'refused',
  gone: 'refused',
  pending: 'refused',
  auth: 'refused',
  billing: 'refused',
  blocked: 'refused',
  quota: 'refused',
} as const;

function unreadable(problem: string): CommandOutcome {
  return { state: 'unknown', name: 'no-answer', code: '', message: `the answer cannot be read: ${problem}` };
}

const STATES = { success: 'succeeded', failure: 'failed', unknown: 'unknown', pending: 'unknown' } as const;

/** Whether an answer states the command's outcome for certain, or the id under which it can be polled. */
function isTaken(parsed: Parsed<HandedOver>): boolean {
  if (!parsed.ok) return false;
  const { value } = parsed;
  return 'commandId' in value || value.result.outcome === 'success' || value.result.outcome === 'failure';
}

function handedOver(parsed: Parsed<HandedOver>, password: string | null): Parsed<HandedOver> {
  const { value } = parsed.ok ? parsed : { value: null };
  if (value !== null && 'commandId' in value) return parsed;
  const answered =
    value === null ? (parsed as Parsed<CommandResult>) : ({ ok: true, value: value.result } as const);
  const result = withoutSecret(answered, password);
  return result.ok ? { ok: true, value: { result: result.value } } : result;
}

/**
 * A vendor's words about a command that quote the password it came with. In the body itself a short one has to stay, for
 * numbers and codes look like it.
 */
export function withoutSecret(parsed: Parsed<CommandResult>, password: string | null): Parsed<CommandResult> {
  if (password === null) return parsed;
  const secret = SecretValues.of([password]);
  if (!parsed.ok) return { ...parsed, problem: secret.hideInMessage(parsed.problem) };
  return { ...parsed, value: { ...parsed.value, message: secret.hideInMessage(parsed.value.message) } };
}

/** What a result means for the command. One that is still pending, with nothing to ask by, stays unknown. */
export function outcomeOfResult({ outcome, name, code, message }: CommandResult): CommandOutcome {
  return { state: STATES[outcome], name, code, message };
}
