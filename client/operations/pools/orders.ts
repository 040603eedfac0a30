/** Operators' commands to pools: pause, resume, and ending a wait that a vendor has asked for. */
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { kindName } from '../../../quota/pools/narrow-refusal';
import { CLOSED_POOL, pauseReason, stopping } from '../../../quota/pools/pool';
import type { PoolEvent, PoolOrganization, PoolState } from '../../../quota/pools/state';
import type { Settings } from '../../../settings';
import { findAccount } from '../../../settings/accounts/accounts';
import { hurryRefusedItems, type Unblocked, unblockLimits } from '../../../store/permits/limit-blocks';
import { type ResetOutcome, resetLimits } from '../../../store/permits/limit-resets';
import { type LimitStatus, listLimits } from '../../../store/permits/permits';
import {
  applyPoolEvent,
  organizationOfPool,
  poolsOf,
  readStoppingPools,
  registerPool,
} from '../../../store/pools/pools';
import { wakeWork } from '../../../temporal/wake-work';
import { pauseSignal, poolWorkflowId, resumeSignal } from '../../../workflows/messages';
import type { quotaPool } from '../../../workflows/pools/quota-pool';
import type { Backend } from '../backend/backend';
import { failed, invalid, messageOf } from '../errors';
import { noteOrder } from '../explain/orders';
import type { PoolChoice } from '../settings/choose';

export type PoolOrder =
  | { readonly type: 'pause'; readonly reason: string; readonly until: number | null }
  | { readonly type: 'resume' };

export interface OrderOutcome {
  readonly pool: string;
  /** Null when the database could not be reached. */
  readonly before: PoolState | null;
  readonly state: PoolState | null;
  /** Of an organization: the pools that it stops. */
  readonly pools: readonly string[];
  /** Kinds of calls that were stopped for themselves, and may be tried again. */
  readonly freed: readonly string[];
}

export interface OrderReport {
  /** The pool that was named first; then its organization's, when that is resumed too. */
  readonly outcomes: readonly OrderOutcome[];
  /** Limits of the account that still wait, as the vendor stated. */
  readonly blocked: readonly LimitStatus[];
  /** What could not be notified, and why; the order holds all the same. */
  readonly unreached: readonly string[];
  /** An organization that the settings at hand do not name, and which stops the account all the same; else null. */
  readonly stoppedBy: string | null;
}

export interface Target extends PoolOrganization {
  /** Of an account: what its row names; undefined for an organization itself. */
  readonly organization?: PoolOrganization | null;
}

/**
 * Pauses or resumes a pool in Postgres, which stops or frees every caller at its next permit, and signals the pool's
 * workflow, which wakes those who wait. Each does without the other. Whoever resumes an account resumes its
 * organization as well: else no call of the account would go.
 * @throws OperationError when neither could be reached.
 */
export async function orderPool(
  backend: Backend,
  choice: PoolChoice,
  order: PoolOrder,
): Promise<OrderReport> {
  let targets = targetsOf(backend.settings, choice, order);
  const unreached: string[] = [];
  let outcomes: OrderOutcome[] = targets.map(({ key }) => ({
    pool: key,
    before: null,
    state: null,
    pools: [],
    freed: [],
  }));
  let blocked: readonly LimitStatus[] = [];
  let stoppedBy: string | null = null;
  try {
    await backend.database(async (db) => {
      stoppedBy = await otherOrganization(db, targets);
      // An organization that the account does not stand under, or not any more, is none of this order's business.
      if (stoppedBy !== null) targets = targets.slice(0, 1);
      const applied: OrderOutcome[] = [];
      for (const target of targets) applied.push(await applyOrder(db, target, order));
      outcomes = applied;
      for (const { pool } of applied) {
        const paused = order.type === 'pause' ? { reason: order.reason, until: order.until } : null;
        await noteOrder(backend, { subject: pool, pool, paused });
      }
      if (choice.kind === 'account' && order.type === 'resume') {
        const key = findAccount(backend.settings, choice.account).poolKey;
        blocked = (await listLimits(db, key)).filter((limit) => limit.blockedUntil !== null);
      }
    });
  } catch (error) {
    unreached.push(`the database: ${messageOf(error)}`);
  }
  try {
    await backend.temporal(async (client) => {
      for (const [i, target] of targets.entries()) {
        // An organization that was not stopped needs no signal.
        if (i > 0 && outcomes[i]?.before?.state === 'closed') continue;
        await signalOrder(client, backend.settings, target, order);
      }
    });
  } catch (error) {
    unreached.push(`the pool's workflow: ${messageOf(error)}`);
  }
  if (unreached.length === 2) {
    throw failed(
      `${targets[0]?.key}: nothing was done.\n  ${unreached.join('\n  ')}`,
      'DATABASE_UNAVAILABLE',
    );
  }
  return { outcomes, blocked, unreached, stoppedBy };
}

function targetsOf(settings: Settings, choice: PoolChoice, order: PoolOrder): Target[] {
  if (choice.kind === 'organization') return [choice.organization];
  const { poolKey, pool, organization = null } = findAccount(settings, choice.account);
  const own = { key: poolKey, policy: pool, organization };
  return organization !== null && order.type === 'resume' ? [own, organization] : [own];
}

/**
 * The organization that stops the account, where it is another than these settings name: theirs are not the ones that
 * the workers go by, so that nothing of it is touched.
 * @returns its key; null when the settings are right, or nothing is known of the pool yet.
 */
