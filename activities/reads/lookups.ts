/**
 * Brings a read up to date for all who want it: one of all processes asks the vendor, the others wait for what it stores.
 * Within a process they wait for its promise, across processes they poll the row.
 *
 * After a crash: whoever held the lease is known to have died when the lease runs out, ten seconds later. The call that it may
 * have made is lost and counts as a failure; the next one to ask goes on from the pages that had come. While Postgres is away
 * leases run out as well, so a caller first waits a moment for a process that has an answer and could not store it (kept.ts).
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { decideRead, type ReadStanding, type ReadWish, wasLost } from '../../quota/reads/decision';
import {
  claimRead,
  ensureRead,
  paramsText,
  type ReadKey,
  type ReadLease,
  type ReadRow,
  releaseRead,
  renewLease,
} from '../../store/reads/reads';
import type { KeepDeps } from '../gateway/spool/held';
import { failureOf, hindranceOf } from './calls';
import { keepRead, StoredLater } from './kept';
import type { Unavailable } from './types';

const LEASE_MS = 10_000;
const RENEW_MS = 3_000;
const POLL_MS = 100;
/** Who has an answer and no Postgres to store it in tries again within a second, ms. */
const SETTLE_MS = 3_000;
/** What stood in the way of a call stands in the way of the next for so long without asking again. */
const REMEMBER_MS = 1_000;

export interface Lookup {
  readonly key: ReadKey;
  /** Where one call answers several reads: what stands for the call, its lease and its failures. Default: the read itself. */
  readonly callKey?: ReadKey;
  readonly maxAgeMs: number;
  readonly force: boolean;
  /** Longest wait for another caller's answer, ms. */
  readonly patienceMs: number;
  /** What stands in the way of calls like this one, by which such hindrances are remembered. */
  readonly hinderedBy: string;
  /** Whether the pool lets calls through; null when it does. */
  readonly whyClosed: () => Promise<Error | null>;
  /** Takes over what other work has brought meanwhile, a sync say. Done once, before the vendor is called. */
  readonly takeOver?: ((row: ReadRow) => Promise<void>) | undefined;
  /** Asks the vendor and stores the answer, which gives the lease back. */
  readonly ask: (lease: ReadLease, row: ReadRow) => Promise<void>;
}

export interface Found {
  /** Of the read. */
  readonly row: ReadRow;
  /** Why it is no fresher; null when it is as fresh as was wanted. */
  readonly stale: Unavailable | null;
  /** Whether this very caller has called the vendor. */
  readonly called: boolean;
}

type Outcome =
  | { readonly kind: 'answered' | 'failed' | 'not-ours' }
  | { readonly kind: 'hindered'; readonly why: Unavailable };

export class Lookups {
  private readonly underWay = new Map<string, Promise<Outcome>>();
  private readonly hindrances = new Map<string, { readonly why: Unavailable; readonly until: number }>();

  constructor(private readonly keep: KeepDeps) {}

  private get db(): Pool {
    return this.keep.db;
  }

  /** @throws what is no vendor's doing: a database that is away, a fault of ours. */
  async find(lookup: Lookup): Promise<Found> {
    const callKey = lookup.callKey ?? lookup.key;
    const name = JSON.stringify([
      callKey.account,
      callKey.vehicleId,
      callKey.read,
      paramsText(callKey.params),
    ]);
    const deadline = performance.now() + lookup.patienceMs;
    let { takeOver } = lookup;
    let settled = false;
    let wish: ReadWish | null = null;
    for (;;) {
      const { row, call } = await this.rowsOf(lookup);
      wish ??= { askedAt: row.now, maxAgeMs: lookup.maxAgeMs, force: lookup.force };
      const here = this.underWay.get(name);
      const standing: ReadStanding = { ...call, answeredAt: row.answeredAt, streamedAt: row.streamedAt };
      const step = decideRead(standing, wish);
      if (step.kind === 'answer') return { row, stale: null, called: false };
      if (takeOver !== undefined) {
        await takeOver(row);
        takeOver = undefined;
        continue;
      }
      if (step.kind === 'held-back') return { row, stale: heldBack(call, step.until), called: false };
      if (step.kind === 'wait' || here !== undefined) {
        const leftMs = deadline - performance.now();
        if (leftMs <= 0) return { row, stale: stillAsking(), called: false };
        const outcome = await soonerOf(here, Math.min(leftMs, here === undefined ? POLL_MS : leftMs));
        if (outcome?.kind === 'hindered') return { row, stale: outcome.why, called: false };
        continue;
      }
      const hindrance = this.remembered(lookup.hinderedBy) ?? (await this.closed(lookup));
      if (hindrance !== null) return { row, stale: hindrance, called: false };
      if (this.underWay.has(name)) continue;
      if (wasLost(call) && !settled) {
        // Postgres may have been away, and whoever was asking have the answer.
        await delay(SETTLE_MS);
        settled = true;
        continue;
      }
      const trying = this.tryOnce(lookup, call);
      this.underWay.set(name, trying);
      try {
        const outcome = await trying;
        // Whatever the database's clock says about it by now: one question never makes two calls.
        if (outcome.kind === 'answered')
          return { row: await ensureRead(this.db, lookup.key), stale: null, called: true };
        if (outcome.kind === 'hindered')
          return { row: await ensureRead(this.db, lookup.key), stale: outcome.why, called: false };
        if (outcome.kind === 'failed') wish = { ...wish, force: false };
      } finally {
        this.underWay.delete(name);
      }
    }
  }

