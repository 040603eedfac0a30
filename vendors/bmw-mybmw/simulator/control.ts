/** The MyBMW fields of `POST /_sim/control`. */
import { z } from 'zod';
import { type GrantDesk, grantControlShape } from '../../bmw/simulator/grants';
import type { CarTime } from '../../bmw/simulator/time';
import type { CommandDesk } from './commands';
import { commandOutcomeSchema, type MyBmwScenario, QUOTA_FORMS } from './options';

export const myBmwControlShape = {
  ...grantControlShape,
  /** User agents that are answered with 489; replaces the list. */
  blocked: z.array(z.string().min(1)).optional(),
  commandOutcomes: z.array(commandOutcomeSchema).optional(),
  clearCommandOutcomes: z.literal(true).optional(),
  quotaForm: z.enum(QUOTA_FORMS).optional(),
  statesWait: z.boolean().optional(),
  /** Moves the cars' time against the wall clock. */
  shiftMs: z.number().optional(),
} satisfies z.ZodRawShape;

const schema = z.object(myBmwControlShape);
export type MyBmwControl = z.input<typeof schema>;

export interface MyBmwState {
  blocked: readonly string[];
  quotaForm: MyBmwScenario['quota']['form'];
  statesWait: boolean;
}

export function applyMyBmwControl(
  value: unknown,
  parts: {
    readonly grants: GrantDesk;
    readonly commands: CommandDesk;
    readonly time: CarTime;
    readonly state: MyBmwState;
  },
  now: number,
): void {
  const command = schema.parse(value);
  const { grants, commands, time, state } = parts;
  grants.control(command, now);
  if (command.blocked) state.blocked = command.blocked;
  if (command.clearCommandOutcomes) commands.clearOutcomes();
  for (const outcome of command.commandOutcomes ?? []) commands.addOutcome(outcome);
  if (command.quotaForm) state.quotaForm = command.quotaForm;
  if (command.statesWait !== undefined) state.statesWait = command.statesWait;
  if (command.shiftMs !== undefined) time.shiftMs = command.shiftMs;
}
