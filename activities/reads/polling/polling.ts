/**
 * One step of polling: the plan is made from what the database holds, and its next call is made when it is due. Nothing is
 * remembered between steps but what the tables hold, so a restart repeats no call and forgets no failure.
 */
import type { Pool } from 'pg';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../quota/durations';
import { planPolling } from '../../../quota/polling/plan';
import type { PlannedCall, PollingItem, PollingPlan } from '../../../quota/polling/types';
import { isBlocked, stopping } from '../../../quota/pools/pool';
import type { Settings } from '../../../settings';
import { readStoppingPools } from '../../../store/pools/pools';
import { poolClosed } from '../../gateway/call-errors';
import { guarded } from '../../gateway/guarded';
import { NothingToServe, ReadInputError, type Unavailable } from '../types';
import type { VehicleReads } from '../vehicle-reads';
import {
  findPolledAccount,
  itemKey,
  type PolledAccount,
  type PollingOutlook,
  pollingOutlook,
  VEHICLE_LIST,
} from './input';

export interface PollInput {
  readonly account: string;
  /** By vehicle and read: not before then, epoch ms. */
  readonly heldBack: Readonly<Record<string, number>>;
}

export interface PollStep {
  /** The read that was called; null when nothing was due. */
  readonly asked: {
    readonly vehicleId: string;
    readonly read: string;
    readonly outcome: 'answered' | 'failed' | 'hindered';
    /** Why it was not answered; empty when it was. */
    readonly reason: string;
  } | null;
  /** Reads that are not to be called before a time. */
  readonly heldBack: Readonly<Record<string, number>>;
  /** The next call; null when nothing is to be polled. */
  readonly next: PlannedCall | null;
  /** Until when a limit leaves nothing to polling, epoch ms, and why; null when it does. */
  readonly stopped: { readonly until: number; readonly reason: string } | null;
  readonly quota: PollingOutlook['quota'];
  /** Calls that the plan still has in the window that runs. */
  readonly left: number;
}

export interface PollingDeps {
  readonly db: Pool;
  readonly settings: Settings;
  readonly reads: VehicleReads;
}

export type PollingActivities = ReturnType<typeof createPollingActivities>;

/** A call that is due within this is made now, ms. */
const SOON_MS = SECOND_MS;
/** An answer younger than this is not read again, ms. */
const JUST_NOW_MS = MINUTE_MS;
/** For a read that cannot be called, for a reason that names no time. */
const LATER_MS = HOUR_MS / 2;
const MUCH_LATER_MS = 12 * HOUR_MS;

export function createPollingActivities(deps: PollingDeps) {
  return { pollDue: guarded((input: PollInput) => pollDue(deps, input)) };
}

async function pollDue(deps: PollingDeps, { account: name, heldBack }: PollInput): Promise<PollStep> {
  const account = findPolledAccount(deps.settings, name);
  const before = await outlookOf(deps, account, heldBack);
  const { now } = before.outlook.input;
  const due = before.next;
  if (due === null || due.at > now + SOON_MS) return stepOf(before, null, heldBack, null);
  await passPool(deps.db, account);
  const { asked, until, stopsAll } = await ask(deps, account, due);
  const key = itemKey(due);
  const held =
    asked.outcome === 'answered'
      ? without(heldBack, key)
      : { ...heldBack, [key]: until ?? now + (asked.outcome === 'failed' ? MUCH_LATER_MS : LATER_MS) };
  const after = await outlookOf(deps, account, stopsAll ? heldBack : held);
  if (stopsAll) await passPool(deps.db, account);
  const stopped = stopsAll ? { until: until ?? now + LATER_MS, reason: asked.reason } : null;
  return stepOf(after, asked, stopsAll ? heldBack : held, stopped);
}

interface Outlook {
  readonly outlook: PollingOutlook;
  readonly plan: PollingPlan;
  readonly next: PlannedCall | null;
}

async function outlookOf(
  { db }: PollingDeps,
  account: PolledAccount,
  heldBack: PollInput['heldBack'],
): Promise<Outlook> {
  const outlook = await pollingOutlook(db, account, { heldBack });
  const plan = planPolling(outlook.input);
  // What has to be there before a read, the read itself sees to: it begins when that is due.
  const keys = new Set(outlook.input.items.map(itemKey));
  const [first] = plan.calls;
  const call = plan.calls.find((one) => keys.has(itemKey(one)));
  return { outlook, plan, next: call && first ? { ...call, at: first.at } : null };
}

function stepOf(
  { outlook, plan, next }: Outlook,
  asked: PollStep['asked'],
  heldBack: PollInput['heldBack'],
  stopped: PollStep['stopped'],
): PollStep {
  const { quota } = outlook;
  return { asked, heldBack: { ...heldBack }, next, stopped, quota, left: plan.windows[0]?.planned ?? 0 };
}

/** @throws PoolClosed while nothing can be called, for the gate that waits for the pool. */
async function passPool(db: Pool, { poolKey }: PolledAccount): Promise<void> {
  const now = Date.now();
  const found = stopping(await readStoppingPools(db, poolKey), now);
  if (found === null || !isBlocked(found.state, now)) return;
  throw poolClosed(found.key, found.state);
}

interface Asked {
  readonly asked: NonNullable<PollStep['asked']>;
  readonly until: number | null;
  /** No other call could have been made either. */
  readonly stopsAll: boolean;
}

async function ask(
  { reads }: PollingDeps,
  account: PolledAccount,
  { vehicleId, read }: Pick<PollingItem, 'vehicleId' | 'read'>,
): Promise<Asked> {
  const asking = {
    maxAgeMs: JUST_NOW_MS,
    priority: 'scheduled',
    source: 'polling',
    caller: 'polling',
    waitMs: 0,
  } as const;
  try {
    const params = account.polling.wishes.find((wish) => wish.read === read)?.params?.(Date.now()) ?? {};
    const { stale } =
      vehicleId === '' && read === VEHICLE_LIST
        ? await reads.vehicles(account.name, asking)
        : await reads.read({ account: account.name, vehicleId, read, params, ...asking });
    return askedOf(vehicleId, read, stale);
  } catch (error) {
    if (error instanceof NothingToServe) return askedOf(vehicleId, read, error.why);
    if (!(error instanceof ReadInputError)) throw error;
    const asked = { vehicleId, read, outcome: 'failed' as const, reason: error.message };
    return { asked, until: null, stopsAll: false };
  }
}

function askedOf(vehicleId: string, read: string, why: Unavailable | null): Asked {
  if (why === null) {
    return { asked: { vehicleId, read, outcome: 'answered', reason: '' }, until: null, stopsAll: false };
  }
  const { cause, reason, until } = why;
  const outcome = cause === 'failed' || cause === 'refused' ? 'failed' : 'hindered';
  const stopsAll = cause === 'quota' || cause === 'pool' || cause === 'limit';
  return { asked: { vehicleId, read, outcome, reason }, until, stopsAll };
}

function without(held: PollInput['heldBack'], key: string): PollInput['heldBack'] {
  return Object.fromEntries(Object.entries(held).filter(([one]) => one !== key));
}
