/**
 * Everything about the GPS51 simulator that can be set, as one schema: a scenario file, the options of
 * `startGps51Simulator` and the defaults are the same thing. Durations say their unit in their name.
 */
import { z } from 'zod';
import { range, serverFields } from '../../kit/server/start';

const share = (value: number) => z.number().min(0).max(1).default(value);
const code = z.int().min(-1).max(99_999);

/** Somebody who may log in. An end user is one that sees some groups or devices only. */
const accountSchema = z.strictObject({
  username: z.string().min(1),
  /** As typed; callers send its MD5 in hex. */
  password: z.string().min(1),
  /** Group names; without `groups` and `devices`, everything. */
  groups: z.array(z.string()).optional(),
  /** Device ids. */
  devices: z.array(z.string()).optional(),
  /** The account whose daily calls this one's are; its own by default. */
  chargedTo: z.string().min(1).optional(),
});

/** An error in the vendor's own form, for calls that the limits have let through. */
export const errorSchema = z.strictObject({
  id: z.string().min(1).optional(),
  /** A word where a platform has no number. */
  code: z.union([code, z.string().min(1)]),
  cause: z.string().optional(),
  /** What else is in the answer, e.g. `{commandid: 'another'}`. */
  more: z.record(z.string(), z.unknown()).default({}),
  action: z.string().min(1).default('*'),
  account: z.string().min(1).default('*'),
  /** How many calls it hits; without it, all of them. */
  count: z.int().positive().optional(),
  /** Matching calls that pass before it starts. */
  skip: z.int().nonnegative().default(0),
  forMs: z.number().positive().optional(),
  /** True: the action has been carried out all the same. */
  afterwards: z.boolean().default(false),
});
export type ErrorSpec = z.output<typeof errorSchema>;

/** How the next matching commands end; 0 sent … 8 confirmation timeout, as the vendor numbers them. */
export const commandOutcomeSchema = z.strictObject({
  device: z.string().min(1).default('*'),
  command: z.string().min(1).default('*'),
  result: z.int().min(0).max(8),
  /** Until the result is known; without it as `commands.confirmMs`. */
  afterMs: z.number().nonnegative().optional(),
  /** How many commands; without it, all of them. */
  count: z.int().positive().optional(),
});
export type CommandOutcome = z.output<typeof commandOutcomeSchema>;

const fleetSchema = z
  .strictObject({
    devices: z.int().positive().max(20_000).default(24),
    groups: z.int().positive().max(1000).default(3),
    /** Time in which each driving device makes one trip. */
    cycleMinutes: z.number().positive().default(60),
    /** How often a device reports while it drives, and while it stands. */
    movingReportSeconds: z.number().positive().default(10),
    parkedReportSeconds: z.number().positive().default(300),
    /** Devices that stand still for ever. */
    parkedShare: share(0.08),
    /** Devices that have not reported for long, or never. */
    offlineShare: share(0.08),
    /** Devices whose subscription has ended; they are not "valid" for the calls a day. */
    expiredShare: share(0.04),
    /** Trips that reach the vendor only so long after their end. */
    lateShare: share(0.05),
    lateMinutes: z.number().nonnegative().default(60),
    /** Positions whose `status`, a bit mask, has a value that looks like an error code. */
    codeLikeStatusShare: share(0.05),
    speedUnit: z.enum(['km/h', 'm/h']).default('km/h'),
  })
  .prefault({});
export type FleetOptions = z.output<typeof fleetSchema>;

const limitsShape = {
  accountBase: z.int().nonnegative().default(1440),
  accountPerDevice: z.number().nonnegative().default(5),
  trajectoryPerDay: z.int().nonnegative().default(5),
  /** True: `querytracks` and `querytrips` of a device share one count; the other way of counting is only judged. */
  trajectoryShared: z.boolean().default(false),
  whitelistPerDay: z.int().nonnegative().default(5),
  ipPerMinute: z.int().positive().default(10),
  /** 5 calls a rolling second and 200 ms between calls: counted only, or refused with 8902 too. */
  fast: z.enum(['judged', 'enforced']).default('judged'),
  /**
   * Codes of limits for which the vendor's page names none. A device's calls of the day and the account's are refused
   * with the same code then; the caller has to distinguish them by other answers, for messages are no contract.
   */
  trajectoryCode: code.default(8905),
  whitelistCode: code.default(8905),
  /** True: a refused call has been counted all the same. */
  countRefusedCalls: z.boolean().default(false),
};

export const gps51ScenarioSchema = z.strictObject({
  ...serverFields,
  /** Added to the wall clock where devices and their trips are concerned; never to limits and tokens. */
  shiftMs: z.number().default(0),
  accounts: z.array(accountSchema).default([
    { username: 'fleet', password: 'fleet-secret' },
    { username: 'driver', password: 'driver-secret', groups: ['group-1'] },
  ]),
  /** Password of a login with `type: "DEVICE"`, whose username is the device's id. */
  devicePassword: z.string().min(1).default('123456'),
  fleet: fleetSchema,
  tokens: z
    .strictObject({
      lifetimeSeconds: z.number().positive().default(86_400),
      /** True: a login ends the account's other tokens. */
      single: z.boolean().default(false),
      /** How an expired token is reported: not every platform has a code of its own for it. */
      expiredStatus: code.default(9903),
      expiredCause: z.string().default('global_error_token_expire'),
    })
    .prefault({}),
  rules: z.strictObject(limitsShape).prefault({}),
  days: z
    .strictObject({
      zone: z.string().min(1).default('Asia/Shanghai'),
      /** What a "day" is; shorter ones make tests short. */
      per: z.enum(['minute', 'hour', 'day']).default('day'),
      /** The day under way ends so soon after the start. */
      endsInMs: z.number().positive().optional(),
    })
    .prefault({}),
  /** Addresses that may call; everybody when absent. */
  whitelist: z.array(z.string().min(1)).optional(),
  /** Header that names the caller's address in place of the connection's; empty to use the connection's only. */
  ipHeader: z.string().default('x-forwarded-for'),
  /** Actions that a white-labelled platform does not have: they are answered with 8901. */
  missingActions: z.array(z.string().min(1)).default([]),
  suspended: z.array(z.string().min(1)).default([]),
  commands: z
    .strictObject({
      /** Needed as `cmdpwd` when set. */
      password: z.string().min(1).optional(),
      confirmMs: range(100, 600),
      slowShare: share(0.1),
      slowMs: range(3000, 6000),
      /** After so long a `sendcmd` that has not been confirmed is answered with 8. */
      timeoutMs: z.number().positive().default(15_000),
      outcomes: z.array(commandOutcomeSchema).default([]),
    })
    .prefault({}),
  /** How a platform names what `querytrips` answers: where the trips are, and their fields. */
  trips: z
    .strictObject({
      list: z.string().min(1).default('totaltrips'),
      rename: z.record(z.string(), z.string()).default({}),
    })
    .prefault({}),
  /** Devices whose calls are all refused with this code, as `{ d1: 9904 }`. */
  refusedDevices: z.record(z.string(), code).default({}),
  /** Longest span of `querytracks` and `querytrips`. */
  maxSpanDays: z.number().positive().default(31),
  errors: z.array(errorSchema).default([]),
});
export type Gps51Scenario = z.output<typeof gps51ScenarioSchema>;
export type Gps51ScenarioInput = z.input<typeof gps51ScenarioSchema>;
export type Gps51Account = z.output<typeof accountSchema>;
