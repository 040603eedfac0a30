/**
 * The vendor's queue of enqueued tokens for a model, and how many more fit. The vendor refuses a whole file that does
 * not fit; the queue's size is learned from such refusals. Pure.
 */

export interface BatchQueue {
  /** Tokens that may wait; null when unknown. */
  readonly limit: number | null;
  /** Of the limit, 0..1: less after refusals that our own count does not explain. */
  readonly share: number;
  /** Refusals and failures in a row. */
  readonly strikes: number;
  /** Our own tokens that wait. */
  readonly enqueued: number;
}

/** Of the limit: less room is not worth a file while our own files wait; they end, and leave more. */
const WORTHWHILE = 0.25;
const LEAST_SHARE = 1 / 16;

/**
 * Tokens that a new file may hold; Infinity when no limit is known, 0 when it is better to wait until files of ours
 * have ended. An empty queue has room for one request at least, however small its share.
 */
export function roomIn({ limit, share, enqueued }: BatchQueue): number {
  if (limit === null) return Number.POSITIVE_INFINITY;
  const usable = Math.max(1, Math.floor(limit * share));
  const room = usable - enqueued;
  if (enqueued === 0) return usable;
  return room >= usable * WORTHWHILE ? room : 0;
}

export interface QueueRefusal {
  /** As the vendor states it; null when it does not. */
  readonly announced: number | null;
  /** Tokens of the file that was refused, by our count. */
  readonly tokens: number;
}

export interface QueueChange {
  readonly limit: number | null;
  readonly share: number;
  readonly strikes: number;
  /** Wait before the next file although there seems to be room, ms. */
  readonly blockedMs: number;
}

/** @param queue as it stood, without the refused file. @param backoffMs by strikes in a row, from 1. */
export function afterRefusal(
  queue: BatchQueue,
  refusal: QueueRefusal,
  backoffMs: (strikes: number) => number,
): QueueChange {
  // Where it was never announced, it is less than what would have waited then.
  const limit = refusal.announced ?? queue.limit ?? queue.enqueued + refusal.tokens;
  const strikes = queue.strikes + 1;
  const room = roomIn({ ...queue, limit, strikes });
  // It was too much by our own count too: smaller, or later, is all that it takes.
  if (refusal.tokens > room) return { limit, share: queue.share, strikes, blockedMs: 0 };
  const share = Math.max(LEAST_SHARE, queue.share / 2);
  return { limit, share, strikes, blockedMs: backoffMs(strikes) };
}

/** A file was let in: the count holds. */
export function afterAcceptance(share: number): number {
  return Math.min(1, share * 1.25);
}

/**
 * Time to the next poll of something that last changed `elapsedMs` ago: half of that, within the bounds, so that a day
 * takes less than thirty polls and a quick end is seen soon.
 */
export function pollDelayMs(
  elapsedMs: number,
  bounds: { readonly firstMs: number; readonly maxMs: number },
): number {
  return Math.min(bounds.maxMs, Math.max(bounds.firstMs, elapsedMs / 2));
}
