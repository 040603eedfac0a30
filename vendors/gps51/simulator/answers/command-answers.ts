/** The actions that command: `sendcmd` waits for the result, `sendcommand` and `querycommand` ask for it. */
import { json } from '../../../kit/server/server';
import type { SimAnswer } from '../../../kit/vendor';
import type { Principal } from '../accounts';
import { type CommandDesk, RESULT_TEXTS, type SimCommand } from '../commands';
import { deviceIn, type Fields, textIn } from './answers';
import { CallError, CODES, ok } from './codes';

/** A command's own `status`: its result, no code of the call. */
function result(command: SimCommand, status: number): SimAnswer {
  const fields = { status, cause: RESULT_TEXTS[status] ?? 'unknown', commandid: command.id };
  return { ...json(200, fields), detail: { result: status, commandId: command.id } };
}

function received(desk: CommandDesk, via: SimCommand['via'], body: Fields, who: Principal, now: number) {
  const device = deviceIn(body, who);
  const { params = [], cmdpwd } = body;
  if (!Array.isArray(params))
    throw new CallError(CODES.parameter, 'parameter error: params must be an array');
  const command = {
    code: textIn(body, 'cmdcode'),
    params: params.map(String),
    via,
    username: who.username,
    password: typeof cmdpwd === 'string' ? cmdpwd : '',
  };
  return desk.receive(device, command, now);
}

export function sendCmd(desk: CommandDesk, body: Fields, who: Principal, now: number): SimAnswer {
  const command = received(desk, 'sendcmd', body, who, now);
  const waited = desk.waited(command);
  return { ...result(command, waited.result), delayMs: waited.delayMs };
}

export function sendCommand(desk: CommandDesk, body: Fields, who: Principal, now: number): SimAnswer {
  const command = received(desk, 'sendcommand', body, who, now);
  return ok({ commandid: command.id }, { commandId: command.id });
}

/** `status` 0 until the result is known: sent, not confirmed. */
export function queryCommand(desk: CommandDesk, body: Fields, who: Principal, now: number): SimAnswer {
  const command = desk.get(textIn(body, 'commandid'));
  if (!command || !who.devices.has(command.deviceId)) throw new CallError(CODES.abnormal, 'no such command');
  return result(command, desk.resultOf(command, now));
}
