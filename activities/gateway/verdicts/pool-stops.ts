/**
 * Stops an account's pool, or its organization's, for what the vendor answered, and opens it again after a usable
 * answer. The new state is committed, and the pool's workflow is signalled, before the caller gets its error.
 */
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { isBlocked, isFreedByLogin, stopping } from '../../../quota/pools/pool';
import type { PoolEvent, PoolState } from '../../../quota/pools/state';
import { describeEvidence, type Evidence, type QuotaVerdict } from '../../../quota/verdict';
import type { CallableAccount } from '../../../settings/accounts/accounts';
import { applyPoolEvent, readPools, readStoppingPools } from '../../../store/pools/pools';
import { recordLoginNeeded } from '../../../store/secrets/grants';
import { logEvent } from '../../log/emit';
import { type PoolClosed, poolClosed } from '../call-errors';
import { type CallTerms, isGoverned } from '../call-terms';
import type { HeldPermit } from '../permits/gate';
import { held } from '../spool/held';
import type { Narrowing } from './narrowing';
import { type HoldVerdict, organizationMeant, organizationOf } from './organization';
import type { VerdictWriter } from './verdict-writer';

/** Epochs that a call left under: an event of an earlier one is late. */
export type PoolEpochs = Pick<HeldPermit, 'epoch' | 'organizationEpoch'>;

export interface PoolStopDeps {
  readonly db: Pool;
  readonly log: Logger;
  /** Signals the pool's workflow; must not throw (Postgres holds the block in any case). */
  readonly notifyPool: (
    account: CallableAccount,
    cause: PoolEvent['type'],
    state: PoolState,
  ) => Promise<void>;
}

/** Reasons for which a pool is closed, and which do not concern a call. */
export interface Excused {
  /** The quota is used up, and does not count the call: credentials of others, or an operation outside the metered API. */
  readonly quota?: boolean;
  /** The pool waits for a login, and this is one. */
  readonly login?: boolean;
}

/** Longest time to find out which epoch a login's verdict belongs to, ms. */
const EPOCH_PATIENCE_MS = 30_000;

export class PoolStops {
  constructor(
    private readonly deps: PoolStopDeps,
    private readonly writer: VerdictWriter,
    private readonly narrowing: Narrowing,
  ) {}

  /**
   * What stops calls, as an error: the account's pool, or its organization's; null when they may be tried.
   * @param excused what does not stop calls of this kind.
   */
  async whyClosed(account: CallableAccount, excused: Excused = {}): Promise<PoolClosed | null> {
    const now = Date.now();
    const pools = await readStoppingPools(this.deps.db, account.poolKey);
    const found = stopping(
      pools.filter(({ state }) => !isExcused(state, excused)),
      now,
    );
    return found !== null && isBlocked(found.state, now) ? poolClosed(found.key, found.state) : null;
  }

  async epochsOf({ poolKey, organization }: CallableAccount): Promise<PoolEpochs> {
    const found = await readPools(this.deps.db, [poolKey, organization?.key ?? poolKey]);
    const epochOf = (key: string | undefined) => found.find((pool) => pool.key === key)?.state.epoch ?? 0;
    return { epoch: epochOf(poolKey), organizationEpoch: epochOf(organization?.key) };
  }

  /** Without a permit of the pool's, as a login is, no epoch is known: its answer concerns the pool as it is now. */
  async epochsFor(call: CallTerms, permit: HeldPermit): Promise<PoolEpochs> {
    return isGoverned(call) || call.foreign
      ? permit
      : held(() => this.epochsOf(call.account), { patienceMs: EPOCH_PATIENCE_MS });
  }

  /**
   * Holds the pool until an operator resumes it, or until its time to probe; for an organization's limit the
   * organization's pool, and so every account of it. @returns the error for the caller.
   */
  async hold(call: CallTerms, epochs: PoolEpochs, verdict: HoldVerdict): Promise<Error> {
    // Calls in flight together report one refusal, each with a request id of its own: that is kept as evidence only.
    const { requestId: _, ...refusal } = verdict.evidence;
    const organization = organizationMeant(call.account, verdict);
    const account = organization ?? call.account;
    const cause = causeOf(verdict, account);
    const ofOrganization = organization !== null && cause === 'billing';
    const why = ofOrganization ? ORGANIZATION_REASON : await this.holdReason(cause, call, verdict);
    const state = await this.apply(account, {
      type: 'hold',
      epoch: organization === null ? epochs.epoch : epochs.organizationEpoch,
      reason: `${why}: ${describeEvidence(refusal)}`,
      evidence: verdict.evidence,
      cause,
    });
    await this.writer.ifPossible(call, () => this.narrowing.standBack(call, state.until));
    return poolClosed(account.poolKey, state, verdict);
  }

