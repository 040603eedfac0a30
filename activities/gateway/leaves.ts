/**
 * Decides whether a call may leave: its pool and limits are registered, nothing stops it, and its permit is taken.
 * Sends nothing.
 */
import { type Charge, defaultSlackMs, type LimitInstance, resolveLimits } from '../../quota/limits/limit';
import type { PoolState } from '../../quota/pools/state';
import type { CallableAccount } from '../../settings/accounts/accounts';
import { isUnregistered } from '../../store/permits/permit-errors';
import { type DeniedPermit, registerLimits } from '../../store/permits/permits';
import { holdLostPool, readPool, registerPool, releaseProbe } from '../../store/pools/pools';
import type { CallInfo } from '../../vendors/contract';
import { PermitWait, PoolClosed, poolClosed, Unsatisfiable } from './call-errors';
import { type CallTerms, chargesOf, describeCall, isGoverned } from './call-terms';
import type { HeldPermit, PermitGate, Preparation } from './permits/gate';
import { ReserveWatch } from './permits/reserve-watch';
import { WaitWatch } from './permits/wait-watch';
import type { ConsequenceDeps, Consequences } from './verdicts/consequences';
import { organizationOf } from './verdicts/organization';

export interface LeaveDeps extends ConsequenceDeps {
  readonly gate: PermitGate;
  /**
   * As which generation of the settings an account's pool and limits are registered, by its pool's key. Null for a
   * process that has no say in how they are; then only rows that are missing are made. Default: 0.
   */
  readonly generations?: ReadonlyMap<string, number> | null;
}

/** A permit that took longer than this is used only when its kind of call is still not stopped, ms. */
const RECHECK_AFTER_MS = 100;

export class CallLeaves {
  private readonly registered = new Map<string, Promise<void>>();
  private readonly reserves: ReserveWatch;
  private readonly waits: WaitWatch;

  constructor(
    private readonly deps: LeaveDeps,
    private readonly consequences: Consequences,
  ) {
    this.reserves = new ReserveWatch(deps);
    this.waits = new WaitWatch(deps);
  }

  /** The call, and the limits that it falls under, which have rows from now on. */
  async describe(
    call: CallTerms,
  ): Promise<{ readonly described: CallInfo; readonly limits: LimitInstance[] }> {
    const described = describeCall(call);
    const limits = resolveLimits(described.vendor, call.account.limits, call.operation, described.attributes);
    await this.register(call.account, limits);
    return { described, limits };
  }

  /** @throws PoolClosed, PermitWait, when something else than pool and limits stops calls of its kind. */
  async check(call: CallTerms): Promise<void> {
    if (!isGoverned(call) && !call.outsidePool) {
      const closed = await this.consequences.stops.whyClosed(call.account, { quota: true });
      if (closed) throw closed;
    }
    await this.consequences.checkKind(call);
  }

  /** @throws PoolClosed, PermitWait, Unsatisfiable. */
  async permit(
    call: CallTerms,
    limits: readonly LimitInstance[],
  ): Promise<{ permit: HeldPermit; charges: Charge[] }> {
    const charges = chargesOf(call, limits);
    const slackMs = limits.reduce(
      (least, l) => Math.min(least, l.template.slackMs ?? defaultSlackMs(l.template.window)),
      Number.POSITIVE_INFINITY,
    );
    const permit = await this.acquire(call, charges, slackMs);
    if (!permit.granted) throw await this.denied(call, limits, permit, charges);
    return { permit, charges };
  }

  /** Its answer said nothing about the pool: another call may be the probe. */
  releaseProbe(call: CallTerms, permit: HeldPermit): Promise<void> {
    return releaseProbe(this.deps.db, call.account.poolKey, permit.epoch, permit.organizationEpoch);
  }

  private async register(account: CallableAccount, limits: readonly LimitInstance[]): Promise<void> {
    // Keyed by definition too, so that a changed setting is registered without a restart.
    const { poolKey, organization = null } = account;
    const id = [poolKey, organization?.key ?? '', ...limits.map((l) => l.key)].join('|');
    let done = this.registered.get(id);
    if (!done) {
      const { db, generations } = this.deps;
      const generation = generations === null ? null : (generations?.get(poolKey) ?? 0);
      done = registerPool(db, poolKey, account.pool, organization, generation).then(() =>
        registerLimits(db, poolKey, limits, generation),
      );
      this.registered.set(id, done);
      done.catch(() => this.registered.delete(id));
    }
    await done;
  }

  private async acquire(call: CallTerms, charges: readonly Charge[], slackMs: number) {
    await this.consequences.written(call.account);
    try {
      return await this.deps.gate.acquire(
        {
          pool: isGoverned(call) ? call.account.poolKey : null,
          ...{ priority: call.priority, charges },
          ...(call.record ? { record: call.record } : {}),
        },
        {
          inlineWaitMs: call.inlineWaitMs,
          slackMs,
          operation: call.operation,
          ...(call.signal ? { signal: call.signal } : {}),
          prepare: this.preparationOf(call),
        },
      );
    } catch (error) {
      if (!isUnregistered(error)) throw error;
      // Rows that this process has registered are gone. Its memory of them is void, and the pool may have been
      // closed: it is held for a moment, in which its workflow writes a pause back that it remembers.
      this.registered.clear();
      const organization = organizationOf(call.account);
      if (organization !== null) await this.holdLost(organization);
      throw poolClosed(call.account.poolKey, await this.holdLost(call.account));
    }
  }

  /** While a call waited for its turn, the vendor may have refused another of its kind. */
  private preparationOf(call: CallTerms): Preparation {
    const asked = performance.now();
    return async () => {
      if (performance.now() - asked > RECHECK_AFTER_MS) await this.check(call);
      return (await call.prepare?.()) ?? (async () => undefined);
    };
  }

  private async holdLost(account: CallableAccount): Promise<PoolState> {
    const state = await holdLostPool(this.deps.db, account.poolKey, account.pool);
    await this.deps.notifyPool(account, 'pause', state);
    return state;
  }

  private async denied(
    call: CallTerms,
    limits: readonly LimitInstance[],
    denied: DeniedPermit,
    charges: readonly Charge[],
  ): Promise<Error> {
    const { account } = call;
    if (denied.deniedBy === 'pool' || denied.deniedBy === 'probe') {
      const pool = denied.stoppedBy ?? account.poolKey;
      const record = await readPool(this.deps.db, pool);
      return new PoolClosed({
        pool,
        state: denied.poolState,
        until: denied.retryAt,
        reason: record?.state.reason || `waiting for the probe`,
        cause: record?.state.cause ?? null,
        epoch: pool === account.poolKey ? denied.epoch : denied.organizationEpoch,
      });
    }
    if (denied.retryAt === Number.POSITIVE_INFINITY) {
      const charge = charges.find((c) => c.key === denied.deniedBy);
      return new Unsatisfiable(denied.deniedBy, charge?.units ?? 1);
    }
    await this.reserves.note(call, limits, denied);
    await this.waits.note(call, limits, denied);
    return new PermitWait({ until: denied.retryAt ?? denied.now, limit: denied.deniedBy });
  }
}
