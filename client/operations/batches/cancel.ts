/** The state of a cancelled batch's files, as far as the vendor has confirmed it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { type BatchPart, openParts, readPart } from '../../../store/batches/parts';

/** A worker acts on it within a second or two; then the present state is reported. */
const POLL_MS = 250;
const MOST_MS = 6000;

const isConfirmed = ({ state, status }: BatchPart) =>
  state === 'settled' || state === 'ended' || status === 'cancelling' || status === 'cancelled';

/** Waits a little for the files of a batch. @returns a line for each that was open. */
export async function cancelledFiles(db: Pool, batchId: number): Promise<readonly string[]> {
  const before = await openParts(db, batchId);
  const until = performance.now() + MOST_MS;
  for (;;) {
    const now = await Promise.all(before.map(async (part) => (await readPart(db, part.id)) ?? part));
    const isReported = now.every((part) => isConfirmed(part) || part.failures > 0);
    if (isReported || performance.now() > until) return now.map(fileText);
    await delay(POLL_MS);
  }
}

/** Pure. */
export function fileText(part: BatchPart): string {
  const { id, vendorId, state, status, cancelAsked, note } = part;
  const name = vendorId ?? `part ${id}`;
  if (state === 'settled') {
    return vendorId === null
      ? `${name}: was not sent`
      : `${name}: ${status} at the vendor; what was answered is kept`;
  }
  if (status === 'cancelling' || status === 'cancelled') {
    return `${name}: the vendor has confirmed (${status}); what it has answered is read when it ends`;
  }
  if (state === 'ended') return `${name}: has ended by itself (${status}); its answers are being read`;
  const because = note === '' ? '' : `: ${note}`;
  if (state === 'creating') {
    return `${name}: not cancelled yet; whether the vendor has made a batch of it is still being checked${because}`;
  }
  return cancelAsked
    ? `${name}: the vendor was asked to cancel it, and has not confirmed${because}`
    : `${name}: not cancelled yet; a worker has to ask the vendor${because}`;
}
