/**
 * What permits for other programs need in this process: one gate, so that those who ask together share a round trip, and
 * one gateway, which judges outcomes as it judges answers to our own calls. Made once for each pool of connections: a
 * process that goes on running keeps it.
 */
import type { Pool } from 'pg';
import pino, { type Logger } from 'pino';
import type { Dispatcher } from 'undici';
import type { TokenSource } from '../../../activities/gateway/call-terms';
import { createAccountTokens } from '../../../activities/gateway/credentials/source';
import type { Leave } from '../../../activities/gateway/outside-calls';
import { PermitGate } from '../../../activities/gateway/permits/gate';
import { VendorGateway } from '../../../activities/gateway/vendor-call';
import { MINUTE_MS } from '../../../quota/durations';
import type { PoolEvent, PoolState } from '../../../quota/pools/state';
import type { SecretSources, Settings } from '../../../settings';
import { type Account, answerTimeoutMs, type CallableAccount } from '../../../settings/accounts/accounts';
import { CallCounter } from '../../../store/permits/call-counts';
import { sweepOutsidePermits } from '../../../store/permits/outside-permits';
import { GrantStore } from '../../../store/secrets/grants';
import { TokenStore } from '../../../store/secrets/tokens';
import { Vault } from '../../../store/secrets/vault';
import { signalPool } from '../../../temporal/pool-signals';
import type { Backend } from '../backend/backend';
import { loadVaultKeys } from '../backend/context';
import { asField } from '../errors';
import { createDispatcher } from '../gateway/own-gateway';
import { ownSpool } from '../gateway/own-spool';

/** Permits whose outcome may be reported to this very process; a few more than are under way at once. */
const REMEMBERED = 20_000;

export class PermitDesk {
  readonly gateway: VendorGateway;
  private readonly counter: CallCounter;
  /** What is paid for or refused while Postgres is away survives this process. */
  private readonly spool: ReturnType<typeof ownSpool>;
  /** Leaves given here, by the permit's id: how long their calls take shows late arrivals. */
  private readonly given = new Map<string, Leave>();
  private readonly sources = new Map<string, TokenSource>();
  private sending: ReturnType<PermitDesk['prepareSending']> | null = null;

  constructor(
    private readonly db: Pool,
    private readonly backend: Pick<Backend, 'settings' | 'temporal' | 'dir'>,
    private readonly log: Logger = pino({ level: 'silent' }),
  ) {
    const { settings } = backend;
    this.spool = ownSpool(backend, () => loadVaultKeys(backend));
    this.counter = new CallCounter(db);
    this.gateway = new VendorGateway({
      db,
      gate: new PermitGate(db, { leadMs: settings.permits.leadMs }),
      counter: this.counter,
      generations: null,
      spool: this.spool,
      log,
      rateAlerts: {
        refusals: settings.alerts.rateRefusals,
        windowMs: settings.alerts.rateWindowMinutes * MINUTE_MS,
      },
      notifyPool: (account, cause, state) => this.notify(account, cause, state),
    });
  }

  /**
   * Sends as the account's own calls are sent. Connections and tokens are made at the first call.
   * @throws OperationError without the key that tokens are stored with, or credentials.
   */
  async sender(account: Account): Promise<{ readonly dispatcher: Dispatcher; readonly auth: TokenSource }> {
    this.sending ??= this.prepareSending();
    const { dispatcher, deps } = await this.sending.catch((error: unknown) => {
      this.sending = null;
      throw error;
    });
    const known = this.sources.get(account.name);
    if (known) return { dispatcher, auth: known };
    const { parts } = account;
    const timeoutMs = answerTimeoutMs(this.backend.settings, parts);
    const auth = asField('account', () =>
      createAccountTokens({ ...deps, dispatcher, timeoutMs }, account, parts.fleet?.callers.login),
    );
    this.sources.set(account.name, auth);
    return { dispatcher, auth };
  }

  private async prepareSending() {
    const { settings } = this.backend;
    const keys = await loadVaultKeys(this.backend);
    const { db, gateway } = this;
    const secrets: SecretSources = { vault: new Vault(db, keys) };
    const deps = {
      gateway,
      tokens: new TokenStore(db, keys),
      grants: new GrantStore(db, keys),
      ...{ keys, secrets, spool: this.spool },
    };
    return { dispatcher: createDispatcher(settings), deps };
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

  sweep(): Promise<number> {
    return sweepOutsidePermits(this.db);
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
