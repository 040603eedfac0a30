/** What a batch waits for: since when, until when, why, and what an operator can do about it. */
import type { Pool } from 'pg';
import { freedBy } from '../../../quota/limits/limit-of-work';
import { limitWaitText, usedUpOf } from '../../../quota/limits/limit-wait';
import type { QuotaStatus } from '../../../quota/limits/quota-status';
import { stopping } from '../../../quota/pools/pool';
import { byItself, type Standstill } from '../../../quota/pools/standstill';
import type { PoolState } from '../../../quota/pools/state';
import type { Settings } from '../../../settings';
import { type Account, limitsOfCall } from '../../../settings/accounts/accounts';
import { type Batch, lastSign, listBatches } from '../../../store/batches/batches';
import { type BatchCounts, countItems } from '../../../store/batches/items';
import { type BatchPart, openParts } from '../../../store/batches/parts';
import { readQueue } from '../../../store/batches/queues';
import { type NotedWait, readWaitNote } from '../../../store/batches/waits';
import { type LimitStatus, listLimits } from '../../../store/permits/permits';
import { readStoppingPools } from '../../../store/pools/pools';
import type { TextApi } from '../../../vendors/capabilities/texts';
import { probeWait, usedUpStandstill } from '../datasets/work-wait';
import { OperationError } from '../errors';
import { hint } from '../hints';
import { quotaOfBatch } from '../pools/quota';
import { pluralText } from '../time-text';
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
  /** Of that pool: epoch ms until which the result of the one call is waited for that it has let go first. */
  readonly probeUntil: number | null;
  /** Of the limits that its calls are charged to, the one whose wait, stated by the vendor, is longest. */
  readonly blocked: Pick<
    LimitStatus,
    'name' | 'used' | 'limit' | 'source' | 'loweredRate' | 'blockedUntil' | 'blockedSince' | 'blockedReason'
  > | null;
  /** Of those limits, the one without room for one more call for the longest time, and until when, epoch ms. */
  readonly usedUp:
    | (Pick<LimitStatus, 'name' | 'used' | 'limit' | 'source' | 'loweredRate'> & { readonly until: number })
    | null;
  /** Of the files that do not get on, the one that has not for the longest time. */
  readonly part: StuckPart | null;
  /** The vendor's queue of files, while it takes none. */
  readonly queue: {
    readonly reason: string;
    readonly since: number | null;
    readonly until: number;
  } | null;
  /** What its last page has found to be in its way, and of a limit its row. */
  readonly noted:
    | (Pick<NotedWait, 'cause' | 'reason' | 'since' | 'until'> & {
        readonly limit?: Pick<LimitStatus, 'name' | 'source' | 'loweredRate'>;
      })
    | null;
  /** No worker takes work, and nothing has become of the batch since; null where one does, or nobody knows. */
  readonly workless: { readonly since: number } | null;
}

export const NOTHING_KNOWN: Standing = {
  pool: null,
  probeUntil: null,
  blocked: null,
  usedUp: null,
  part: null,
  queue: null,
  noted: null,
  workless: null,
};

