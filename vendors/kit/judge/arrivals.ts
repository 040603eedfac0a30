/** The simulator's log of arrivals: every call that arrived, and counts over all of them. */

export interface Arrival {
  /** Epoch ms with a fraction at which the request was complete and was judged. */
  readonly t: number;
  readonly operation: string;
  readonly account: string;
  /** The status decided; 0 when the connection was dropped before the request was read. */
  readonly status: number;
  readonly requestId: string;
  /** What the request was for, vendor by vendor. Holds no secret. */
  readonly requestDetail: Readonly<Record<string, unknown>>;
  /** Name of the limit that refused the call. */
  readonly refusedBy?: string;
  /** Kind of the injected fault that shaped the answer. */
  readonly fault?: string;
}

export interface CallCounts {
  operation: string;
  account: string;
  calls: number;
  ok: number;
  /** Refused by a limit or by an injected quota. */
  refused: number;
  /** Every status seen, with its count. */
  statuses: Record<string, number>;
  firstAt: number;
  lastAt: number;
}

export interface ArrivalFilter {
  /** Only calls later than this, epoch ms. */
  readonly since?: number;
  readonly operation?: string;
  readonly account?: string;
}

/** Keeps the last `capacity` arrivals; the counts cover all of them since the last clear. */
export class ArrivalLog {
  private entries: Arrival[] = [];
  private start = 0;
  private readonly counts = new Map<string, CallCounts>();

  constructor(private readonly capacity = 200_000) {}

  add(arrival: Arrival, refused: boolean): void {
    if (this.entries.length < this.capacity) {
      this.entries.push(arrival);
    } else {
      this.entries[this.start] = arrival;
      this.start = (this.start + 1) % this.capacity;
    }
    const key = `${arrival.operation}\n${arrival.account}`;
    const counts = this.counts.get(key) ?? {
      operation: arrival.operation,
      account: arrival.account,
      calls: 0,
      ok: 0,
      refused: 0,
      statuses: {},
      firstAt: arrival.t,
      lastAt: arrival.t,
    };
    counts.calls++;
    if (refused) counts.refused++;
    else if (arrival.status >= 200 && arrival.status < 300) counts.ok++;
    counts.statuses[arrival.status] = (counts.statuses[arrival.status] ?? 0) + 1;
    counts.lastAt = arrival.t;
    this.counts.set(key, counts);
  }

  /** Oldest first. */
  list(filter: ArrivalFilter): Arrival[] {
    const ordered = [...this.entries.slice(this.start), ...this.entries.slice(0, this.start)];
    return ordered.filter(
      (a) =>
        (filter.since === undefined || a.t > filter.since) &&
        (filter.operation === undefined || a.operation === filter.operation) &&
        (filter.account === undefined || a.account === filter.account),
    );
  }

  summary(): CallCounts[] {
    return [...this.counts.values()];
  }

  clear(): void {
    this.entries = [];
    this.start = 0;
    this.counts.clear();
  }
}
