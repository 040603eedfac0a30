/**
 * Events as they happen, for any number of listeners of a process: one of us asks Postgres, and only while somebody
 * listens. Each listener gets every settled event after the one it names once, in the order of their ids.
 */
import { DAY_MS } from '../../../quota/durations';
import type { StoredEvent } from '../../../store/events/events';
import { advance, findEvent, type Horizon, NO_HORIZON, readFeed } from '../../../store/events/feed';
import type { Backend } from '../backend/backend';

/** Between two polls while anybody listens, ms. */
const POLL_MS = 50;
/** After a poll that has failed, ms. */
const FAILED_MS = 1_000;
const PAGE = 500;
/** The first event of a database. */
const FIRST_ID = 1;

export interface Listener {
  /** Called with events in order. */
  onEvents(events: readonly StoredEvent[]): void;
  /** Resolves when it can take more. */
  ready(): Promise<void>;
}

/** What a listener may have missed for good. */
export interface Gap {
  /** `deleted`: kept no longer. `unknown`: no such event was ever here, so it is of another database. */
  readonly reason: 'deleted' | 'unknown';
  /** The event that the listener has named: what is missing came after it. */
  readonly after: number;
  /** The first event that there is after it, and before which events may be missing; null: there is none. */
  readonly next: number | null;
  /** Events that are older may have been deleted, epoch ms. */
  readonly keptSince: number;
}

export interface Subscription {
  /** Null: nothing is missing between the event that the listener names and the first that it gets. */
  readonly gap: Gap | null;
  stop(): void;
}

interface Entry {
  readonly listener: Listener;
  /** The last id that it was given, or that it need not be given. */
  position: number;
  /** It has had everything up to `last`, and gets what is new. */
  live: boolean;
  stopped: boolean;
}

export class EventFeed {
  private readonly entries = new Set<Entry>();
  private horizon: Horizon = NO_HORIZON;
  /** Everything up to it was given to those who are live. */
  private last = 0;
  private polling: Promise<void> | null = null;

  constructor(private readonly backend: Backend) {}

  get listeners(): number {
    return this.entries.size;
  }

  /**
   * @param after the id of the last event that the listener has; null: from now on.
   * @throws OperationError when Postgres is away.
   */
  async subscribe(listener: Listener, after: number | null): Promise<Subscription> {
    await this.begin();
    const { gap, from } = after === null ? { gap: null, from: this.last } : await this.since(after);
    const entry: Entry = { listener, position: from, live: false, stopped: false };
    this.entries.add(entry);
    this.polling ??= this.poll();
    void this.replay(entry);
    return {
      gap,
      stop: () => {
        entry.stopped = true;
        this.entries.delete(entry);
      },
    };
  }

  /** A listener has had every event that it names, so one that is not there any more was deleted. 0: from the first on. */
  private async since(after: number): Promise<{ readonly gap: Gap | null; readonly from: number }> {
    const { at, ahead, next } = await this.backend.database((db) => findEvent(db, after));
    const { eventsDays, callCountsDays } = this.backend.settings.retention;
    // Single refusals are kept as long as counts of calls.
    const keptSince = Date.now() - Math.min(eventsDays, callCountsDays) * DAY_MS;
    if (ahead) return { gap: { reason: 'unknown', after, next, keptSince }, from: this.last };
    const missing = after === 0 ? next !== FIRST_ID && this.last > 0 : at === null || at < keptSince;
    return { gap: missing ? { reason: 'deleted', after, next, keptSince } : null, from: after };
  }

  /** Where the stream stands, before the first listener. */
  private async begin(): Promise<void> {
    if (this.polling !== null) return;
    let horizon = NO_HORIZON;
    while (horizon.settled === null) {
      horizon = await this.backend.database((db) => advance(db, horizon));
      if (horizon.settled === null) await pause(POLL_MS);
    }
    // Somebody may have begun meanwhile, and be further.
    if (this.polling !== null) return;
    this.horizon = horizon;
    this.last = horizon.settled;
  }

  /** What was before it came, page by page. */
  private async replay(entry: Entry): Promise<void> {
    while (!entry.stopped) {
      if (entry.position >= this.last) {
        entry.live = true;
        return;
      }
      const upTo = this.last;
      try {
        const page = await this.backend.database((db) =>
          readFeed(db, { after: entry.position, upTo, limit: PAGE }),
        );
        if (entry.stopped) return;
        if (page.length > 0) entry.listener.onEvents(page);
        entry.position = page.length < PAGE ? upTo : (page.at(-1)?.id ?? upTo);
        await entry.listener.ready();
      } catch {
        await pause(FAILED_MS);
      }
    }
  }

  private async poll(): Promise<void> {
    while (this.entries.size > 0) {
      try {
        await this.step();
        await pause(POLL_MS);
      } catch {
        await pause(FAILED_MS);
      }
    }
    this.polling = null;
  }

  private async step(): Promise<void> {
    this.horizon = await this.backend.database((db) => advance(db, this.horizon));
    const upTo = this.horizon.settled ?? this.last;
    while (this.last < upTo) {
      const after = this.last;
      const page = await this.backend.database((db) => readFeed(db, { after, upTo, limit: PAGE }));
      this.last = page.length < PAGE ? upTo : (page.at(-1)?.id ?? upTo);
      for (const entry of this.entries) {
        if (!entry.live) continue;
        const due = page.filter(({ id }) => id > entry.position);
        entry.position = Math.max(entry.position, this.last);
        if (due.length > 0) entry.listener.onEvents(due);
      }
    }
  }
}

const pause = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));