export async function readStanding(
  db: Pool,
  account: Account,
  { operation, attributes }: Pick<TextApi, 'operation' | 'attributes'>,
  batch: Pick<Batch, 'id' | 'via' | 'model'>,
  hasWorker: boolean,
): Promise<Standing> {
  const { poolKey } = account;
  const [pools, stored, parts, queue, noted, sign] = await Promise.all([
    readStoppingPools(db, poolKey),
    listLimits(db, poolKey),
    openParts(db, batch.id),
    batch.via === 'batch-api' ? readQueue(db, { pool: poolKey, model: batch.model }) : null,
    readWaitNote(db, batch.id),
    hasWorker ? null : lastSign(db, batch.id),
  ]);
  const now = Date.now();
  const inTheWay = stopping(pools, now);
  const keys = limitsOfCall(account, operation, attributes(batch.model)).map(({ key }) => key);
  const charged = stored.filter(({ key }) => keys.includes(key));
  // Calls about files fall under limits of their own; which of them holds the batch, its page knows.
  const waitedFor = noted?.cause === 'limit' ? noted.subject : null;
  const [blocked = null] = (
    batch.via === 'batch-api' ? stored.filter(({ key }) => key === waitedFor) : charged
  )
    .filter(({ blockedUntil }) => blockedUntil !== null)
    // Of those that wait alike, one that holds calls and not only watches them.
    .sort((a, b) => (b.blockedUntil ?? 0) - (a.blockedUntil ?? 0) || isWatched(a) - isWatched(b));
  const usedUp = usedUpOf(charged, now);
  const [part = null] = parts
    .filter(({ failures, note, state }) => failures > 0 || (state === 'created' && note !== ''))
    .sort((a, b) => b.unchangedMs - a.unchangedMs)
    // Each try changes its state; what has been doubted since goes on.
    .map((stuck) => ({ ...stuck, since: now - Math.max(stuck.unchangedMs, stuck.doubtedMs) }));
  return {
    pool: inTheWay?.state ?? null,
    probeUntil: inTheWay?.probeUntil ?? null,
    blocked,
    usedUp,
    part,
    queue:
      queue && queue.blockedMs > 0
        ? { reason: queue.reason, since: queue.blockedSince, until: now + queue.blockedMs }
        : null,
    noted: noted && withLimit(noted, stored),
    workless: sign === null ? null : { since: sign },
  };
}

function withLimit(noted: NotedWait, limits: readonly LimitStatus[]): NonNullable<Standing['noted']> {
  const limit = noted.cause === 'limit' ? limits.find(({ key }) => key === noted.subject) : undefined;
  return limit === undefined ? noted : { ...noted, limit };
}

function isWatched({ mode }: LimitStatus): number {
  return mode === 'shadow' ? 1 : 0;
}

/** Pure. @param quota of its account; null when nothing is known of it. @param now epoch ms. */
export function waitOf(
  batch: Pick<Batch, 'id' | 'account' | 'items' | 'state' | 'reason' | 'priority' | 'changedAt'>,
  counts: BatchCounts,
  { pool, probeUntil, blocked, usedUp, part, queue, noted, workless }: Standing,
  quota: Pick<QuotaStatus, 'shouldPause' | 'reason' | 'pausesUntil'> | null,
  now: number,
): Standstill | null {
  const what = `batch ${batch.id}`;
  if (counts.done + counts.failed >= batch.items) return null;
  if (batch.state === 'cancelled') return part === null ? null : stuckOf(part, now);
  if (batch.state === 'paused') {
    const frees = hint('batch resume', String(batch.id));
    return { what, why: batch.reason, since: batch.changedAt, until: null, frees };
  }
  const resume = hint('pool resume', batch.account);
  if (pool?.state === 'held' && pool.until === null) {
    return { what, why: `its pool is held: ${pool.reason}`, since: pool.since, until: null, frees: resume };
  }
  if (pool && pool.state !== 'closed' && pool.state !== 'half_open') {
    const why = `its pool is ${POOL_WORDS[pool.state] ?? 'paused'}: ${pool.reason}`;
    return { what, why, since: pool.since, until: pool.until, frees: byItself(resume) };
  }
  if (workless !== null) {
    const frees = hint('start worker');
    return { what, why: 'no worker runs', since: workless.since, until: null, frees };
  }
  if (part !== null) {
    const stuck = stuckOf(part, now);
    // The limit may hold the file's next try for longer than the file itself waits.
    return blocked !== null && (blocked.blockedUntil ?? 0) > (stuck.until ?? 0)
      ? { ...blockedWait(what, batch.account, blocked), since: blocked.blockedSince ?? stuck.since }
      : stuck;
  }
  if (counts.running > 0) return null;
  if (pool?.state === 'half_open') {
    return probeWait(what, pool, { probeUntil, nextTryAt: noted?.until ?? null }, now);
  }
  if (blocked !== null) {
    const wait = blockedWait(what, batch.account, blocked);
    return { ...wait, since: wait.since ?? noted?.since ?? null };
  }
  const since = noted?.since ?? null;
  if (quota?.shouldPause && batch.priority === 'background') {
    const until = quota.pausesUntil ?? noted?.until ?? null;
    return { what, why: quota.reason, since, until, frees: byItself(HIGHER_TERMS) };
  }
  if (usedUp !== null) {
    return usedUpStandstill(what, batch.account, usedUp, since);
  }
  if (queue !== null) {
    const why = `the vendor's queue of files takes none: ${queue.reason}`;
    return { what, why, since: queue.since ?? since, until: queue.until, frees: byItself() };
  }
  // The page knows what its calls need, tokens for instance, and what these have met.
  if (noted !== null && noted.cause !== 'retry' && (noted.until === null || noted.until > now)) {
    const { limit } = noted;
    const frees =
      limit === undefined ? byItself() : freedBy(limit, hint('limit set', batch.account, limit.name));
    return { what, why: noted.reason, since, until: noted.until, frees };
  }
  if (counts.pending > 0 || counts.retry === 0) return null;
  const isNoted = noted?.cause === 'retry' && noted.until === counts.nextDueAt;
  const why = isNoted ? noted.reason : `${pluralText(counts.retry, 'item')} to be tried again`;
  return { what, why, since, until: counts.nextDueAt, frees: byItself() };
}

