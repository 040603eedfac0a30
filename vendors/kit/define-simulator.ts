/**
 * `defineSimulator`: a vendor's simulator from what is the vendor's alone. Which call a request is, and what it is answered;
 * HTTP, limits, faults, the log of arrivals, the journal and `/_sim/…` are the kit's. What a vendor leaves out is empty.
 */
import { z } from 'zod';
import type { VendorSimulator } from '../define';
import type { Clock } from './clock';
import { parseScenario } from './scenario';
import type { RunningSimulator } from './server/server';
import { type ServerScenario, serverFields, startScenario } from './server/start';
import type { SimulatedVendor } from './vendor';

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

export function defineSimulator<S extends z.ZodRawShape>(
  definition: SimulatorDefinition<S>,
): VendorSimulator {
  const { id } = definition;
  const title = `the ${id} simulator`;
  // Both shapes are in it, which the type of a spread of a type parameter does not say.
  const scenario = z.strictObject({ ...definition.scenario, ...serverFields }) as unknown as z.ZodType<
    z.output<z.ZodObject<S>> & ServerScenario
  >;
  const vendor: (...args: Parameters<typeof definition.vendor>) => SimulatedVendor = (...args) => ({
    ...NOTHING,
    ...definition.vendor(...args),
    id,
  });
  return {
    scenario,
    start: async (given) => (await startScenario({ title, scenario, vendor }, given)).running,
    settings: definition.settings,
    ...(definition.knows && {
      knows: (given) => definition.knows?.(parseScenario(scenario, given, title)) ?? '',
    }),
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