async function otherOrganization(db: Pool, [own]: readonly Target[]): Promise<string | null> {
  if (own?.organization === undefined) return null;
  const stands = await organizationOfPool(db, own.key);
  return stands === undefined || stands === null || stands === own.organization?.key ? null : stands;
}

export async function applyOrder(db: Pool, target: Target, order: PoolOrder): Promise<OrderOutcome> {
  const { key, policy, organization } = target;
  const event: Extract<PoolEvent, { type: 'pause' | 'resume' }> =
    order.type === 'pause'
      ? { type: 'pause', reason: pauseReason(order.reason), until: order.until }
      : { type: 'resume' };
  await registerPool(db, key, policy, organization, null);
  const { before, after, freed } = await applyPoolEvent(db, key, event);
  const pools = organization === undefined ? await poolsOf(db, key) : [];
  return { pool: key, before, state: after, pools, freed: freed.map(kindName) };
}

export async function signalOrder(
  client: Client,
  settings: Settings,
  { key, policy }: Target,
  order: PoolOrder,
): Promise<void> {
  const base = {
    workflowId: poolWorkflowId(key),
    taskQueue: settings.temporal.taskQueue,
    args: [{ key, policy }] as Parameters<typeof quotaPool>,
    staticSummary: `Quota pool ${key}`,
    staticDetails: 'Holds the quota of this account: pauses, probes and wakes. Signals: pause, resume.',
  };
  if (order.type === 'resume') {
    await client.workflow.signalWithStart('quotaPool', { ...base, signal: resumeSignal, signalArgs: [] });
    return;
  }
  const until = order.until === null ? null : new Date(order.until).toISOString();
  await client.workflow.signalWithStart('quotaPool', {
    ...base,
    signal: pauseSignal,
    signalArgs: [{ ...(order.reason === '' ? {} : { reason: order.reason }), until }],
  });
}

export interface UnblockReport {
  readonly pool: string;
  readonly ended: readonly Unblocked[];
  /** Items that were refused with that wait and are due now. */
  readonly items: number;
  /** The pool itself, which may let nothing through all the same. */
  readonly state: PoolState;
  /** Sleeping workflows could not be woken: they check again when the old wait is over. */
  readonly unreached: string | null;
}

/**
 * Ends the waits that a vendor has asked of an account's limits, before their time: an operator knows better.
 * @param names of limits; empty for all that wait.
 * @throws OperationError for a name that is no limit of the account's.
 */
export async function unblockPool(
  backend: Backend,
  name: string,
  order: { readonly names: readonly string[]; readonly reason: string },
): Promise<UnblockReport> {
  const { settings } = backend;
  const { poolKey } = findLimits(settings, name, order.names);
  const report = await backend.database(async (db) => {
    const names = order.names.length === 0 ? null : order.names;
    const ended = await unblockLimits(db, { pool: poolKey, names, by: backend.caller, reason: order.reason });
    const pools = new Set(ended.flatMap((limit) => limit.pools));
    const items = ended.length === 0 ? 0 : await hurryRefusedItems(db, accountsOf(settings, pools));
    const stands = await readStoppingPools(db, poolKey);
    const state = stopping(stands, Date.now())?.state ?? CLOSED_POOL;
    return { ended, items, pools, state };
  });
  const { pools, ...done } = report;
  return { pool: poolKey, ...done, unreached: await wakePools(backend, pools) };
}

/**
 * Has the work of these pools' accounts ask for its permits again at once: what it slept for is not so any more.
 * @returns why it could not be told; null when it was, or there is none.
 */
export async function wakePools(backend: Backend, pools: ReadonlySet<string>): Promise<string | null> {
  const { settings } = backend;
  if (pools.size === 0) return null;
  try {
    const freed = accountsOf(settings, pools);
    await backend.temporal((client) => wakeWork(client, settings.temporal.taskQueue, freed));
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

export interface ResetReport extends ResetOutcome {
  readonly pool: string;
  /** Its limits that still wait, as the vendor stated. */
  readonly blocked: readonly LimitStatus[];
  /** Sleeping workflows could not be woken: they check again when the old wait is over. */
  readonly unreached: string | null;
}

/** Puts back what lies in the future of the database's clock, of an account's limits and its pool. */
export async function resetPoolLimits(
  backend: Backend,
  name: string,
  order: { readonly names: readonly string[]; readonly reason: string },
): Promise<ResetReport> {
  const { settings } = backend;
  const { poolKey } = findLimits(settings, name, order.names);
  const names = order.names.length === 0 ? null : order.names;
  const { outcome, blocked } = await backend.database(async (db) => ({
    outcome: await resetLimits(db, { pool: poolKey, names, by: backend.caller, reason: order.reason }),
    blocked: (await listLimits(db, poolKey)).filter((limit) => limit.blockedUntil !== null),
  }));
  const pools = new Set([...outcome.limits.flatMap((limit) => limit.pools), ...outcome.pools]);
  return { pool: poolKey, ...outcome, blocked, unreached: await wakePools(backend, pools) };
}

/** The account. @throws OperationError for a name that is no limit of it. */
function findLimits(settings: Settings, name: string, names: readonly string[]) {
  const account = findAccount(settings, name);
  const known = account.limits.map((limit) => limit.name);
  for (const wanted of names) {
    if (known.includes(wanted)) continue;
    throw invalid(
      'limits',
      `"${wanted}" is no limit of ${account.poolKey} (limits: ${known.join(', ')})`,
      'UNKNOWN_NAME',
    );
  }
  return account;
}

function accountsOf(settings: Settings, pools: ReadonlySet<string>): string[] {
  return Object.keys(settings.accounts).filter((name) => pools.has(findAccount(settings, name).poolKey));
}
