/** What a batch waits for: since when, for how long, why, and what a person can do about it. */
import type { Pool } from 'pg';
import { type Account, limitsOfCall } from '../../../activities/accounts';
import type { QuotaStatus } from '../../../quota/limits/quota-status';
import { type PoolState, stopping } from '../../../quota/pools/pool';
import type { Standstill } from '../../../quota/pools/standstill';
import type { Settings } from '../../../settings';
import { type Batch, type BatchCounts, countItems, listBatches } from '../../../store/batches/batches';
import { type BatchPart, openParts } from '../../../store/batches/parts';
import { readQueue } from '../../../store/batches/queues';
import { type LimitStatus, listLimits } from '../../../store/permits/permits';
import { readStoppingPools } from '../../../store/pools/pools';
import type { TextApi } from '../../../vendors/capabilities/texts';
import { UsageError } from '../errors';
import { quotaOfBatch } from '../pools/quota';
import { countText, pluralText } from '../time-text';
import { textAccount } from './batch';

export interface BatchReport {
  readonly batch: Batch;
  readonly counts: BatchCounts;
  /** Null when nothing holds it: it works, or has ended. */
  readonly wait: Standstill | null;
}

/** A file that does not get on. */
export type StuckPart = Pick<BatchPart, 'id' | 'state' | 'vendorId' | 'note' | 'dueInMs' | 'failures'> & {
  /** Epoch ms since when. */
  readonly since: number;
};

/** How a batch's account stands: null for what is not known or not there. */
export interface Standing {
  /** The pool, or its organization's: whichever stands in the way. */
  readonly pool: Pick<PoolState, 'state' | 'until' | 'reason' | 'since'> | null;
  /** Of the limits that its calls are charged to, the one that waits longest at the vendor's word. */
  readonly blocked: Pick<LimitStatus, 'name' | 'blockedUntil' | 'blockedReason'> | null;
  /** Of those limits, the one without room for one more call for the longest time, and until when, epoch ms. */
  readonly usedUp:
    | (Pick<LimitStatus, 'name' | 'used' | 'limit' | 'source'> & { readonly until: number })
    | null;
  /** Of the files that do not get on, the one that has not for the longest time. */
  readonly part: StuckPart | null;
  /** The vendor's queue of files, while it takes none. */
  readonly queue: { readonly reason: string; readonly until: number } | null;
}

export const NOTHING_KNOWN: Standing = { pool: null, blocked: null, usedUp: null, part: null, queue: null };

export async function readStanding(
  db: Pool,
  account: Account,
  { operation, attributes }: Pick<TextApi, 'operation' | 'attributes'>,
  batch: Pick<Batch, 'id' | 'via' | 'model'>,
): Promise<Standing> {
  const { poolKey } = account;
  const [pools, stored, parts, queue] = await Promise.all([
    readStoppingPools(db, poolKey),
    listLimits(db, poolKey),
    openParts(db, batch.id),
    batch.via === 'batch-api' ? readQueue(db, { pool: poolKey, model: batch.model }) : null,
  ]);
  const now = Date.now();
  const keys = limitsOfCall(account, operation, attributes(batch.model)).map(({ key }) => key);
  const charged = stored.filter(({ key }) => keys.includes(key));
  const [blocked = null] = charged
    .filter(({ blockedUntil }) => blockedUntil !== null)
    .sort((a, b) => (b.blockedUntil ?? 0) - (a.blockedUntil ?? 0));
  const [usedUp = null] = charged
    .filter(({ mode, left }) => mode === 'enforce' && left < 1)
    .map((limit) => ({ ...limit, until: roomAt(limit, now) }))
    .filter(({ until }) => until - now >= WORTH_SAYING_MS)
    .sort((a, b) => b.until - a.until);
  const [part = null] = parts
    .filter(({ failures, note, state }) => failures > 0 || (state === 'created' && note !== ''))
    .sort((a, b) => b.unchangedMs - a.unchangedMs)
    .map((stuck) => ({ ...stuck, since: now - stuck.unchangedMs }));
  return {
    pool: stopping(pools, now)?.state ?? null,
    blocked,
    usedUp,
    part,
    queue: queue && queue.blockedMs > 0 ? { reason: queue.reason, until: now + queue.blockedMs } : null,
  };
}

/** Shorter waits are the pace of a limit, ms. */
const WORTH_SAYING_MS = 2000;

/** When a limit that is used up has room for one unit, epoch ms. */
function roomAt({ kind, left, periodMs, resetsAt }: LimitStatus, now: number): number {
  if (kind !== 'bucket') return resetsAt ?? now;
  const unitAt = now + (1 - left) * (periodMs ?? 0);
  return resetsAt === null ? unitAt : Math.min(unitAt, resetsAt);
}