const POOL_WORDS: Readonly<Partial<Record<PoolState['state'], string>>> = {
  held: 'held',
  open: 'stopped after failures',
};

function blockedWait(what: string, account: string, blocked: NonNullable<Standing['blocked']>): Standstill {
  const { blockedSince: since, blockedUntil: until } = blocked;
  const frees = byItself(hint('pool unblock', account));
  return { what, why: limitWaitText(blocked), since, until, frees };
}

const HIGHER_TERMS = 'the same batch begun with a higher daily limit or quota threshold';

/** A file that does not get on: it is gone on with by itself, and an operator may end it. */
function stuckOf({ id, state, vendorId, note, dueInMs, since }: StuckPart, now: number): Standstill {
  const name = vendorId ?? `part ${id}`;
  return {
    what: `${name} (${state})`,
    why: note === '' ? 'its last call failed' : note,
    since,
    until: now + Math.max(0, dueInMs),
    frees: byItself(),
  };
}

/** Every batch, newest first. @param hasWorker whether one takes work; true as well where nobody knows. */
export async function readBatches(
  db: Pool,
  settings: Settings,
  now: number,
  hasWorker = true,
): Promise<BatchReport[]> {
  const all = await listBatches(db);
  return Promise.all(
    all.map(async (batch) => {
      const counts = await countItems(db, batch.id);
      return { batch, counts, wait: await readWait(db, settings, batch, counts, now, hasWorker) };
    }),
  );
}

async function readWait(
  db: Pool,
  settings: Settings,
  batch: Batch,
  counts: BatchCounts,
  now: number,
  hasWorker: boolean,
): Promise<Standstill | null> {
  if (counts.done + counts.failed >= batch.items) return null;
  try {
    const { account, api } = textAccount(settings, batch.kind, batch.account);
    const [standing, quota] = await Promise.all([
      readStanding(db, account, api, batch, hasWorker),
      quotaOfBatch(db, account, api, batch, now),
    ]);
    return waitOf(batch, counts, standing, quota, now);
  } catch (error) {
    // An account that the settings have lost says nothing, and must not hide the other batches.
    if (error instanceof OperationError) return waitOf(batch, counts, NOTHING_KNOWN, null, now);
    throw error;
  }
}
