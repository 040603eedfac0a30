/**
 * `defineSimulator`: a vendor's simulator from what is the vendor's alone. Which call a request is, and what it is answered;
 * HTTP, limits, faults, the log of arrivals, the journal and `/_sim/…` are the kit's. What a vendor leaves out is empty.
 */
import { z } from 'zod';
import type { Clock } from './clock';
import { limitPatchesSchema } from './control';
import { faultSchema } from './faults';
import { parseScenario } from './scenario';
import { type RunningSimulator, startSimulatorServer } from './server';
import type { SimulatedVendor } from './vendor';

/** Fields of every scenario. */
const commonFields = {
  host: z.string().min(1).default('127.0.0.1'),
  /** 0: any free port. */
  port: z.int().min(0).max(65_535).default(0),
  seed: z.int().default(1),
  /** Journal, from which a later run goes on. */
  stateFile: z.string().min(1).optional(),
  /** Replaced fields of the windows of limits, by name. */
  limits: limitPatchesSchema.default({}),
  faults: z.array(faultSchema).default([]),
  /** Time that every answer takes, ms. */
  latencyMs: z
    .strictObject({ min: z.number().nonnegative(), max: z.number().nonnegative() })
    .refine((range) => range.min <= range.max, { message: 'min must not be above max' })
    .default({ min: 0, max: 0 }),
};

/** What is the vendor's own; the rest may be left out. */
export type OwnBehaviour = Pick<SimulatedVendor, 'limits' | 'identify' | 'refuse' | 'handle'> &
  Partial<Omit<SimulatedVendor, 'id'>>;

export interface SimulatorDefinition<S extends z.ZodRawShape> {
  /** For messages: `acme-cars`. */
  readonly id: string;
  /** Fields of a scenario besides those that all have. */
  readonly scenario: S;
  /** Settings of an account that lead to it, e.g. `{ baseUrl: url }`. */
  settings(running: Pick<RunningSimulator, 'url'>): Readonly<Record<string, string>>;
  /** Whom or what it knows, for people. */
  knows?(scenario: z.output<z.ZodObject<S>>): string;
  /**
   * The vendor, new at each start.
   * @param record writes an entry that `replay` gets back after a restart with the same `stateFile`.
   * @param clock epoch ms that never go back.
   */
  vendor(scenario: z.output<z.ZodObject<S>>, record: (entry: unknown) => void, clock: Clock): OwnBehaviour;
}

/** A simulator as it is started and described. */
export interface DefinedSimulator {
  readonly scenario: z.ZodType;
  start(scenario: Readonly<Record<string, unknown>>): Promise<RunningSimulator>;
  settings(running: RunningSimulator): Readonly<Record<string, string>>;
  knows?(scenario: Readonly<Record<string, unknown>>): string;
}

export function defineSimulator<S extends z.ZodRawShape>(
  definition: SimulatorDefinition<S>,
): DefinedSimulator {
  const { id } = definition;
  const scenario = z.strictObject({ ...definition.scenario, ...commonFields });
  const read = (given: unknown) => {
    const parsed = parseScenario(scenario, given, `the ${id} simulator`);
    // Both shapes are in it, which the type of a spread of a type parameter does not say.
    return parsed as unknown as z.output<z.ZodObject<S>> & z.output<z.ZodObject<typeof commonFields>>;
  };
  return {
    scenario,
    start: (given) => {
      const { host, port, seed, faults, limits, latencyMs, stateFile, ...own } = read(given);
      const make = (record: (entry: unknown) => void, clock: Clock): SimulatedVendor => ({
        ...NOTHING,
        ...definition.vendor(own as unknown as z.output<z.ZodObject<S>>, record, clock),
        id,
      });
      return startSimulatorServer(make, {
        ...{ host, port, seed, faults, latencyMs, limitChanges: limits },
        ...(stateFile === undefined ? {} : { stateFile }),
      });
    },
    settings: definition.settings,
    ...(definition.knows && { knows: (given) => definition.knows?.(read(given)) ?? '' }),
  };
}

/** What a vendor that says nothing of it has. */
const NOTHING: Omit<SimulatedVendor, 'id' | 'limits' | 'identify' | 'refuse' | 'handle'> = {
  decorate: () => ({}),
  controlShape: {},
  control: () => undefined,
  pages: {},
  stats: () => ({}),
  replay: () => undefined,
};
