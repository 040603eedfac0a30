/**
 * Whether the processors had time to spare. Where neighbours keep all of them busy, calls leave later than they might, and
 * less of a limit can be used. That never more is used does not depend on it.
 */
import { cpus } from 'node:os';

/** Less idle time than this is none: a quiet machine has far more in these tests. */
const SPARE = 0.1;

interface Spent {
  readonly idle: number;
  readonly all: number;
}

function spent(): Spent {
  const times = cpus().map((one) => one.times);
  const idle = times.reduce((sum, one) => sum + one.idle, 0);
  const busy = times.reduce((sum, { user, nice, sys, irq }) => sum + user + nice + sys + irq, 0);
  return { idle, all: idle + busy };
}

/** From its making on. */
export class Processors {
  private readonly before = spent();

  /** Null where the machine does not count. */
  private idleShare(): number | null {
    const now = spent();
    const all = now.all - this.before.all;
    return all > 0 ? (now.idle - this.before.idle) / all : null;
  }

  /** What must be used of a limit, as a share of it. */
  leastUse(): number {
    return (this.idleShare() ?? 1) > SPARE ? 0.95 : 0.85;
  }
}