/** Pure. @param quota of its account; null when nothing is known of it. @param now epoch ms. */
export function waitOf(
  batch: Pick<Batch, 'id' | 'account' | 'items' | 'state' | 'reason' | 'priority' | 'changedAt'>,
  counts: BatchCounts,
  { pool, blocked, usedUp, part, queue }: Standing,
  quota: Pick<QuotaStatus, 'shouldPause' | 'reason' | 'pausesUntil'> | null,
  now: number,
): Standstill | null {
  const what = `batch ${batch.id}`;
  if (counts.done + counts.failed >= batch.items) return null;
  if (batch.state === 'cancelled') return part === null ? null : stuckOf(part, now);
  if (batch.state === 'paused') {
    const frees = `npx sluice batch resume ${batch.id}`;
    return { what, why: batch.reason, since: batch.changedAt, until: null, frees };
  }
  const resume = `npx sluice pool resume ${batch.account}`;
  if (pool?.state === 'held' && pool.until === null) {
    return { what, why: `its pool is held: ${pool.reason}`, since: pool.since, until: null, frees: resume };
  }
  if (pool && pool.state !== 'closed' && pool.state !== 'half_open') {
    const why = `its pool is ${pool.state === 'open' ? 'stopped' : 'paused'}: ${pool.reason}`;
    return { what, why, since: pool.since, until: pool.until, frees: `nothing; to try now: ${resume}` };
  }
  if (part !== null) return stuckOf(part, now);
  if (counts.running > 0) return null;
  if (blocked !== null) {
    const why = `the vendor has asked calls of ${blocked.name} to wait: ${blocked.blockedReason}`;
    const frees = `nothing; to try now: npx sluice pool unblock ${batch.account}`;
    return { what, why, since: null, until: blocked.blockedUntil, frees };
  }
  if (quota?.shouldPause && batch.priority === 'background') {
    return {
      what,
      why: quota.reason,
      since: null,
      until: quota.pausesUntil,
      frees: 'nothing; to go on now: the same batch start with a higher --daily-limit or --quota-threshold',
    };
  }
  if (usedUp !== null) {
    const { name, used, limit, source } = usedUp;
    const by = source === 'header' ? "the vendor's answers" : source;
    const why = `${name} has ${countText(Math.floor(used))} of ${countText(Math.floor(limit))} used, by ${by}`;
    return { what, why, since: null, until: usedUp.until, frees: 'nothing; it goes on by itself' };
  }
  if (queue !== null) {
    const why = `the vendor's queue of files takes none: ${queue.reason}`;
    return { what, why, since: null, until: queue.until, frees: 'nothing' };
  }
  if (counts.pending > 0 || counts.retry === 0) return null;
  const why = `${pluralText(counts.retry, 'item')} to be tried again`;
  return { what, why, since: null, until: counts.nextDueAt, frees: 'nothing' };
}

/** A file that does not get on: it is gone on with by itself, and an operator may end it. */
function stuckOf({ id, state, vendorId, note, dueInMs, since }: StuckPart, now: number): Standstill {
  const name = vendorId ?? `part ${id}`;
  return {
    what: `${name} (${state})`,
    why: note === '' ? 'its last call failed' : note,
    since,
    until: now + Math.max(0, dueInMs),
    frees: 'nothing; it is tried again by itself',
  };
}

/** Every batch, newest first. */
export async function readBatches(db: Pool, settings: Settings, now: number): Promise<BatchReport[]> {
  const all = await listBatches(db);
  return Promise.all(
    all.map(async (batch) => {
      const counts = await countItems(db, batch.id);
      return { batch, counts, wait: await readWait(db, settings, batch, counts, now) };
    }),
  );
}

async function readWait(
  db: Pool,
  settings: Settings,
  batch: Batch,
  counts: BatchCounts,
  now: number,
): Promise<Standstill | null> {
  if (counts.done + counts.failed >= batch.items) return null;
  try {
    const { account, api } = textAccount(settings, batch.kind, batch.account);
    const [standing, quota] = await Promise.all([
      readStanding(db, account, api, batch),
      quotaOfBatch(db, account, api, batch, now),
    ]);
    return waitOf(batch, counts, standing, quota, now);
  } catch (error) {
    // An account that the settings have lost says nothing, and must not hide the other batches.
    if (error instanceof UsageError) return waitOf(batch, counts, NOTHING_KNOWN, null, now);
    throw error;
  }
}
