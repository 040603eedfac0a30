/**
 * What permits for other programs need in this process: one gate, so that those who ask together share a round trip, and
 * one gateway, which judges outcomes as it judges answers to our own calls. Made once for each pool of connections: a
 * process that goes on running keeps it.
 */
import type { Pool } from 'pg';
import pino, { type Logger } from 'pino';
import { PermitGate } from '../../../activities/gateway/permits/gate';
import { type Leave, VendorGateway } from '../../../activities/gateway/vendor-call';
import { MINUTE_MS } from '../../../quota/durations';
import type { PoolEvent, PoolState } from '../../../quota/pools/pool';
import type { Settings } from '../../../settings';
import type { CallableAccount } from '../../../settings/accounts/accounts';
import { CallCounter } from '../../../store/permits/call-counts';
import { sweepOutsidePermits } from '../../../store/permits/outside-permits';
import { releaseProbe } from '../../../store/pools/pools';
import { signalPool } from '../../../workers/pool-signals';
import type { Backend } from '../backend';

/** Permits whose outcome this process may be told first-hand; a few more than are under way at once. */
const REMEMBERED = 20_000;

export class PermitDesk {
  readonly gateway: VendorGateway;
  private readonly counter: CallCounter;
  /** Leaves given here, by the permit's id: how long their calls take tells of late arrivals. */
  private readonly given = new Map<string, Leave>();

  constructor(
    private readonly db: Pool,
    private readonly backend: Pick<Backend, 'settings' | 'temporal'>,
    private readonly log: Logger = pino({ level: 'silent' }),
  ) {
    const { settings } = backend;
    this.counter = new CallCounter(db);
    this.gateway = new VendorGateway({
      db,
      gate: new PermitGate(db, { leadMs: settings.permits.leadMs }),
      counter: this.counter,
      generations: null,
      log,
      rateAlerts: {
        refusals: settings.alerts.rateRefusals,
        windowMs: settings.alerts.rateWindowMinutes * MINUTE_MS,
      },
      notifyPool: (account, cause, state) => this.notify(account, cause, state),
    });
  }

  remember(id: string, leave: Leave): void {
    if (this.given.size >= REMEMBERED) this.given.delete(this.given.keys().next().value ?? '');
    this.given.set(id, leave);
  }

  /** Null for one that another process has given. */
  take(id: string): Leave | null {
    const leave = this.given.get(id) ?? null;
    this.given.delete(id);
    return leave;
  }

  /** The workflow sleeps and wakes for the pool; the block itself stands in Postgres before this. */
  private async notify(account: CallableAccount, cause: PoolEvent['type'], state: PoolState): Promise<void> {
    const { settings, temporal } = this.backend;
    const name = cause === 'success' || cause === 'failure' ? cause : 'quotaHit';
    const signal = cause === 'pause' ? { name: 'reconcile' as const } : ({ name, state } as const);
    temporal((client) =>
      signalPool(client, settings.temporal.taskQueue, account.poolKey, account.pool, signal),
    ).catch((error: unknown) =>
      this.log.warn(
        { pool: account.poolKey, error: String(error) },
        'the pool workflow could not be signalled',
      ),
    );
  }

  /** Writes what is counted. */
  flush(): Promise<void> {
    return this.counter.flush();
  }

  async sweep(): Promise<number> {
    const unreported = await sweepOutsidePermits(this.db);
    for (const { pool, probes } of unreported) {
      if (pool === null) continue;
      for (const { epoch, organizationEpoch } of probes) {
        await releaseProbe(this.db, pool, epoch, organizationEpoch);
      }
    }
    return unreported.reduce((sum, { data }) => sum + data.permits, 0);
  }
}

const desks = new WeakMap<Pool, { readonly settings: Settings; readonly desk: PermitDesk }>();

/** Runs `work` with this process's desk. @throws what `work` and the database throw. */
export function atDesk<T>(backend: Backend, work: (desk: PermitDesk) => Promise<T>): Promise<T> {
  return backend.database(async (db) => {
    const kept = desks.get(db);
    if (kept?.settings === backend.settings) return work(kept.desk);
    const desk = new PermitDesk(db, backend);
    desks.set(db, { settings: backend.settings, desk });
    // These connections may be for this one piece of work.
    return work(desk).finally(() => desk.flush().catch(() => undefined));
  }, 'permits');
}

/** Reports permits whose outcome has not come in their time. @returns how many. */
export function sweepPermits(backend: Backend): Promise<number> {
  return atDesk(backend, (desk) => desk.sweep());
}
