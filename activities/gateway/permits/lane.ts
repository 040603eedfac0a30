/**
 * Callers of this process with the same pool, priority and charges. While the limit has room, all of them ask. Once it
 * is used up they queue, only the first asks when the next unit is due, and after each grant twice as many ask.
 * Otherwise every caller would wake for every unit, just when one of them has to depart.
 */
import type { PermitDecision, PermitRequest } from '../../../store/permits/permits';
import type { DbClock } from './db-clock';

export interface LaneCaller {
  readonly request: PermitRequest;
  /** Its place in line: lower is earlier. */
  readonly order: number;
  readonly inlineWaitMs: number;
  readonly signal: AbortSignal | undefined;
}

interface Standing extends LaneCaller {
  /** Of `performance.now()`. */
  readonly enteredAt: number;
  /** Database time after which a denial is handed back; NaN until the database's clock is known. */
  giveUpAt: number;
  readonly resolve: (decision: PermitDecision) => void;
  readonly reject: (error: unknown) => void;
}

const MAX_WIDTH = 64;
/**
 * A grant ends the mark by which less important callers stand back. Where the next in line asks in the same round trip
 * it sets its own, and no other finds the limit unmarked in between.
 */
const URGENT_WIDTH = 2;

export class PermitLane {
  private line: Standing[] = [];
  /** Callers that have requested a permit and wait for the answer. */
  private readonly out = new Set<Standing>();
  private width = MAX_WIDTH;
  /** Database time before which asking is known to be in vain. */
  private notBefore = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly ask: (request: PermitRequest, order: number) => Promise<PermitDecision>,
    private readonly clock: DbClock,
    private readonly leadMs: number,
  ) {}

  /** True when nobody waits or requests here: the lane may be dropped. */
  get empty(): boolean {
    return this.line.length === 0 && this.out.size === 0;
  }

  /**
   * A grant, or the denial of one that is not due in time. Rejects when aborted, or with the database's error. One that
   * is aborted while it asks may get a grant all the same, which it has to give back.
   */
  enter(caller: LaneCaller): Promise<PermitDecision> {
    return new Promise((resolve, reject) => {
      const { signal } = caller;
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        // What the database is about to grant has to be given back, a probe above all: its decision is waited for.
        if (this.out.has(standing)) return;
        this.line = this.line.filter((s) => s !== standing);
        this.move();
        reject(signal?.reason);
      };
      const leave = () => signal?.removeEventListener('abort', onAbort);
      const standing: Standing = {
        ...caller,
        enteredAt: performance.now(),
        giveUpAt: this.clock.now() + caller.inlineWaitMs,
        resolve: (decision) => {
          leave();
          resolve(decision);
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      // What is known here may be old: whoever would be sent away asks the database itself.
      if (this.notBefore > standing.giveUpAt) void this.askFor(standing);
      else this.stand(standing);
    });
  }

  /** The database's clock shows `step` ms more than before: so do the times that are waited for. */
  clockStepped(step: number): void {
    this.notBefore += step;
    for (const standing of [...this.line, ...this.out]) standing.giveUpAt += step;
  }

  private stand(standing: Standing): void {
    // As a rule the last: a look from the front would be long where a thousand stand.
    const before = this.line.findLastIndex((s) => s.order < standing.order);
    this.line.splice(before + 1, 0, standing);
    this.move();
  }

  private move(): void {
    if (this.line.length === 0) {
      if (this.timer !== null) clearTimeout(this.timer);
      this.timer = null;
      return;
    }
    if (this.timer !== null) return;
    const waitMs = this.notBefore - this.clock.now();
    if (waitMs > 0.5) {
      this.timer = setTimeout(
        () => {
          this.timer = null;
          this.move();
        },
        Math.min(waitMs, 2 ** 31 - 1),
      );
      return;
    }
    while (this.out.size < this.width) {
      const first = this.line.shift();
      if (!first) return;
      void this.askFor(first);
    }
  }

  private async askFor(standing: Standing): Promise<void> {
    this.out.add(standing);
    try {
      const decision = await this.ask(standing.request, standing.order);
      if (decision.granted) {
        this.width = Math.min(MAX_WIDTH, this.width * 2);
        standing.resolve(decision);
      } else {
        this.denied(standing, decision);
      }
    } catch (error) {
      standing.reject(error);
    } finally {
      this.out.delete(standing);
      this.move();
    }
  }

  private denied(standing: Standing, denial: Extract<PermitDecision, { granted: false }>): void {
    const poolSaysNo = denial.deniedBy === 'pool' || denial.deniedBy === 'probe';
    const retryAt = poolSaysNo || denial.retryAt === null ? Number.POSITIVE_INFINITY : denial.retryAt;
    this.dateWaits(standing, denial.now);
    this.width = standing.request.priority === 'interactive' ? URGENT_WIDTH : 1;
    // A closed pool is nothing to remember: an operator may open it at any time.
    this.notBefore = poolSaysNo ? Number.NEGATIVE_INFINITY : retryAt - this.leadMs * 0.75;
    const [leaving, staying] = partition([standing, ...this.line], (s) => retryAt > s.giveUpAt);
    const [aborted, waiting] = partition(staying, (s) => s.signal?.aborted === true);
    this.line = waiting.sort((a, b) => a.order - b.order);
    for (const s of leaving) s.resolve(denial);
    for (const s of aborted) s.reject(s.signal?.reason);
  }

  /**
   * Those who came before the database's clock was known learn when to give up: the one that was answered, and all that stand
   * behind it, who would else wait for a turn that may be hours away.
   */
  private dateWaits(answered: Standing, now: number): void {
    const local = performance.now();
    for (const standing of [answered, ...this.line]) {
      if (!Number.isNaN(standing.giveUpAt)) continue;
      standing.giveUpAt = now + standing.inlineWaitMs - (local - standing.enteredAt);
    }
  }
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}
