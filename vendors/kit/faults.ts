/**
 * Faults as data: what goes wrong, for which calls, how often and until when. Which call a probability hits
 * depends only on the seed and on how many calls the fault has seen.
 */
import { z } from 'zod';
import { hash32, unitOf } from './random';
import type { SimCall } from './vendor';

export const FAULT_KINDS = [
  'status',
  'status-after-processing',
  'quota',
  'drop-before',
  'drop-after-processing',
  'latency',
  'slow-body',
  'garbage-body',
  'truncated-body',
] as const;

export const faultSchema = z
  .strictObject({
    /** Chosen by the simulator when absent; clears the fault by name. */
    id: z.string().min(1).optional(),
    kind: z.enum(FAULT_KINDS),
    operation: z.string().min(1).default('*'),
    account: z.string().min(1).default('*'),
    /** Only calls whose attributes or details have these values, e.g. `{reportType: GET_…}`. */
    where: z.record(z.string(), z.string()).optional(),
    /** HTTP status of a `status` fault; `status-after-processing` does what was requested and answers with it all the same. */
    status: z.int().min(100).max(599).optional(),
    /** Instead of a status: one of the vendor's own errors, by the code that its simulator knows it by. */
    code: z.string().min(1).optional(),
    body: z.string().optional(),
    headers: z.record(z.string(), z.string()).optional(),
    /** How many calls it hits; without it, all of them. */
    count: z.int().positive().optional(),
    /** Matching calls that pass before it starts. */
    skip: z.int().nonnegative().default(0),
    fromMs: z.number().optional(),
    /** Epoch ms at which it ends; `forMs` is the same from now. */
    untilMs: z.number().optional(),
    forMs: z.number().positive().optional(),
    probability: z.number().min(0).max(1).default(1),
    /** Delay of `latency`; time over which `slow-body` is sent. */
    latencyMs: z.number().nonnegative().default(1000),
    /** A `quota` fault may name a wait, for vendors that state one. */
    waitMs: z.number().nonnegative().optional(),
  })
  .refine((f) => !f.kind.startsWith('status') || f.status !== undefined || f.code !== undefined, {
    message: 'a fault of kind "status" needs a status, e.g. 503, or a code of the vendor\'s',
    path: ['status'],
  });
export type FaultInput = z.input<typeof faultSchema>;
export type FaultSpec = z.output<typeof faultSchema>;

export interface Fault extends FaultSpec {
  readonly id: string;
  seen: number;
  hits: number;
}

/** A detail that is a list, of marketplaces say, has each of its values. */
function isAbout(call: SimCall, where: Readonly<Record<string, string>>): boolean {
  const fields: Readonly<Record<string, unknown>> = { ...call.detail, ...call.attributes };
  return Object.entries(where).every(([name, value]) => [fields[name]].flat().map(String).includes(value));
}

export class FaultBook {
  private faults: Fault[] = [];
  private made = 0;

  /** @param onHit called for each hit of a fault with a count, so that a journal can bring it back. */
  constructor(
    private readonly seed: number,
    private readonly onHit: (id: string) => void = () => {},
  ) {}

  /** Adds a fault, replacing one of the same id. */
  add(input: FaultInput, now: number): Fault {
    const spec = faultSchema.parse(input);
    const id = spec.id ?? `fault-${++this.made}`;
    const until = spec.forMs === undefined ? spec.untilMs : now + spec.forMs;
    const fault: Fault = {
      ...spec,
      id,
      ...(until === undefined ? {} : { untilMs: until }),
      seen: 0,
      hits: 0,
    };
    this.faults = [...this.faults.filter((f) => f.id !== id), fault];
    return fault;
  }

  clear(ids?: readonly string[]): void {
    this.faults = ids === undefined ? [] : this.faults.filter((f) => !ids.includes(f.id));
  }

  /** The faults that hit this call, oldest first. Counts them as used. */
  take(call: SimCall, now: number): Fault[] {
    const { operation, account } = call;
    const hits = this.faults.filter((fault) => {
      if (fault.operation !== '*' && fault.operation !== operation) return false;
      if (fault.account !== '*' && fault.account !== account) return false;
      if (fault.where !== undefined && !isAbout(call, fault.where)) return false;
      if (fault.fromMs !== undefined && now < fault.fromMs) return false;
      if (fault.untilMs !== undefined && now >= fault.untilMs) return false;
      if (fault.count !== undefined && fault.hits >= fault.count) return false;
      fault.seen++;
      if (fault.seen <= fault.skip) return false;
      return unitOf(hash32(this.seed, fault.id, fault.seen)) < fault.probability;
    });
    for (const fault of hits) {
      fault.hits++;
      if (fault.count !== undefined) this.onHit(fault.id);
    }
    return hits;
  }

  /** Counts a hit that happened before a restart. */
  replayHit(id: string): void {
    const fault = this.faults.find((f) => f.id === id);
    if (!fault) return;
    fault.hits++;
    fault.seen++;
  }

  list(): readonly Fault[] {
    return this.faults;
  }
}