  /** Where a login is needed, that is noted first: its event is emitted once, whatever becomes of the pool. */
  private async holdReason(
    cause: keyof typeof HOLD_REASON,
    { account }: CallTerms,
    verdict: HoldVerdict,
  ): Promise<string> {
    if (cause !== 'login') return HOLD_REASON[cause];
    const refused = describeEvidence(verdict.evidence);
    const { news, lostAt } = await this.writer.refusal(account, () =>
      recordLoginNeeded(this.deps.db, account.poolKey, refused),
    );
    if (news) {
      const about = { pool: account.poolKey, reason: refused, lostAt };
      logEvent(this.deps.log, 'login.needed', about, `${account.poolKey}: needs a login`);
    }
    const lost =
      lostAt === null
        ? ''
        : `; the answer to a refresh at ${new Date(lostAt).toISOString()} was lost, and the refresh token with it`;
    // As client/operations/hints.ts has it: the command line shows a command in its place.
    return `${HOLD_REASON.login}: \`login ${account.name}\`${lost}`;
  }

  /**
   * Closes the pool whose quota is used up: the account's, or its organization's.
   * @param jitter -1 to 1. @returns the error for the caller.
   */
  async close(call: CallTerms, epochs: PoolEpochs, verdict: QuotaVerdict, jitter: number): Promise<Error> {
    const organization = organizationMeant(call.account, verdict);
    const account = organization ?? call.account;
    const state = await this.apply(account, {
      type: 'quota',
      epoch: organization === null ? epochs.epoch : epochs.organizationEpoch,
      statedWaitMs: verdict.statedWaitMs,
      reason: describeEvidence(verdict.evidence),
      evidence: verdict.evidence,
      jitter,
    });
    await this.writer.ifPossible(call, () => this.narrowing.standBack(call, state.until));
    return poolClosed(account.poolKey, state, verdict);
  }

  /** A failure of the vendor's own; several in a row open the circuit breaker. */
  async failed(call: CallTerms, permit: HeldPermit, evidence: Evidence): Promise<void> {
    // Whoever cannot log in cannot call: a login's failures count as those of any call.
    const { epoch } = await this.epochsFor(call, permit);
    await this.apply(call.account, { type: 'failure', epoch, reason: describeEvidence(evidence), evidence });
  }

  /** The vendor answered: that ends a probe, and a row of failures. */
  async answered(call: CallTerms, permit: HeldPermit): Promise<void> {
    if (permit.probe || permit.failures > 0) {
      await this.apply(call.account, { type: 'success', epoch: permit.epoch });
    }
    const organization = permit.probe ? organizationOf(call.account) : null;
    if (organization !== null) {
      await this.apply(organization, { type: 'success', epoch: permit.organizationEpoch });
    }
  }

  private async apply(account: CallableAccount, event: PoolEvent): Promise<PoolState> {
    const apply = () => applyPoolEvent(this.deps.db, account.poolKey, event);
    const closes = event.type === 'quota' || event.type === 'hold';
    const change = closes
      ? await this.writer.refusal(account, apply, { key: account.poolKey, event })
      : await apply();
    if (change.changed) {
      const { after } = change;
      logEvent(
        this.deps.log,
        `pool.${after.state}`,
        {
          pool: account.poolKey,
          from: change.before.state,
          cause: event.type,
          until: after.until === null ? null : new Date(after.until).toISOString(),
          reason: after.reason,
          strikes: after.strikes,
          evidence: after.evidence,
          hint: after.hint,
        },
        after.hint
          ? `pool ${account.poolKey}: ${after.state}; ${after.hint}`
          : `pool ${account.poolKey}: ${after.state}`,
      );
      await this.deps.notifyPool(account, event.type, after);
    }
    return change.after;
  }
}

function isExcused({ state, cause }: PoolState, { quota = false, login = false }: Excused): boolean {
  if (state === 'quota_paused') return quota;
  return login && state === 'held' && isFreedByLogin(cause);
}

const ORGANIZATION_REASON = "an organization's limit is reached: settle it with the vendor, then resume";

function causeOf(verdict: HoldVerdict, { loginByPerson }: CallableAccount): keyof typeof HOLD_REASON {
  if (verdict.kind === 'auth') return loginByPerson ? 'login' : 'credentials';
  return verdict.kind === 'blocked' && verdict.reason === 'configuration' ? 'configuration' : verdict.kind;
}

const HOLD_REASON = {
  credentials: 'credentials refused: set new ones, then resume',
  login: 'needs a login',
  configuration: 'an answer that any request would have got: check addresses, proxies and the account',
  billing: 'a paid limit is reached: settle it with the vendor, then resume',
  blocked: 'the vendor refuses this client: clear it with the vendor, then resume',
} as const;
