/** Options of a MyBMW simulator: everything has a default. */
import { z } from 'zod';
import { DAY_MS, MINUTE_MS } from '../../../quota/durations';
import { carsSchema } from '../../bmw/simulator/cars';
import { tokensSchema } from '../../bmw/simulator/grants';
import { carTimeShape } from '../../bmw/simulator/time';
import { usersSchema } from '../../bmw/simulator/users';
import { range, serverFields } from '../../kit/server/start';

export const COMMANDS = [
  'door-lock',
  'door-unlock',
  'light-flash',
  'horn-blow',
  'climate-now',
  'vehicle-finder',
  'start-charging',
  'stop-charging',
  'charging-settings',
  'charging-profile',
] as const;
export type CommandName = (typeof COMMANDS)[number];
/** Under the vehicle's own address. */
export const CHARGING_COMMANDS: ReadonlySet<CommandName> = new Set<CommandName>([
  'start-charging',
  'stop-charging',
  'charging-settings',
  'charging-profile',
]);

/** How the next commands end. `PENDING` and `DELIVERED` stay so for ever. */
export const commandOutcomeSchema = z.strictObject({
  vin: z.string().min(1).default('*'),
  command: z.enum(['*', ...COMMANDS]).default('*'),
  status: z.enum(['EXECUTED', 'ERROR', 'IGNORED', 'UNKNOWN', 'PENDING', 'DELIVERED']),
  /** Time until it is known, ms; chosen as usual when absent. */
  afterMs: z.number().nonnegative().optional(),
  count: z.int().positive().optional(),
});
export type CommandOutcome = z.output<typeof commandOutcomeSchema>;

export const QUOTA_FORMS = ['message', 'reason', 'text'] as const;

export const myBmwScenarioSchema = z.strictObject({
  ...serverFields,
  ...carTimeShape,
  users: usersSchema,
  /** How many cars, of all brands and drive trains in turn, or which. */
  cars: carsSchema.default(5),
  /** Calls of a user agent, whoever makes them, until the vendor's clock says that there are new ones. */
  quota: z
    .strictObject({
      calls: z.int().nonnegative().default(1000),
      everyMs: z.number().positive().default(DAY_MS),
      /** The period under way ends so soon after the start. */
      endsInMs: z.number().positive().optional(),
      countRefusedCalls: z.boolean().default(false),
      /** Where the text of a refusal stands: in the message of a JSON body, in the reason phrase alone, or as the body. */
      form: z.enum(QUOTA_FORMS).default('message'),
      /** False: the text names no wait. */
      statesWait: z.boolean().default(true),
    })
    .prefault({}),
  /** Calls of a user agent in any such span, refused with 429. */
  rate: z
    .strictObject({
      calls: z.int().positive().default(300),
      ms: z.number().positive().default(MINUTE_MS),
    })
    .prefault({}),
  tokens: tokensSchema(28_799),
  login: z
    .strictObject({
      clientId: z.string().min(1).default('31c357a0-7a1d-4590-aa99-33b97244d048'),
      clientSecret: z.string().min(1).default('c0e3393d-70a2-4f6f-9d3c-8530af64d552'),
      /** True: a captcha token is good for one login. */
      captchaOnce: z.boolean().default(false),
      expiresSeconds: z.number().positive().default(300),
    })
    .prefault({}),
  /** False: correlation ids and the identity provider may be missing. */
  requireHeaders: z.boolean().default(true),
  /** User agents that are answered with 489; `*` stands for any text. */
  blocked: z.array(z.string().min(1)).default([]),
  commands: z
    .strictObject({
      /** Times since a command was received: until it is pending, until the car has it, until the outcome is known. */
      pendingMs: z.number().nonnegative().default(200),
      deliveredMs: range(500, 1500),
      executedMs: range(1500, 4000),
      slowShare: z.number().min(0).max(1).default(0.1),
      slowMs: range(8000, 20_000),
      outcomes: z.array(commandOutcomeSchema).default([]),
    })
    .prefault({}),
});
export type MyBmwScenario = z.output<typeof myBmwScenarioSchema>;
export type MyBmwScenarioInput = z.input<typeof myBmwScenarioSchema>;
