/** Remote commands: what was received, how far each of them is, and what it has changed. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { MINUTE_MS } from '../../../quota/durations';
import type { SimCar } from '../../bmw/simulator/cars';
import type { CarState } from '../../bmw/simulator/life';
import { hash32, pickBetween, unitOf } from '../../kit/random';
import {
  afterOrder,
  type ChargingOrder,
  type ChargingPlan,
  chargingOrderSchema,
  deliveredPlan,
} from './charging';
import { COMMANDS, type CommandName, type CommandOutcome, type MyBmwScenario } from './options';

const CLIMATE_MS = 30 * MINUTE_MS;

const commandSchema = z.object({
  type: z.literal('command'),
  eventId: z.string(),
  vin: z.string(),
  command: z.enum(COMMANDS),
  /** `START` or `STOP` of the climate control. */
  action: z.string().nullable(),
  /** What it sets of the charging. */
  order: chargingOrderSchema.optional(),
  /** Epoch ms at which it was received, and what follows from it. */
  at: z.number(),
  pendingAt: z.number(),
  deliveredAt: z.number(),
  knownAt: z.number(),
  outcome: z.enum(['EXECUTED', 'ERROR', 'IGNORED', 'UNKNOWN', 'PENDING', 'DELIVERED']),
});
export type SimCommand = z.infer<typeof commandSchema>;

/** What commands have changed of a car. */
export interface Changes {
  readonly locked: boolean | null;
  readonly charging: boolean | null;
  /** When the climate control stops; null when it is off. */
  readonly climateUntil: number | null;
  /** How it charges; drives do not end that. */
  readonly plan: ChargingPlan;
  /** When the plan was last set, epoch ms; null as the car was delivered. */
  readonly planSetAt: number | null;
}

export class CommandDesk {
  private readonly commands: SimCommand[] = [];
  private outcomes: { readonly spec: CommandOutcome; used: number }[];

  constructor(
    private readonly seed: number,
    private readonly settings: MyBmwScenario['commands'],
    private readonly record: (entry: SimCommand) => void,
  ) {
    this.outcomes = settings.outcomes.map((spec) => ({ spec, used: 0 }));
  }

  /** Receives a command: from here on the car gets it, whatever becomes of the answer. */
  receive(
    car: SimCar,
    state: CarState,
    command: CommandName,
    { action = null, order }: { readonly action?: string | null; readonly order?: ChargingOrder },
    now: number,
  ): SimCommand {
    const n = this.commands.length + 1;
    const { pendingMs, deliveredMs, executedMs, slowShare, slowMs } = this.settings;
    const slow = unitOf(hash32(this.seed, n, 'slow')) < slowShare;
    const usual = slow
      ? pickBetween(slowMs.min, slowMs.max, this.seed, n, 'slowness')
      : pickBetween(executedMs.min, executedMs.max, this.seed, n, 'execution');
    const planned = this.outcomes.find(
      ({ spec, used }) =>
        (spec.vin === '*' || spec.vin === car.vin) &&
        (spec.command === '*' || spec.command === command) &&
        (spec.count === undefined || used < spec.count),
    );
    if (planned) planned.used++;
    const knownAt = now + (planned?.spec.afterMs ?? usual);
    const delivery = pickBetween(deliveredMs.min, deliveredMs.max, this.seed, n, 'delivery');
    const entry: SimCommand = {
      type: 'command',
      eventId: randomUUID(),
      vin: car.vin,
      command,
      action,
      ...(order ? { order } : {}),
      at: now,
      pendingAt: Math.min(now + pendingMs, knownAt),
      deliveredAt: Math.min(now + delivery, knownAt),
      knownAt,
      outcome: planned?.spec.status ?? usualOutcome(command, state),
    };
    this.commands.push(entry);
    this.record(entry);
    return entry;
  }

  get(eventId: string): SimCommand | undefined {
    return this.commands.find((command) => command.eventId === eventId);
  }

  statusOf(command: SimCommand, now: number): string {
    if (now < command.pendingAt) return 'INITIATED';
    if (now < command.deliveredAt || command.outcome === 'PENDING') return 'PENDING';
    return now < command.knownAt ? 'DELIVERED' : command.outcome;
  }

  /**
   * @param since when the car was last driven: what was changed before is no more, but for how it charges.
   * @param target as the car was delivered, percent.
   */
  changes(vin: string, target: number, since: number, now: number): Changes {
    const executed = this.commands
      .filter((c) => c.vin === vin && c.outcome === 'EXECUTED' && c.knownAt <= now)
      .sort((a, b) => a.knownAt - b.knownAt);
    const done = executed.filter((c) => c.knownAt >= since);
    const set = executed.filter((c) => c.order !== undefined);
    const last = (...names: readonly CommandName[]) => done.filter((c) => names.includes(c.command)).at(-1);
    const lock = last('door-lock', 'door-unlock');
    const charge = last('start-charging', 'stop-charging');
    const climate = last('climate-now');
    const until = climate && climate.action !== 'STOP' ? climate.knownAt + CLIMATE_MS : 0;
    return {
      locked: lock ? lock.command === 'door-lock' : null,
      charging: charge ? charge.command === 'start-charging' : null,
      climateUntil: until > now ? until : null,
      plan: set.reduce((plan, { order }) => (order ? afterOrder(plan, order) : plan), deliveredPlan(target)),
      planSetAt: set.at(-1)?.knownAt ?? null,
    };
  }

  addOutcome(spec: CommandOutcome): void {
    this.outcomes.push({ spec, used: 0 });
  }

  clearOutcomes(): void {
    this.outcomes = [];
  }

  list(): readonly SimCommand[] {
    return this.commands;
  }

  /** How often each car was sent each command. */
  counts(): { readonly vin: string; readonly command: string; readonly count: number }[] {
    const counts = new Map<string, { vin: string; command: string; count: number }>();
    for (const { vin, command } of this.commands) {
      const entry = counts.get(`${vin} ${command}`) ?? { vin, command, count: 0 };
      counts.set(`${vin} ${command}`, { ...entry, count: entry.count + 1 });
    }
    return [...counts.values()];
  }

  /** True when the entry was one of ours. */
  replay(entry: unknown): boolean {
    const parsed = commandSchema.safeParse(entry);
    if (parsed.success) this.commands.push(parsed.data);
    return parsed.success;
  }
}

/** A car that is not plugged in ignores what concerns charging. */
function usualOutcome(command: CommandName, state: CarState): 'EXECUTED' | 'IGNORED' {
  const aboutCharging = command === 'start-charging' || command === 'stop-charging';
  return aboutCharging && !state.plugged ? 'IGNORED' : 'EXECUTED';
}
