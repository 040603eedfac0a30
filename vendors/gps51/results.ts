/** Answers of GPS51 to a login and to commands. */
import { z } from 'zod';
import type { CommandResult, HandedOver } from '../capabilities/commands';
import type { Parsed } from '../http';
import { type Body, readBody } from './body';
import { commandOutcome } from './command-status';
import { id, optionalText } from './fields';
import { describe, NOT_AN_OBJECT } from './records';

/** `login`: what later calls carry, as the vault keeps it. */
export function parseLogin(
  body: string,
  lifetimeMs: number,
): Parsed<{ accessToken: string; expiresInMs: number }> {
  const answer = readBody(body);
  if (!answer) return NOT_AN_OBJECT;
  const parsed = z.object({ token: id, serverid: optionalText }).safeParse(answer.root);
  if (!parsed.success) return { ok: false, problem: describe('login', parsed.error) };
  const { token, serverid } = parsed.data;
  return {
    ok: true,
    value: { accessToken: JSON.stringify({ token, serverid }), expiresInMs: lifetimeMs },
  };
}

/** `sendcmd` and, `polled`, `querycommand`. */
export function parseCommandResult(body: string, polled: boolean): Parsed<CommandResult> {
  const answer = readBody(body);
  if (!answer) return NOT_AN_OBJECT;
  if (answer.status === null) return { ok: false, problem: 'status: is missing' };
  return { ok: true, value: resultOf(answer, answer.status, polled) };
}

function resultOf(answer: Body, status: number, polled: boolean): CommandResult {
  const { outcome, name } = commandOutcome(status, polled);
  return { outcome, name, code: String(status), message: answer.cause };
}

/** `sendcmd` waits for the device, and answers with what became of the command. */
export function parseSent(body: string): Parsed<HandedOver> {
  const parsed = parseCommandResult(body, false);
  return parsed.ok ? { ok: true, value: { result: parsed.value } } : parsed;
}

/** `sendcommand`: what to ask with; or, where nothing is left to be asked, what became of it. */
export function parseQueued(body: string): Parsed<HandedOver> {
  const answer = readBody(body);
  if (!answer) return NOT_AN_OBJECT;
  const parsed = id.safeParse(answer.root.commandid);
  if (parsed.success) return { ok: true, value: { commandId: parsed.data } };
  const { status } = answer;
  return status === null || status === 0
    ? { ok: false, problem: describe('commandid', parsed.error) }
    : { ok: true, value: { result: resultOf(answer, status, false) } };
}
