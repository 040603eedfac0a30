/** Commands to devices: what was received, what became of it, and when that is known. */
import { z } from 'zod';
import { hash32, pickBetween, unitOf } from '../../kit/random';
import type { SimDevice } from './fleet/fleet';
import type { CommandOutcome, Gps51Scenario } from './options';

/** As the vendor numbers a command's result. */
export const RESULTS = {
  sent: 0,
  badPassword: 1,
  offline: 2,
  cached: 3,
  defaultPassword: 4,
  error: 5,
  confirmed: 6,
  retriesFailed: 7,
  timeout: 8,
} as const;

export const RESULT_TEXTS = [
  'the command has been sent',
  'the command password is wrong',
  'the device is offline and the command was not cached',
  'the device is offline and the command was cached',
  'change the default password first',
  'the command failed',
  'the device has confirmed',
  'retries have failed',
  'the confirmation timed out',
] as const;

const commandSchema = z.object({
  type: z.literal('command'),
  id: z.string(),
  deviceId: z.string(),
  code: z.string(),
  params: z.array(z.string()),
  via: z.enum(['sendcmd', 'sendcommand']),
  username: z.string(),
  /** Epoch ms at which it was received. */
  at: z.number(),
  /** The result once it is known, and when that is. */
  result: z.number(),
  knownAt: z.number(),
});
export type SimCommand = z.infer<typeof commandSchema>;

export interface CommandCount {
  readonly deviceId: string;
  readonly code: string;
  readonly params: readonly string[];
  readonly count: number;
}

export class CommandDesk {
  settings: Gps51Scenario['commands'];
  private readonly commands: SimCommand[] = [];
  private readonly byId = new Map<string, SimCommand>();
  private outcomes: { spec: CommandOutcome; used: number }[];

  constructor(
    private readonly seed: number,
    settings: Gps51Scenario['commands'],
    private readonly record: (entry: SimCommand) => void,
  ) {
    this.settings = settings;
    this.outcomes = settings.outcomes.map((spec) => ({ spec, used: 0 }));
  }

  /** Receives a command: from here on the device gets it, whatever becomes of the answer. */
  receive(
    device: SimDevice,
    command: Pick<SimCommand, 'code' | 'params' | 'via' | 'username'> & { readonly password: string },
    now: number,
  ): SimCommand {
    const n = this.commands.length + 1;
    const { result, afterMs } = this.decide(device, command.code, command.password, n);
    const entry: SimCommand = {
      type: 'command',
      id: `cmd-${n}-${hash32(this.seed, n, 'command').toString(16).padStart(8, '0')}`,
      deviceId: device.id,
      code: command.code,
      params: [...command.params],
      via: command.via,
      username: command.username,
      at: now,
      result,
      knownAt: now + afterMs,
    };
    this.keep(entry);
    this.record(entry);
    return entry;
  }

  get(id: string): SimCommand | undefined {
    return this.byId.get(id);
  }

  /** What is known of a command at `now`: `sent` until its result is. */
  resultOf(command: SimCommand, now: number): number {
    return now >= command.knownAt ? command.result : RESULTS.sent;
  }

  /** How a `sendcmd`, which waits for the result, is answered, and after how long. */
  waited(command: SimCommand): { readonly result: number; readonly delayMs: number } {
    const delayMs = command.knownAt - command.at;
    return delayMs > this.settings.timeoutMs
      ? { result: RESULTS.timeout, delayMs: this.settings.timeoutMs }
      : { result: command.result, delayMs };
  }

  addOutcome(spec: CommandOutcome): void {
    this.outcomes.push({ spec, used: 0 });
  }

  clearOutcomes(): void {
    this.outcomes = [];
  }

  list(filter: { readonly deviceId?: string; readonly code?: string } = {}): SimCommand[] {
    return this.commands.filter(
      (c) =>
        (filter.deviceId === undefined || c.deviceId === filter.deviceId) &&
        (filter.code === undefined || c.code === filter.code),
    );
  }

  /** How often the same device was sent the same code with the same parameters. */
  counts(): CommandCount[] {
    const counts = new Map<string, CommandCount>();
    for (const { deviceId, code, params } of this.commands) {
      const key = JSON.stringify([deviceId, code, params]);
      counts.set(key, { deviceId, code, params, count: (counts.get(key)?.count ?? 0) + 1 });
    }
    return [...counts.values()];
  }

  /** True when the entry was one of ours. */
  replay(entry: unknown): boolean {
    const parsed = commandSchema.safeParse(entry);
    if (!parsed.success) return false;
    this.keep(parsed.data);
    return true;
  }

  private keep(entry: SimCommand): void {
    this.commands.push(entry);
    this.byId.set(entry.id, entry);
  }

  private decide(
    device: SimDevice,
    code: string,
    password: string,
    n: number,
  ): { readonly result: number; readonly afterMs: number } {
    const { confirmMs, slowShare, slowMs } = this.settings;
    if (this.settings.password !== undefined && password !== this.settings.password) {
      return { result: RESULTS.badPassword, afterMs: 0 };
    }
    const confirm = pickBetween(confirmMs.min, confirmMs.max, this.seed, n, 'confirm');
    const outcome = this.outcomes.find(
      ({ spec, used }) =>
        (spec.device === '*' || spec.device === device.id) &&
        (spec.command === '*' || spec.command === code) &&
        (spec.count === undefined || used < spec.count),
    );
    if (outcome) {
      outcome.used++;
      return { result: outcome.spec.result, afterMs: outcome.spec.afterMs ?? confirm };
    }
    if (device.behaviour === 'offline' || device.behaviour === 'unheard') {
      return { result: device.behaviour === 'offline' ? RESULTS.cached : RESULTS.offline, afterMs: 0 };
    }
    const slow = unitOf(hash32(this.seed, n, 'slow')) < slowShare;
    const afterMs = slow ? pickBetween(slowMs.min, slowMs.max, this.seed, n, 'slowness') : confirm;
    return { result: RESULTS.confirmed, afterMs };
  }
}
