/** Answers of GPS51 to a login and to commands. */
import { z } from 'zod';
import type { CommandResult, DeviceCommand, HandedOver } from '../capabilities/commands';
import type { Parsed } from '../http';
import { type Body, causeIn, type Fields, isObject, readBody, scrub, statusIn, WRAPPERS } from './body';
import { commandOutcome, isCommandStatus } from './command-status';
import { id, isSameDevice, optionalText } from './fields';
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

/** `sendcmd` waits for the device, and answers with what became of the command. */
export function parseSent(body: string, { deviceId }: Pick<DeviceCommand, 'deviceId'>): Parsed<HandedOver> {
  const parsed = resultOf(body, false, { commandId: null, deviceId });
  return parsed.ok ? { ok: true, value: { result: parsed.value } } : parsed;
}

/** `sendcommand`: what to ask with; or, where nothing is left to be asked, what became of it. */
export function parseQueued(body: string, { deviceId }: Pick<DeviceCommand, 'deviceId'>): Parsed<HandedOver> {
  const parsed = resultOf(body, false, { commandId: null, deviceId });
  if (!parsed.ok && parsed.isOfOther) return parsed;
  const answer = readBody(body);
  if (!answer) return NOT_AN_OBJECT;
  const commandId = objectsIn(answer.root).map(commandIdOf).find(isGiven);
  if (commandId !== undefined) return { ok: true, value: { commandId } };
  if (!parsed.ok) return parsed;
  return answer.status === 0 ? NO_COMMAND_ID : { ok: true, value: { result: parsed.value } };
}

/** `querycommand`: what became of the command that was asked about, and of no other. */
export function parsePolled(
  body: string,
  asked: { readonly commandId: string; readonly deviceId: string },
): Parsed<CommandResult> {
  return resultOf(body, true, asked);
}

const NO_COMMAND_ID = {
  ok: false,
  problem:
    'commandid: is missing: the vendor says that it has the command, and not how to ask for its result',
} as const;

interface Asked {
  /** Null where the vendor has given none yet. */
  readonly commandId: string | null;
  readonly deviceId: string;
}

type Told = Parsed<CommandResult> & { readonly isOfOther?: boolean };

function resultOf(body: string, polled: boolean, asked: Asked): Told {
  const answer = readBody(body);
  if (!answer) return NOT_AN_OBJECT;
  const objects = objectsIn(answer.root);
  const other = otherIn(objects, asked);
  if (other !== null) return { ok: false, problem: other, isOfOther: true };
  if (answer.status === null) return { ok: false, problem: 'status: is missing' };
  const inner = innerResult(answer, objects, asked);
  const status = inner === null ? answer.status : (statusIn(inner) ?? answer.status);
  const { outcome, name } = commandOutcome(status, polled);
  const words = inner === null ? '' : scrub(causeIn(inner));
  return { ok: true, value: { outcome, name, code: String(status), message: words || answer.cause } };
}

/** Where the outer status says no more than that the call went well, the result may stand within. */
function innerResult(
  { root, status }: Body,
  objects: readonly Fields[],
  { commandId }: Asked,
): Fields | null {
  if (status !== 0 && status !== 200) return null;
  const wrapped = WRAPPERS.map((name) => root[name]).filter(isObject);
  const own =
    commandId === null ? [] : objects.filter((one) => one !== root && commandIdOf(one) === commandId);
  return [...own, ...wrapped].find((one) => isCommandStatus(statusIn(one) ?? -1)) ?? null;
}

/** What an answer names that was not asked about; null when there is nothing. */
function otherIn(objects: readonly Fields[], { commandId, deviceId }: Asked): string | null {
  const commands = objects.map(commandIdOf).filter(isGiven);
  const [command] = commands;
  if (commandId !== null && command !== undefined && !commands.includes(commandId)) {
    return `commandid: is ${command}, and ${commandId} was asked for`;
  }
  const devices = objects.map((one) => idIn(one, DEVICE_IDS)).filter(isGiven);
  const [device] = devices;
  return device === undefined || devices.some((one) => isSameDevice(one, deviceId))
    ? null
    : `deviceid: is ${device}, and ${deviceId} was asked for`;
}

/** The names under which platforms give these; case and separators do not count. */
const COMMAND_IDS = ['commandid', 'cmdid'];
const DEVICE_IDS = ['deviceid'];

const commandIdOf = (fields: Fields) => idIn(fields, COMMAND_IDS);
const isGiven = (given: string | undefined): given is string => given !== undefined;

function idIn(fields: Fields, names: readonly string[]): string | undefined {
  return Object.entries(fields)
    .filter(([name]) => names.includes(name.toLowerCase().replace(/[\s_-]/g, '')))
    .map(([, value]) => id.safeParse(value).data)
    .find((given) => given !== undefined && !NO_ID.test(given));
}

/** What platforms write where they have none. */
const NO_ID = /^(?:0|-1|null|undefined|none)$/i;

/** An answer's objects, the outermost first, also those in lists. */
function objectsIn(value: unknown, depth = DEEPEST): readonly Fields[] {
  if (typeof value !== 'object' || value === null) return [];
  const inner = depth === 0 ? [] : Object.values(value).flatMap((one) => objectsIn(one, depth - 1));
  return isObject(value) ? [value, ...inner] : inner;
}

const DEEPEST = 4;
