/** What every simulator's scenario says of its server, and starting a simulator by it. */
import { z } from 'zod';
import type { Clock } from '../clock';
import { faultSchema } from '../faults';
import { parseScenario } from '../scenario';
import type { SimulatedVendor } from '../vendor';
import { type KitControl, limitPatchesSchema } from './control';
import { type RunningSimulator, type SimulatorServerOptions, startSimulatorServer } from './server';

export const rangeSchema = z
  .strictObject({ min: z.number().nonnegative(), max: z.number().nonnegative() })
  .refine(({ min, max }) => min <= max, { message: 'min must not be above max' });
export const range = (min: number, max: number) => rangeSchema.default({ min, max });

/** Fields of every scenario. */
export const serverFields = {
  /** Two simulators with the same seed hold the same data and make the same choices. */
  seed: z.int().default(1),
  host: z.string().min(1).default('127.0.0.1'),
  /** 0: any free port. */
  port: z.int().min(0).max(65_535).default(0),
  /** Journal of calls and of what the vendor has made, which a restarted simulator reads back. */
  stateFile: z.string().min(1).optional(),
  /** Changes to the windows of limits, by name, e.g. `calls-per-day: { count: 10 }`. */
  limits: limitPatchesSchema.default({}),
  faults: z.array(faultSchema).default([]),
  /** Time that every answer takes, ms. */
  latencyMs: range(0, 0),
};
export type ServerScenario = z.output<z.ZodObject<typeof serverFields>>;

/** A simulator that runs, with its vendor's fields of a control command. */
export interface Simulator<Control> extends RunningSimulator {
  /** Typed form of `POST /_sim/control`. Throws ZodError or RangeError for what would be a 400. */
  control(command: KitControl & Control): void;
}

export interface StartOverrides {
  /** Epoch ms that never go back; for tests that do not want to wait. */
  readonly clock?: Clock;
}

export interface Startable<S extends z.ZodType<ServerScenario>> {
  /** For messages: `the CarData simulator`. */
  readonly title: string;
  readonly scenario: S;
  /**
   * The vendor, new at each start.
   * @param record writes an entry that `replay` gets back after a restart with the same `stateFile`.
   * @param clock epoch ms that never go back.
   */
  vendor(scenario: z.output<S>, record: (entry: unknown) => void, clock: Clock): SimulatedVendor;
  /** Where the server is not as the fields of every scenario say. */
  server?(scenario: z.output<S>): Partial<SimulatorServerOptions>;
}

/**
 * Starts a simulator and resolves when it listens.
 * @throws ScenarioError that names each field at fault; the listening error when the port is taken.
 */
export async function startScenario<S extends z.ZodType<ServerScenario>>(
  { title, scenario: schema, vendor, server }: Startable<S>,
  given: unknown,
  overrides: StartOverrides = {},
): Promise<{ readonly scenario: z.output<S>; readonly running: RunningSimulator }> {
  const scenario = parseScenario(schema, given, title);
  const { host, port, seed, faults, limits, latencyMs, stateFile } = scenario;
  const running = await startSimulatorServer((record, clock) => vendor(scenario, record, clock), {
    ...{ host, port, seed, faults, latencyMs, limitChanges: limits },
    ...(stateFile === undefined ? {} : { stateFile }),
    ...server?.(scenario),
    ...overrides,
  });
  return { scenario, running };
}
