/** The GPS51 fields of `POST /_sim/control`. */
import { z } from 'zod';
import { rangeSchema } from '../../kit/server/start';
import type { AccountDesk } from './accounts';
import type { ErrorBook } from './answers/error-book';
import type { CommandDesk } from './commands';
import { commandOutcomeSchema, errorSchema } from './options';

export const gps51ControlShape = {
  /** The vendor's own errors from now on, by code, e.g. `{ code: 9903, action: 'lastposition', count: 3 }`. */
  addErrors: z.array(errorSchema).optional(),
  /** All of them, or those with these ids. */
  clearErrors: z.union([z.literal(true), z.array(z.string())]).optional(),
  /** Usernames: every call of theirs is answered with 8903. */
  suspend: z.array(z.string()).optional(),
  restore: z.array(z.string()).optional(),
  /** Tokens given out so far become expired ones (9903): of all accounts, or of these. */
  expireTokens: z.union([z.literal(true), z.array(z.string())]).optional(),
  /** Tokens given out so far are not found any more (9906). */
  forgetTokens: z.union([z.literal(true), z.array(z.string())]).optional(),
  tokenLifetimeSeconds: z.number().positive().optional(),
  commandOutcomes: z.array(commandOutcomeSchema).optional(),
  clearCommandOutcomes: z.literal(true).optional(),
  commands: z
    .strictObject({
      confirmMs: rangeSchema.optional(),
      slowShare: z.number().min(0).max(1).optional(),
      slowMs: rangeSchema.optional(),
      timeoutMs: z.number().positive().optional(),
    })
    .optional(),
  /** Actions answered with 8901; replaces the list. */
  missingActions: z.array(z.string()).optional(),
  /** Devices whose calls are refused, with the code; replaces the list. */
  refusedDevices: z.record(z.string(), z.int()).optional(),
  /** Addresses that may call; null for everybody. */
  whitelist: z.array(z.string()).nullable().optional(),
  /** Moves the devices' time against the wall clock. */
  shiftMs: z.number().optional(),
} satisfies z.ZodRawShape;

const gps51ControlSchema = z.object(gps51ControlShape);
export type Gps51Control = z.input<typeof gps51ControlSchema>;

/** What a command changes beside the desks. */
export interface Gps51State {
  missingActions: readonly string[];
  refusedDevices: Readonly<Record<string, number>>;
  whitelist: readonly string[] | null;
  shiftMs: number;
}

export interface ControlledParts {
  readonly accounts: AccountDesk;
  readonly commands: CommandDesk;
  readonly errors: ErrorBook;
  readonly state: Gps51State;
}

/** @param now epoch ms of the command; an earlier instant when it is replayed. */
export function applyGps51Control(value: unknown, parts: ControlledParts, now: number): void {
  const command = gps51ControlSchema.parse(value);
  const { accounts, commands, errors, state } = parts;
  if (command.clearErrors) errors.clear(command.clearErrors);
  for (const error of command.addErrors ?? []) errors.add(error, now);
  accounts.suspend(command.suspend ?? []);
  accounts.restore(command.restore ?? []);
  if (command.expireTokens) accounts.expire(command.expireTokens, now);
  if (command.forgetTokens) accounts.forget(command.forgetTokens);
  accounts.lifetimeSeconds = command.tokenLifetimeSeconds ?? accounts.lifetimeSeconds;
  if (command.clearCommandOutcomes) commands.clearOutcomes();
  for (const outcome of command.commandOutcomes ?? []) commands.addOutcome(outcome);
  const { confirmMs, slowShare, slowMs, timeoutMs } = command.commands ?? {};
  commands.settings = {
    ...commands.settings,
    confirmMs: confirmMs ?? commands.settings.confirmMs,
    slowShare: slowShare ?? commands.settings.slowShare,
    slowMs: slowMs ?? commands.settings.slowMs,
    timeoutMs: timeoutMs ?? commands.settings.timeoutMs,
  };
  state.refusedDevices = command.refusedDevices ?? state.refusedDevices;
  state.missingActions = command.missingActions ?? state.missingActions;
  if (command.whitelist !== undefined) state.whitelist = command.whitelist;
  state.shiftMs = command.shiftMs ?? state.shiftMs;
}
