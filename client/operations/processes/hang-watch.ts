/**
 * Detects a process that runs but does not respond, by polling it in the background: one that is stopped by a signal,
 * or whose event loop hangs.
 */
import { isStopped, type ProcessIdentity } from '../../../embedded/child';
import { insertEvent } from '../../../store/events/events';
import { type Context, withDatabase } from '../backend/context';

/** A process that stays silent for this long is ended, ms; the first query has waited some seconds before. */
export const HUNG_MS = 15_000;
const ASK_EVERY_MS = 2_000;

/** @returns null where it cannot be asked; else `silentSince` is absent when it answers. */
export type AskHealth = (pid: number) => Promise<{ readonly silentSince?: number } | null>;

export class HangWatch {
  private silentFrom: number | null = null;
  private asking = false;
  private askedAt = Number.NEGATIVE_INFINITY;

  /** @param ask left out: only a process that is stopped by a signal is noticed. */
  constructor(
    readonly identity: ProcessIdentity,
    private readonly ask: AskHealth = async () => null,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** For how long it has been silent as far as we know, ms; 0 when it answers. Queries again when it is time. */
  silentMs(): number {
    const now = this.now();
    if (!this.asking && now - this.askedAt >= ASK_EVERY_MS) void this.poll(now);
    return this.silentFrom === null ? 0 : now - this.silentFrom;
  }

  private async poll(askedAt: number): Promise<void> {
    this.asking = true;
    this.askedAt = askedAt;
    const isSilent = await this.ask(this.identity.pid)
      .then((health) => (health === null ? isStopped(this.identity) : health.silentSince !== undefined))
      .catch(() => false);
    // From the answer on: a machine that slept has frozen us with it, and the next query shows how it is.
    this.silentFrom = isSilent ? (this.silentFrom ?? this.now()) : null;
    this.asking = false;
  }
}

/** Records that a process hangs as an event; without a database, what the caller prints has to do. */
export async function recordHung(context: Context, name: string, reason: string): Promise<void> {
  await withDatabase(context, (db) => insertEvent(db, 'process.hung', null, { process: name, reason })).catch(
    () => undefined,
  );
}
