/**
 * How long a piece of work will take, before it makes any call. Pure: simulates the work on a clock of its own, item
 * by item; each call departs when every limit that it falls under allows it. Two runs, with the shortest and the
 * longest times that each step may take, bound the truth.
 *
 * Items are pipelined: while the vendor makes one, the next is requested.
 */
import { CALENDAR_MS, capacityOf, charges, type LimitWindow, usableCapacity } from './limits/limit';

/** Shortest and longest, milliseconds. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

export interface ForecastLimit {
  readonly name: string;
  readonly operations: readonly string[] | '*';
  readonly window: LimitWindow;
  /** Units used up now. */
  readonly used: number;
  /** The share of the limit that this work's priority may use, above 0 up to 1: one less its reserve. */
  readonly share: number;
  /** Epoch ms at which what is used is free again (calendar, rolling, vendor-reset); null when unknown. */
  readonly resetsAt: number | null;
}

export interface ForecastStep {
  readonly operation: string;
  /** From the call's departure to its answer. */
  readonly callMs: Range;
  /** Wait before each call of this step; several when it has to be repeated until the vendor is ready. */
  readonly poll?: {
    readonly initialMs: number;
    readonly factor: number;
    readonly maxMs: number;
    /** From the answer to the step before until the vendor is ready. */
    readonly readyAfterMs: Range;
  };
}

export interface ForecastInput {
  readonly items: number;
  readonly steps: readonly ForecastStep[];
  readonly limits: readonly ForecastLimit[];
  /** Epoch ms. */
  readonly now: number;
  /** Epoch ms before which no call may leave: a pause of the pool. Default: now. */
  readonly notBefore?: number | null;
}

export interface Forecast {
  readonly callsByOperation: Readonly<Record<string, Range>>;
  /** The limit that alone takes longest; null when none makes anything wait. */
  readonly binding: { readonly limit: string; readonly operation: string; readonly waitMs: number } | null;
  /** Epoch ms; Infinity when a limit never lets the work through. */
  readonly earliestFinish: number;
  readonly latestFinish: number;
}

/** A limit on the forecast's clock. */
interface Meter {
  /** The earliest time from `at` on at which one more unit fits. */
  ready(at: number): number;
  take(at: number): void;
}

function bucket(periodMs: number, cap: number, used: number, now: number): Meter {
  // Theoretical arrival time: how far ahead of the clock the bucket is drawn on.
  let tat = now + used * periodMs;
  return {
    ready: (at) => Math.max(at, tat - (cap - 1) * periodMs),
    take: (at) => {
      tat = Math.max(tat, at) + periodMs;
    },
  };
}

function rolling(ms: number, cap: number, used: number, freeAt: number): Meter {
  // What is used already leaves the window at once, at the latest time it can.
  const leaves: number[] = new Array(Math.ceil(used)).fill(freeAt);
  let first = 0;
  return {
    ready: (at) => {
      while (first < leaves.length && (leaves[first] ?? 0) <= at) first++;
      const over = leaves.length - first + 1 - cap;
      return over <= 0 ? at : Math.max(at, leaves[first + over - 1] ?? at);
    },
    take: (at) => {
      leaves.push(at + ms);
    },
  };
}

function windowed(perMs: number, cap: number, used: number, resetsAt: number): Meter {
  let left = cap - used;
  let end = resetsAt;
  const turn = (at: number) => {
    while (Number.isFinite(end) && at >= end) {
      left = cap;
      end += perMs;
    }
  };
  return {
    ready: (at) => {
      turn(at);
      return left >= 1 ? at : end;
    },
    take: (at) => {
      turn(at);
      left--;
    },
  };
}

function meterOf(limit: ForecastLimit, now: number): Meter {
  const { window: w, used } = limit;
  const cap = usableCapacity(capacityOf(w), limit.share);
  switch (w.kind) {
    case 'token-bucket':
      return bucket(1000 / w.ratePerSecond, cap, used, now);
    case 'spacing':
      return bucket(w.ms, 1, used, now);
    case 'rolling':
      return rolling(w.ms, Math.floor(cap), used, limit.resetsAt ?? now + w.ms);
    case 'calendar':
      return windowed(CALENDAR_MS[w.per], Math.floor(cap), used, limit.resetsAt ?? now + CALENDAR_MS[w.per]);
    case 'vendor-reset':
      // When the window after the next begins is the vendor's secret.
      return windowed(
        Number.POSITIVE_INFINITY,
        Math.floor(cap),
        used,
        limit.resetsAt ?? Number.POSITIVE_INFINITY,
      );
  }
}

interface Played {
  readonly finish: number;
  readonly calls: Readonly<Record<string, number>>;
}

