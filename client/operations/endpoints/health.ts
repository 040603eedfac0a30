/** Overall health and figures in the form that clients of the earlier services know: `GET /health`, `GET /metrics`. */

import type { Pool } from 'pg';
import { z } from 'zod';
import { isBlocked } from '../../../quota/pools/pool';
import type { PoolStateName } from '../../../quota/pools/state';
import { findAccount } from '../../../settings/accounts/accounts';
import { mainAccount } from '../../../settings/accounts/main-account';
import { readClock } from '../../../store/clock';
import { readDeployment } from '../../../store/deployment';
import { readWorkerSeenAt, SILENCE_MS } from '../../../store/explain/worker-presence';
import { type CallTotals, readCallTotals } from '../../../store/permits/call-counts';
import { readStoppingPools } from '../../../store/pools/pools';
import type { Backend } from '../backend/backend';
import { asField } from '../errors';
import { operation } from '../operation';
import { isoOrNull } from '../time-text';

interface AccountHealth {
  readonly account: string;
  readonly state: PoolStateName;
  /** Epoch ms. */
  readonly until: number | null;
  readonly reason: string;
}

export interface Health {
  readonly accounts: readonly AccountHealth[];
  /** The account of these endpoints (settings/accounts/main-account.ts); null where none of several is named. */
  readonly main: AccountHealth | null;
  /** What quota and breaker speak of: the main account; without one, the one that is stopped for longest. */
  readonly shown: AccountHealth | null;
  /** What its vendor sees; null where that does not count by it. */
  readonly userAgent: string | null;
  /** Whether one takes work now, to about a minute, and when one did last; null where none was ever there. */
  readonly worker: { readonly running: boolean; readonly seenAt: number } | null;
}

/** The breaker in the terms of the earlier services. */
const BREAKER: Readonly<Record<PoolStateName, string>> = {
  closed: 'CLOSED',
  open: 'OPEN',
  half_open: 'HALF_OPEN',
  quota_paused: 'QUOTA_PAUSED',
  held: 'HELD',
};

export const readHealth = operation({
  about: 'overall health, with the quota, the breaker and the name that the vendor counts calls by',
  input: z.strictObject({}),
  json: ({ accounts, shown, userAgent, worker }: Health) => ({
    status:
      accounts.every(({ state }) => state === 'closed') && worker?.running !== false ? 'healthy' : 'degraded',
    quota_status: quotaStatus(shown?.state === 'quota_paused' ? shown : null),
    worker: worker && { running: worker.running, last_seen: isoOrNull(worker.seenAt) },
    user_agent_info: { user_agent: userAgent },
    circuit_breaker_state: BREAKER[shown?.state ?? 'closed'],
    accounts: accounts.map(({ account, state, until, reason }) => ({
      ...{ account, circuit_breaker_state: BREAKER[state], until: isoOrNull(until), reason },
    })),
  }),
  run: (backend): Promise<Health> => backend.database((db) => readAll(db, backend)),
});

/** Of the quota alone: what else may stop an account is in `circuit_breaker_state` and the list of accounts. */
function quotaStatus(paused: AccountHealth | null) {
  const until = paused?.until ?? null;
  return {
    paused: paused !== null,
    until: isoOrNull(until),
    retry_after: until === null ? null : Math.max(0, Math.ceil((until - Date.now()) / 1000)),
    reason: paused?.reason ?? '',
  };
}

async function readAll(db: Pool, { settings }: Backend): Promise<Health> {
  const accounts: AccountHealth[] = [];
  for (const name of Object.keys(settings.accounts)) {
    const now = Date.now();
    const pools = await readStoppingPools(db, findAccount(settings, name).poolKey);
    const state =
      pools.find((pool) => isBlocked(pool.state, now))?.state ??
      pools.find((pool) => pool.state.state !== 'closed')?.state;
    accounts.push({
      account: name,
      state: state?.state ?? 'closed',
      until: state?.until ?? null,
      reason: state?.reason ?? '',
    });
  }
  const name = mainAccount(settings);
  const main = accounts.find(({ account }) => account === name) ?? null;
  const shown = main ?? longestStopped(accounts);
  const identities = (main === null ? accounts : [main]).flatMap(({ account }) => {
    const { identity } = asField('account', () => findAccount(settings, account));
    return identity === undefined ? [] : [identity];
  });
  const deployment = identities.length === 0 ? null : await readDeployment(db);
  const agents = new Set(deployment === null ? [] : identities.map((one) => one.name(deployment)));
  const [agent = null] = agents;
  const seenAt = await readWorkerSeenAt(db);
  return {
    ...{ accounts, main, shown },
    worker: seenAt === null ? null : { running: (await readClock(db)) - seenAt < SILENCE_MS, seenAt },
    // Of several none is the one.
    userAgent: agents.size === 1 ? agent : null,
  };
}

/** Nobody who looks at one account shall miss that another one stands. */
function longestStopped(accounts: readonly AccountHealth[]): AccountHealth | null {
  const stopped = accounts.filter(({ state }) => state !== 'closed');
  const end = ({ until }: AccountHealth) => until ?? Number.POSITIVE_INFINITY;
  return stopped.reduce<AccountHealth | null>(
    (most, one) => (most === null || end(one) > end(most) ? one : most),
    null,
  );
}

export interface Metrics {
  readonly health: Health;
  readonly calls: readonly CallTotals[];
}

const RETRIED: ReadonlySet<string> = new Set(['quota', 'rate']);

export const readMetrics = operation({
  about: 'figures of calls and pools, as JSON or as Prometheus reads them',
  input: z.strictObject({ format: z.enum(['json', 'prometheus']).optional() }),
  json: ({ health, calls }: Metrics) => {
    const { main } = health;
    return {
      quota_retry_count: sumOf(calls.filter(({ verdict }) => RETRIED.has(verdict))),
      calls_total: sumOf(calls),
      calls: calls.map(({ pool, verdict, calls: count }) => ({ pool, verdict, calls: count })),
      ...readHealth.json(health),
      main_account: main?.account ?? null,
    };
  },
  run: (backend): Promise<Metrics> =>
    backend.database(async (db) => ({
      health: await readAll(db, backend),
      calls: await readCallTotals(db),
    })),
});

function sumOf(calls: readonly CallTotals[]): number {
  return calls.reduce((sum, { calls: count }) => sum + count, 0);
}

/** Prometheus's text format, version 0.0.4. */
export function prometheusText({ health, calls }: Metrics): string {
  const label = (text: string) => text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
  const lines = [
    '# HELP sluice_quota_retry_count Calls that were refused for want of quota or as too fast, as far as calls are kept.',
    '# TYPE sluice_quota_retry_count gauge',
    `sluice_quota_retry_count ${sumOf(calls.filter(({ verdict }) => RETRIED.has(verdict)))}`,
    '# HELP sluice_calls Calls by pool and verdict, as far as they are kept.',
    '# TYPE sluice_calls gauge',
    ...calls.map(
      ({ pool, verdict, calls: count }) =>
        `sluice_calls{pool="${label(pool)}",verdict="${label(verdict)}"} ${count}`,
    ),
    '# HELP sluice_account_stopped 1 while an account lets no call through.',
    '# TYPE sluice_account_stopped gauge',
    ...health.accounts.map(
      ({ account, state }) =>
        `sluice_account_stopped{account="${label(account)}"} ${state === 'closed' || state === 'half_open' ? 0 : 1}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}
