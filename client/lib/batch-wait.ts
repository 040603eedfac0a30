/** What a batch waits for: for how long, why, and what a person can do about it. */
import type { Pool } from 'pg';
import type { Account } from '../../activities/accounts';
import { charges } from '../../quota/limit';
import { type PoolState, stopping } from '../../quota/pool';
import type { QuotaStatus } from '../../quota/quota-status';
import type { Settings } from '../../settings';
import { type Batch, type BatchCounts, countItems, listBatches } from '../../store/batches';
import { type LimitStatus, listLimits } from '../../store/permits';
import { readPools } from '../../store/pools';
import type { TextApi } from '../../vendors/texts';
import { textAccount } from './batch';
import { UsageError } from './errors';
import { quotaOfBatch } from './quota';
import { pluralText } from './time-text';

export interface BatchWait {
  readonly why: string;
  /** Epoch ms at which it goes on by itself; null when it takes a person, or only the vendor knows. */
  readonly until: number | null;
  /** What would make it go on sooner, or at all. */
  readonly todo: string;
}

export interface BatchReport {
  readonly batch: Batch;
  readonly counts: BatchCounts;
  /** Null when nothing holds it: it works, or has ended. */
  readonly wait: BatchWait | null;
}

/** How a batch's account stands: null for what is not known or not there. */
export interface Standing {
  /** The pool, or its organization's: whichever stands in the way. */
  readonly pool: Pick<PoolState, 'state' | 'until' | 'reason'> | null;
  /** Of the limits that its calls are charged to, the one that waits longest at the vendor's word. */
  readonly blocked: Pick<LimitStatus, 'name' | 'blockedUntil' | 'blockedReason'> | null;
}

const UNKNOWN: Standing = { pool: null, blocked: null };

export async function readStanding(
  db: Pool,
  { poolKey, organization, limits }: Account,
  { operation }: Pick<TextApi, 'operation'>,
): Promise<Standing> {
  const [pools, stored] = await Promise.all([
    readPools(db, [poolKey, organization?.key ?? poolKey]),
    listLimits(db, poolKey),
  ]);
  const charged = limits.filter((template) => charges(template, operation)).map(({ name }) => name);
  const [blocked = null] = stored
    .filter(({ name, blockedUntil }) => blockedUntil !== null && charged.includes(name))
    .sort((a, b) => (b.blockedUntil ?? 0) - (a.blockedUntil ?? 0));
  return { pool: stopping(pools, Date.now())?.state ?? null, blocked };
}

/** Pure. @param quota of its account; null when nothing is known of it. */
export function waitOf(
  batch: Pick<Batch, 'id' | 'account' | 'items' | 'state' | 'reason' | 'priority'>,
  counts: BatchCounts,
  { pool, blocked }: Standing,
  quota: Pick<QuotaStatus, 'shouldPause' | 'reason' | 'pausesUntil'> | null,
): BatchWait | null {
  if (counts.done + counts.failed >= batch.items || batch.state === 'cancelled') return null;
  if (batch.state === 'paused') {
    return { why: batch.reason, until: null, todo: `npx sluice batch resume ${batch.id}` };
  }
  const resume = `npx sluice pool resume ${batch.account}`;
  if (pool?.state === 'held' && pool.until === null) {
    return { why: `its pool is held: ${pool.reason}`, until: null, todo: resume };
  }
  if (pool && pool.state !== 'closed' && pool.state !== 'half_open') {
    const why = `its pool is ${pool.state === 'open' ? 'stopped' : 'paused'}: ${pool.reason}`;
    return { why, until: pool.until, todo: `nothing; to try now: ${resume}` };
  }
  if (counts.running > 0) return null;
  if (blocked !== null) {
    const why = `the vendor has asked calls of ${blocked.name} to wait: ${blocked.blockedReason}`;
    const todo = `nothing; to try now: npx sluice pool unblock ${batch.account}`;
    return { why, until: blocked.blockedUntil, todo };
  }
  if (quota?.shouldPause && batch.priority === 'background') {
    return {
      why: quota.reason,
      until: quota.pausesUntil,
      todo: 'nothing; to go on now: the same batch start with a higher --daily-limit or --quota-threshold',
    };
  }
  if (counts.pending > 0 || counts.retry === 0) return null;
  const why = `${pluralText(counts.retry, 'item')} to be tried again`;
  return { why, until: counts.nextDueAt, todo: 'nothing' };
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
): Promise<BatchWait | null> {
  if (counts.done + counts.failed >= batch.items) return null;
  try {
    const { account, api } = textAccount(settings, batch.kind, batch.account);
    const [standing, quota] = await Promise.all([
      readStanding(db, account, api),
      quotaOfBatch(db, account, api, batch, now),
    ]);
    return waitOf(batch, counts, standing, quota);
  } catch (error) {
    // An account that the settings have lost says nothing, and must not hide the other batches.
    if (error instanceof UsageError) return waitOf(batch, counts, UNKNOWN, null);
    throw error;
  }
}