/** When the answers come in, step by step; each step serves its items in the order in which they are ready. */
function play(input: ForecastInput, pick: (range: Range) => number): Played {
  const start = Math.max(input.now, input.notBefore ?? input.now);
  const meters = input.limits.map((limit) => ({ limit, meter: meterOf(limit, input.now) }));
  const calls: Record<string, number> = {};
  let at: number[] = new Array(input.items).fill(start);
  for (const step of input.steps) {
    const own = meters.filter(({ limit }) => charges(limit, step.operation)).map(({ meter }) => meter);
    calls[step.operation] ??= 0;
    // Departures of one operation happen in time order, across items and their repeated calls.
    const queue = new TimeQueue(
      at.map((answered) => ({
        at: answered + (step.poll?.initialMs ?? 0),
        answered,
        wait: step.poll?.initialMs ?? 0,
      })),
    );
    const finished: number[] = [];
    for (let next = queue.pop(); next !== null; next = queue.pop()) {
      let leaves = next.at;
      for (let before = Number.NaN; before !== leaves; ) {
        before = leaves;
        for (const meter of own) leaves = meter.ready(leaves);
      }
      for (const meter of own) meter.take(leaves);
      calls[step.operation] = (calls[step.operation] ?? 0) + 1;
      const answer = leaves + pick(step.callMs);
      const { poll } = step;
      if (poll && leaves < next.answered + pick(poll.readyAfterMs)) {
        const wait = Math.min(poll.maxMs, next.wait * poll.factor);
        queue.push({ ...next, at: answer + wait, wait });
      } else {
        finished.push(answer);
      }
      if (!Number.isFinite(answer)) return { finish: Number.POSITIVE_INFINITY, calls };
    }
    at = finished;
  }
  return { finish: at.reduce((latest, t) => Math.max(latest, t), start), calls };
}

interface Pending {
  readonly at: number;
  /** When the step before was answered. */
  readonly answered: number;
  readonly wait: number;
}

/** A binary heap by time. */
class TimeQueue {
  private readonly heap: Pending[] = [];

  constructor(entries: readonly Pending[]) {
    for (const entry of entries) this.push(entry);
  }

  push(entry: Pending): void {
    let i = this.heap.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (this.timeAt(parent) <= entry.at) break;
      this.swap(i, parent);
      i = parent;
    }
  }

  pop(): Pending | null {
    const [top] = this.heap;
    const last = this.heap.pop();
    if (top === undefined || last === undefined) return null;
    if (this.heap.length > 0) {
      this.heap[0] = last;
      this.sink();
    }
    return top;
  }

  private sink(): void {
    for (let i = 0; ; ) {
      const left = 2 * i + 1;
      const child = this.timeAt(left + 1) < this.timeAt(left) ? left + 1 : left;
      if (this.timeAt(child) >= this.timeAt(i)) return;
      this.swap(i, child);
      i = child;
    }
  }

  private timeAt(i: number): number {
    return this.heap[i]?.at ?? Number.POSITIVE_INFINITY;
  }

  private swap(i: number, j: number): void {
    const a = this.heap[i];
    const b = this.heap[j];
    if (a === undefined || b === undefined) return;
    this.heap[i] = b;
    this.heap[j] = a;
  }
}

/** Calls needed, the limit that binds, and when it will be done. `items` of 0 is done at once. */
export function forecast(input: ForecastInput): Forecast {
  const soonest = play(input, (range) => range.min);
  const latest = play(input, (range) => range.max);
  const operations = [...new Set(input.steps.map((step) => step.operation))];
  const callsByOperation: Record<string, Range> = {};
  for (const operation of operations) {
    const counts = [soonest.calls[operation] ?? 0, latest.calls[operation] ?? 0];
    callsByOperation[operation] = { min: Math.min(...counts), max: Math.max(...counts) };
  }
  return {
    callsByOperation,
    binding: bindingLimit(input, callsByOperation),
    earliestFinish: Math.min(soonest.finish, latest.finish),
    latestFinish: Math.max(soonest.finish, latest.finish),
  };
}

/** How long each limit alone would take over its calls, if they all came at once. */
function bindingLimit(input: ForecastInput, calls: Forecast['callsByOperation']): Forecast['binding'] {
  let binding: Forecast['binding'] = null;
  for (const limit of input.limits) {
    const mine = Object.entries(calls).filter(([operation]) => charges(limit, operation));
    const count = mine.reduce((sum, [, range]) => sum + range.max, 0);
    const meter = meterOf(limit, input.now);
    let at = input.now;
    for (let i = 0; i < count && Number.isFinite(at); i++) {
      at = meter.ready(at);
      meter.take(at);
    }
    const waitMs = at - input.now;
    if (waitMs > (binding?.waitMs ?? 0)) {
      const most = mine.reduce((a, b) => (b[1].max > a[1].max ? b : a));
      binding = { limit: limit.name, operation: most[0], waitMs };
    }
  }
  return binding;
}
