/** Pools as operators see and steer them: state, limits, who spent what; pause and resume. */
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { type Account, findAccount } from '../../activities/accounts';
import { fillScope, type LimitTemplate } from '../../quota/limit';
import { CLOSED_POOL, type PoolEvent, type PoolState } from '../../quota/pool';
import type { QuotaStatus } from '../../quota/quota-status';
import type { Settings } from '../../settings';
import { type CallCount, readCallCounts, readMinuteCounts } from '../../store/call-counts';
import { type LimitStatus, limitDefinition, listLimits } from '../../store/permits';
import { applyPoolEvent, readPool, registerPool } from '../../store/pools';
import { pauseSignal, poolWorkflowId, resumeSignal } from '../../workflows/messages';
import type { quotaPool } from '../../workflows/quota-pool';
import { type Context, withDatabase, withTemporal } from './context';
import { ClientError, messageOf } from './errors';
import { quotaOf } from './quota';
import { type Frequencies, frequencies, type Share, shares } from './spending';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export interface PoolReport {
  readonly pool: string;
  readonly account: string;
  readonly state: PoolState;
  readonly limits: readonly LimitStatus[];
  readonly quota: QuotaStatus;
  /** Of the last hour. */
  readonly calls: readonly CallCount[];
  /** Who spent what share. */
  readonly spending: { readonly hour: readonly Share[]; readonly day: readonly Share[] };
  readonly frequencies: Frequencies;
}

/** A pool that nothing has used yet is reported as its settings make it. */
export async function readPoolReport(
  db: Pool,
  settings: Settings,
  name: string,
  now: number,
): Promise<PoolReport> {
  const account = findAccount(settings, name);
  const [record, stored, calls, day] = await Promise.all([
    readPool(db, account.poolKey),
    listLimits(db, account.poolKey),
    readCallCounts(db, account.poolKey, now - HOUR_MS),
    readCallCounts(db, account.poolKey, now - DAY_MS),
  ]);
  const names = new Set(stored.map((limit) => limit.name));
  const unused = account.limits
    .filter((template) => !names.has(template.name))
    .map((template) => unusedLimit(account, template));
  const limits = [...stored, ...unused].sort((a, b) => (a.key < b.key ? -1 : 1));
  const counted = account.limits.map(({ name, operations }) => {
    const pools = limits.filter((limit) => limit.name === name).flatMap((limit) => limit.pools);
    return { name, operations, pools: [...new Set([account.poolKey, ...pools])] };
  });
  const sharing = [...new Set(counted.flatMap((limit) => limit.pools))];
  const minutes = await readMinuteCounts(db, sharing, now - HOUR_MS);
  return {
    pool: account.poolKey,
    account: name,
    state: record?.state ?? CLOSED_POOL,
    limits,
    // What holds for the whole account: one device's day says nothing of it.
    quota: quotaOf(
      account,
      limits.filter((limit) => isAccountWide(account, limit)),
    ),
    calls,
    spending: { hour: shares(calls), day: shares(day) },
    frequencies: frequencies(minutes, account.poolKey, counted, now),
  };
}

function unusedLimit(account: Account, template: LimitTemplate): LimitStatus {
  const { capacity, period_ms: period, kind } = limitDefinition(template);
  const periodMs = period === null || period === undefined ? null : Number(period);
  return {
    key: `${account.vendor.id}/${scopeOf(account, template) ?? template.scope}/${template.name}`,
    pools: [account.poolKey],
    name: template.name,
    unit: template.unit,
    kind: kind === 'bucket' || kind === 'rolling' || kind === 'calendar' ? kind : 'vendor',
    limit: Number(capacity),
    used: 0,
    left: Number(capacity),
    resetsAt: null,
    blockedUntil: null,
    source: template.source,
    mode: template.mode,
    ratePerSecond: kind === 'bucket' && periodMs !== null ? 1000 / periodMs : null,
    periodMs,
    grantedCalls: 0,
    grantedUnits: 0,
    shadowOver: 0,
  };
}

function isAccountWide(account: Account, limit: LimitStatus): boolean {
  return account.limits.some(
    (t) => t.name === limit.name && limit.key === `${account.vendor.id}/${scopeOf(account, t)}/${t.name}`,
  );
}

/** Null for a scope that needs more than the account: a call fills it. */
function scopeOf(account: Account, template: LimitTemplate): string | null {
  try {
    return fillScope(template.scope, {
      ...account.attributes,
      vendor: account.vendor.id,
      account: account.name,
    });
  } catch {
    return null;
  }
}

export type PoolOrder =
  | { readonly type: 'pause'; readonly reason: string; readonly until: number | null }
  | { readonly type: 'resume' };

export interface OrderOutcome {
  readonly pool: string;
  /** Null when the database could not be reached. */
  readonly state: PoolState | null;
  /** What could not be told, and why; the order holds all the same. */
  readonly unreached: readonly string[];
}

/**
 * Pauses or resumes a pool in Postgres, which stops or frees every caller at its next permit, and tells the pool's
 * workflow, which wakes those who wait. Each does without the other.
 * @throws ClientError when neither could be reached.
 */
export async function orderPool(context: Context, name: string, order: PoolOrder): Promise<OrderOutcome> {
  const account = findAccount(context.settings, name);
  const key = account.poolKey;
  const event: Extract<PoolEvent, { type: 'pause' | 'resume' }> =
    order.type === 'pause'
      ? { type: 'pause', reason: operatorReason(order.reason), until: order.until }
      : { type: 'resume' };
  const unreached: string[] = [];
  let state: PoolState | null = null;
  try {
    state = await withDatabase(context, async (db) => {
      await registerPool(db, key, account.pool);
      return (await applyPoolEvent(db, key, event)).after;
    });
  } catch (error) {
    unreached.push(`the database: ${messageOf(error)}`);
  }
  try {
    await withTemporal(context, (client) => signalOrder(client, context.settings, account, order));
  } catch (error) {
    unreached.push(`the pool's workflow: ${messageOf(error)}`);
  }
  if (unreached.length === 2) throw new ClientError(`${key}: nothing was done.\n  ${unreached.join('\n  ')}`);
  return { pool: key, state, unreached };
}

/** As the workflow words it, so that both sides write the same. */
function operatorReason(reason: string): string {
  return reason === '' ? 'paused by operator' : `paused by operator: ${reason}`;
}

async function signalOrder(
  client: Client,
  settings: Settings,
  account: Account,
  order: PoolOrder,
): Promise<void> {
  const base = {
    workflowId: poolWorkflowId(account.poolKey),
    taskQueue: settings.temporal.taskQueue,
    args: [{ key: account.poolKey, policy: account.pool }] as Parameters<typeof quotaPool>,
    staticSummary: `Quota pool ${account.poolKey}`,
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
