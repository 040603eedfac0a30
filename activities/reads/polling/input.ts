/** What a polling plan is made from, as settings and database have it now. Calls no vendor. */
import type { Pool } from 'pg';
import { nextBoundary } from '../../../quota/calendar';
import { DAY_MS } from '../../../quota/durations';
import { type LimitTemplate, limitKey, usableCapacity, usableShare } from '../../../quota/limits/limit';
import type { PollingBudget, PollingInput, PollingItem } from '../../../quota/polling/types';
import type { Settings } from '../../../settings';
import { findVehicleAccount, type VehicleAccount } from '../../../settings/accounts/vehicles';
import {
  type LimitSpending,
  latestValues,
  limitSpending,
  type ReadAge,
  readAges,
} from '../../../store/reads/polling';
import { storedVehicles } from '../../../store/reads/vehicles';
import type { PollingApi } from '../../../vendors/capabilities/polling';
import { hasResource } from '../resources';

/** The list of vehicles as an item of the plan. */
export const VEHICLE_LIST = 'vehicles';

/** A list changes when a vehicle is bought or sold: polling spends no more on it than this, however fresh people want it. */
const LIST_MS = DAY_MS;

export interface PolledAccount extends VehicleAccount {
  readonly polling: PollingApi;
}

/** @throws RangeError when the account is unknown, or its vendor has nothing to poll. */
export function findPolledAccount(settings: Settings, name: string): PolledAccount {
  const account = findVehicleAccount(settings, name);
  const { polling } = account.parts;
  if (polling) return { ...account, polling };
  throw new RangeError(`account "${name}" is of ${account.vendor.id}, where nothing is polled by a plan`);
}

export interface PollingOutlook {
  readonly input: PollingInput;
  /** What the limit holds in all, and what of it is spent, whoever spent it. */
  readonly quota: { readonly capacity: number; readonly used: number; readonly reserve: number };
  /** Vehicles are not known yet: the plan is as for these. */
  readonly assumed: readonly string[];
}

export interface PollingTerms {
  /** By vehicle and read: not before then, epoch ms. */
  readonly heldBack?: Readonly<Record<string, number>>;
  /** Plans as if the account had so many vehicles, where none is known. */
  readonly assumedVehicles?: number;
}

export function itemKey({ vehicleId, read }: Pick<PollingItem, 'vehicleId' | 'read'>): string {
  return `${vehicleId} ${read}`;
}

export async function pollingOutlook(
  db: Pool,
  account: PolledAccount,
  { heldBack = {}, assumedVehicles = 0 }: PollingTerms = {},
): Promise<PollingOutlook> {
  const { polling, vehicles: api } = account;
  const template = templateOf(account);
  const attributes = { ...account.attributes, vendor: account.vendor.id, account: account.name };
  const [spending, ages, values, stored] = await Promise.all([
    limitSpending(db, limitKey(account.vendor.id, template, attributes)),
    readAges(db, account.name),
    latestValues(db, account.name, polling.stateRead),
    storedVehicles(db, [account.name]),
  ]);
  const ageOf = new Map(ages.map((age) => [itemKey(age), age]));
  const readable = stored.filter((one) => one.readable).map(({ vehicleId }) => vehicleId);
  const known = ageOf.get(itemKey({ vehicleId: '', read: VEHICLE_LIST }))?.answeredAt ?? null;
  const wanted = polling.vehicles ?? readable;
  const listed = known === null ? wanted : wanted.filter((vehicleId) => readable.includes(vehicleId));
  const assumed =
    known === null && listed.length === 0
      ? Array.from({ length: assumedVehicles }, (_, i) => `vehicle ${i + 1}`)
      : [];
  const polled = [...listed, ...assumed];
  // What another vehicle's answer has cost is a better guess than none.
  const pagesOf = (read: string): number | null =>
    ages.reduce<number | null>((most, age) => (age.read === read ? moreOf(most, age.pages) : most), null);
  const item = (
    vehicleId: string,
    read: string,
    freshMs: PollingItem['freshMs'],
    estimate = 1,
  ): PollingItem => {
    const key = itemKey({ vehicleId, read });
    const age: ReadAge | undefined = ageOf.get(key);
    return {
      vehicleId,
      read,
      freshMs,
      calls: age?.pages ?? pagesOf(read) ?? estimate,
      answeredAt: age?.answeredAt ?? null,
      failures: age?.failures ?? 0,
      failedAt: age?.failedAt ?? null,
      notBefore: moreOf(age?.retryAt ?? null, heldBack[key] ?? null),
    };
  };
  const listStaleMs = Math.max(api.listStaleMs, LIST_MS);
  const list = item('', VEHICLE_LIST, { active: listStaleMs, plugged: listStaleMs, idle: listStaleMs });
  const reads = polling.wishes.flatMap(({ read, freshMs, calls }) =>
    polled.map((vehicleId) => item(vehicleId, read, freshMs, calls)),
  );
  const needed = polling.wishes.some(
    ({ read }) => api.reads.find(({ name }) => name === read)?.needsResource,
  );
  const { resource } = api;
  const setup =
    needed && resource && polled.length > 0 && !(await hasResource(db, account, resource))
      ? [resource.operations.list, resource.operations.create]
      : [];
  return {
    input: {
      now: spending.now,
      items: [list, ...reads],
      vehicles: polled.map((vehicleId) => ({ vehicleId, ...polling.state(values.get(vehicleId) ?? {}) })),
      budget: budgetOf(template, spending),
      night: polling.night,
      activeMs: polling.activeMs,
      setup,
    },
    quota: quotaOf(template, spending),
    assumed,
  };
}

function templateOf(account: PolledAccount): LimitTemplate {
  const { limit } = account.polling;
  const template = account.limits.find(({ name }) => name === limit);
  if (template) return template;
  throw new RangeError(`account "${account.name}" has no limit ${limit}, which its polling is planned under`);
}

function budgetOf(template: LimitTemplate, { now, limit }: LimitSpending): PollingBudget {
  const { window } = template;
  const count = sharedCount(template, limit);
  if (window.kind === 'rolling') {
    return { kind: 'rolling', count, ms: window.ms, spent: limit?.spent ?? [] };
  }
  const { per, zone } = window.kind === 'calendar' ? window : { per: 'day' as const, zone: 'UTC' };
  const until = limit?.resetsAt ?? nextBoundary(now, per, zone);
  return { kind: 'calendar', count, left: Math.max(0, count - (limit?.used ?? 0)), until };
}

/** Units that scheduled work may use. */
function sharedCount(template: LimitTemplate, limit: LimitSpending['limit']): number {
  const { window } = template;
  const capacity = limit?.capacity ?? ('count' in window ? window.count : 1);
  const share = limit?.share ?? usableShare(template, 'scheduled');
  return Math.floor(usableCapacity(capacity, share) + 1e-6);
}

function quotaOf(template: LimitTemplate, { limit }: LimitSpending): PollingOutlook['quota'] {
  const { window } = template;
  const capacity = limit?.capacity ?? ('count' in window ? window.count : 1);
  return { capacity, used: limit?.used ?? 0, reserve: capacity - sharedCount(template, limit) };
}

function moreOf(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}
