/** The CarData fields of `POST /_sim/control`. */
import { z } from 'zod';
import { type GrantDesk, grantControlShape } from '../../bmw/simulator/grants';
import type { CarTime } from '../../bmw/simulator/time';
import type { SimUser } from '../../bmw/simulator/users';
import type { ContainerDesk } from './containers';
import type { DeviceCodeDesk } from './device-codes';
import type { CarDataScenario } from './options';

export const carDataControlShape = {
  /** What a person does who follows the link of a login: user codes, or all that wait. */
  approve: z.union([z.literal(true), z.array(z.string())]).optional(),
  deny: z.union([z.literal(true), z.array(z.string())]).optional(),
  ...grantControlShape,
  /** Containers that the vendor loses: all, or these ids. */
  dropContainers: z.union([z.literal(true), z.array(z.string())]).optional(),
  mappings: z.enum(['object', 'array', 'wrapped']).optional(),
  quotaStatus: z.union([z.literal(403), z.literal(429)]).optional(),
  statesWait: z.boolean().optional(),
  /** Moves the cars' time against the wall clock. */
  shiftMs: z.number().optional(),
} satisfies z.ZodRawShape;

const schema = z.object(carDataControlShape);
export type CarDataControl = z.input<typeof schema>;

export interface CarDataState {
  mappings: CarDataScenario['mappings'];
  quotaStatus: 403 | 429;
  statesWait: boolean;
}

export function applyCarDataControl(
  value: unknown,
  parts: {
    readonly grants: GrantDesk;
    readonly codes: DeviceCodeDesk;
    readonly containers: ContainerDesk;
    readonly users: readonly SimUser[];
    readonly time: CarTime;
    readonly state: CarDataState;
  },
  now: number,
): void {
  const command = schema.parse(value);
  const { grants, codes, containers, users, time, state } = parts;
  const decide = (which: readonly string[] | true, gcid: string | null) => {
    const waiting = codes.waiting(now).map(({ userCode }) => userCode);
    for (const userCode of which === true ? waiting : which) {
      if (!codes.decide(userCode, gcid)) throw new RangeError(`there is no user code "${userCode}"`);
    }
  };
  if (command.approve) decide(command.approve, users[0]?.gcid ?? null);
  if (command.deny) decide(command.deny, null);
  grants.control(command, now);
  if (command.dropContainers) containers.drop(command.dropContainers);
  if (command.mappings) state.mappings = command.mappings;
  if (command.quotaStatus) state.quotaStatus = command.quotaStatus;
  if (command.statesWait !== undefined) state.statesWait = command.statesWait;
  if (command.shiftMs !== undefined) time.shiftMs = command.shiftMs;
}