  /**
   * The read, and the row that stands for the call. That one first: an answer between the two queries is seen in the read, and
   * one that comes after them makes the claim fail.
   */
  private async rowsOf({ key, callKey }: Lookup): Promise<{ row: ReadRow; call: ReadRow }> {
    const call = callKey === undefined ? null : await ensureRead(this.db, callKey);
    const row = await ensureRead(this.db, key);
    return { row, call: call ?? row };
  }

  private async tryOnce({ ask, hinderedBy, key }: Lookup, row: ReadRow): Promise<Outcome> {
    const lease = await claimRead(this.db, row, randomUUID(), LEASE_MS);
    if (lease === null) return { kind: 'not-ours' };
    // Postgres away: the lease may run out, and another caller asks, too.
    const renewal = setInterval(
      () => void renewLease(this.db, lease, LEASE_MS).catch(() => undefined),
      RENEW_MS,
    );
    try {
      await ask(lease, row);
      return { kind: 'answered' };
    } catch (error) {
      const hindrance = hindranceOf(error);
      const failure = hindrance === null ? failureOf(error) : null;
      if (failure !== null) {
        const { waitMs, ...noted } = failure;
        const now = Date.now();
        const at = { asked: now, answered: now };
        const { account } = key;
        await keepRead(this.keep, { kind: 'failure', account, lease, at, failure: noted, waitMs });
        return { kind: 'failed' };
      }
      // Its answer is kept, and gives the lease back when it is stored.
      if (error instanceof StoredLater) throw error;
      // One that cannot be given back runs out.
      await releaseRead(this.db, lease).catch(() => undefined);
      if (hindrance === null) throw error;
      this.remember(hinderedBy, hindrance);
      return { kind: 'hindered', why: hindrance };
    } finally {
      clearInterval(renewal);
    }
  }

  private async closed({ whyClosed, hinderedBy }: Lookup): Promise<Unavailable | null> {
    const error = await whyClosed();
    const hindrance = error === null ? null : hindranceOf(error);
    if (hindrance !== null) this.remember(hinderedBy, hindrance);
    return hindrance;
  }

  /** What is in the way of every call; what failed before this one is known in its own row. */
  private remember(by: string, why: Unavailable): void {
    if (why.cause === 'failed' || why.cause === 'refused' || why.cause === 'asking') return;
    this.hindrances.set(by, { why, until: performance.now() + REMEMBER_MS });
  }

  private remembered(by: string): Unavailable | null {
    const known = this.hindrances.get(by);
    if (known === undefined) return null;
    if (performance.now() < known.until && (known.why.until ?? Number.POSITIVE_INFINITY) > Date.now())
      return known.why;
    this.hindrances.delete(by);
    return null;
  }
}

/** Null after the time, or when the other one failed for want of a database: then the caller queries it itself. */
async function soonerOf(outcome: Promise<Outcome> | undefined, ms: number): Promise<Outcome | null> {
  const over = new AbortController();
  const timer = delay(ms, null, { signal: over.signal }).catch(() => null);
  const other = outcome?.catch(() => null);
  try {
    return await (other === undefined ? timer : Promise.race([other, timer]));
  } finally {
    over.abort();
  }
}

/** Why a read is not called before `until`. */
export function heldBack(
  { failure, failures }: Pick<ReadRow, 'failure' | 'failures'>,
  until: number,
): Unavailable {
  const times = failures > 1 ? `${failures} times in a row, last: ` : '';
  if (failure === null) {
    return {
      cause: 'failed',
      reason: 'the process that called last ended before the answer was stored',
      until,
    };
  }
  return failure.kind === 'refused'
    ? { cause: 'refused', reason: `the vendor does not serve it: ${times}${failure.reason}`, until }
    : { cause: 'failed', reason: `asking failed: ${times}${failure.reason}`, until };
}

function stillAsking(): Unavailable {
  return { cause: 'asking', reason: 'the vendor has been called and has not answered yet', until: null };
}
