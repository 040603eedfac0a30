/** Everything a process needs to call vendors: database, permit gate, gateway, tokens. Made once a process from the settings. */
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { Agent } from 'undici';
import { createBatchActivities } from '../activities/batches/batch';
import { createCommandActivities } from '../activities/commands/commands';
import { createFleetActivities } from '../activities/fleet/fleet';
import type { TokenSource } from '../activities/gateway/call-terms';
import { createGrantSource } from '../activities/gateway/credentials/grant';
import { createAccountTokens } from '../activities/gateway/credentials/source';
import { refusingLateDepartures } from '../activities/gateway/http/departures';
import { publicLookup } from '../activities/gateway/http/document-address';
import { PermitGate } from '../activities/gateway/permits/gate';
import { VendorGateway } from '../activities/gateway/vendor-call';
import { logEvent } from '../activities/log/emit';
import { warnOnce } from '../activities/log/warn-once';
import { createLoginActivities } from '../activities/logins/logins';
import { createPoolActivities, type PoolSignal } from '../activities/pools/pool';
import { createPollingActivities } from '../activities/reads/polling/polling';
import { VehicleReads } from '../activities/reads/vehicle-reads';
import { createReportActivities } from '../activities/reports/reports';
import type { StreamTimes } from '../activities/streams/account-stream';
import { MINUTE_MS } from '../quota/durations';
import type { PoolEvent, PoolPolicy, PoolState } from '../quota/pools/state';
import type { SecretSources, Settings } from '../settings';
import { type Account, answerTimeoutMs, findAccount } from '../settings/accounts/accounts';
import { authorOf, definitionsOf } from '../settings/accounts/definitions';
import { findVehicleAccount } from '../settings/accounts/vehicles';
import { datasetsOf } from '../settings/datasets/datasets';
import { installDatasets } from '../store/datasets/datasets';
import { type ConnectionUse, createPool } from '../store/db';
import { migrate } from '../store/migrate';
import { CallCounter } from '../store/permits/call-counts';
import { type PoolStanding, publishDefinitions } from '../store/pools/settings-generations';
import { GrantStore } from '../store/secrets/grants';
import type { KeyRing } from '../store/secrets/keyring';
import { LoginStore } from '../store/secrets/logins';
import { TokenStore } from '../store/secrets/tokens';
import { Vault } from '../store/secrets/vault';
import { signalPool } from '../temporal/pool-signals';
import { REPORT_WORK, wakeWork } from '../temporal/wake-work';
import { startPruner } from './pruner';
import { openSpool } from './spool';
import { startStreams } from './streams';

export interface RuntimeOptions {
  readonly settings: Settings;
  /** Database URL; the settings' own, or the embedded server's. */
  readonly databaseUrl: string;
  readonly client: Client;
  readonly keys: KeyRing;
  readonly log: Logger;
  /** Folder for what comes while Postgres is away; null: it is held in memory only. */
  readonly spoolDir?: string | null;
  /** Lengths of time of streams; for tests. */
  readonly streamTimes?: Partial<StreamTimes> | undefined;
}

export interface Runtime {
  readonly db: Pool;
  readonly gateway: VendorGateway;
  /** As which generation of the settings this process registers each account's pool, by the pool's key. */
  readonly generations: ReadonlyMap<string, number>;
  /** Accounts whose pool or limits this process has just defined otherwise than they were. */
  readonly redefined: readonly string[];
  readonly activities: ReturnType<typeof createPoolActivities> &
    ReturnType<typeof createReportActivities> &
    ReturnType<typeof createBatchActivities> &
    ReturnType<typeof createFleetActivities> &
    ReturnType<typeof createCommandActivities> &
    ReturnType<typeof createLoginActivities> &
    ReturnType<typeof createPollingActivities>;
  /** Resolves when Postgres has answered on the connections that permits are taken on. */
  ping(): Promise<void>;
  /** Pages begin nothing more from now on, and bring home what is in flight. */
  stopping(): void;
  close(): Promise<void>;
}

/** For commands, their permits, and what operators order of pools. */
const CONTROL_CONNECTIONS = 4;

/** To one host; a batch of texts may have as many calls in flight as its account's settings allow. */
const MAX_CONNECTIONS = 2000;

/** Beyond the longest wait for a connection a request has no reason to be late, ms. */
const LATE_MS = 2_000;

/** Brings the database to this version and puts the parts together. Starts nothing by itself. */
export async function createRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { settings, client, keys, log } = options;
  await migrate(options.databaseUrl);
  const { poolSize, permitPoolSize, bulkPoolSize } = settings.database;
  const connections = (use: ConnectionUse, max: number, name: string = use) =>
    createPool(options.databaseUrl, {
      max,
      use,
      applicationName: name === 'work' ? 'sluice-worker' : `sluice-worker-${name}`,
      onIdleError: (error) => log.warn({ error: error.message }, 'an idle database connection was lost'),
    });
  // Apart, so that a call's permit never queues behind documents, however slowly those come.
  const db = connections('work', poolSize);
  const permits = connections('permits', permitPoolSize);
  const bulk = connections('bulk', bulkPoolSize);
  // Apart, too: pages of many batches stand in line for the others.
  const control = connections('permits', CONTROL_CONNECTIONS, 'control');
  await installDatasets(db, datasetsOf(settings));
  const standings = await publishSettings(db, settings, log);
  const generations = new Map(standings.map(({ pool, generation }) => [pool, generation]));
  const replaced = new Set(standings.filter(({ hasReplaced }) => hasReplaced).map(({ pool }) => pool));
  const { connectTimeoutMs } = settings.http;
  const agent = new Agent({
    connections: MAX_CONNECTIONS,
    connect: { timeout: connectTimeoutMs },
  });
  const dispatcher = agent.compose(refusingLateDepartures(connectTimeoutMs + LATE_MS));
  const publicOnly = new Agent({
    connections: MAX_CONNECTIONS,
    connect: { timeout: settings.http.connectTimeoutMs, lookup: publicLookup },
  });
  const stopping = new AbortController();
  const spool = options.spoolDir
    ? await openSpool(options.spoolDir, { db, keys, log, client, settings })
    : null;
  const counter = new CallCounter(db, (error) => warnOnce(log, {}, error, 'call counts were not written'));
  const signal = (poolKey: string, policy: PoolPolicy, poolSignal: PoolSignal) =>
    signalPool(client, settings.temporal.taskQueue, poolKey, policy, poolSignal);
  const wake = (poolKey: string) => {
    const accounts = Object.keys(settings.accounts).filter(
      (name) => findAccount(settings, name).poolKey === poolKey,
    );
    return wakeWork(client, settings.temporal.taskQueue, accounts, REPORT_WORK);
  };
  const gateway = new VendorGateway({
    db: permits,
    gate: new PermitGate(permits, { leadMs: settings.permits.leadMs, urgent: control }),
    spool,
    stopping: stopping.signal,
    counter,
    generations,
    log,
    rateAlerts: {
      refusals: settings.alerts.rateRefusals,
      windowMs: settings.alerts.rateWindowMinutes * MINUTE_MS,
    },
    notifyPool: async (account, cause, state) => {
      try {
        await signal(account.poolKey, account.pool, poolSignalFor(cause, state));
      } catch (error) {
        // Postgres holds the block; the workflow reads it when a worker next starts, or when somebody waits.
        log.error(
          { pool: account.poolKey, error: String(error) },
          'the pool workflow could not be signalled',
        );
      }
    },
  });
  const pruner = startPruner({ db: bulk, retention: settings.retention, log });
  const tokens = new TokenStore(permits, keys);
  const secrets: SecretSources = {
    vault: new Vault(db, keys),
    warn: (message) => warnOnce(log, {}, message, 'a secret is open to others'),
  };
  const grants = new GrantStore(permits, keys);
  const sources = new Map<string, TokenSource>();
  const tokenDeps = ({ parts }: Account) => ({
    ...{ gateway, tokens, grants, keys, secrets, dispatcher, spool },
    stopping: stopping.signal,
    timeoutMs: answerTimeoutMs(settings, parts),
  });
  /** One source an account, for its callers share what it remembers. */
  const accountTokens = (account: Account): TokenSource => {
    const known = sources.get(account.name);
    if (known) return known;
    const made = createAccountTokens(tokenDeps(account), account, account.parts.fleet?.callers.login);
    sources.set(account.name, made);
    return made;
  };
  const tokensOf = (account: Account): TokenSource | null => {
    const { apiKey, login, grant } = account.parts;
    return apiKey === undefined && login === undefined && grant === undefined ? null : accountTokens(account);
  };
  const reads = new VehicleReads({
    db,
    settings,
    spool,
    stopping: stopping.signal,
    account: (name) => findVehicleAccount(settings, name),
    calling: (account, work) => work({ gateway, dispatcher, tokenSource: tokensOf(account) }),
  });
  const streams = startStreams({
    ...{ settings, db, log, reads },
    ...(options.streamTimes ? { times: options.streamTimes } : {}),
    tokens: (account, grant) => createGrantSource(tokenDeps(account), account, grant),
  });
  const activities = {
    ...createBatchActivities({
      settings,
      db,
      gateway,
      log,
      dispatcher,
      inlineWaitMs: settings.permits.inlineWaitMs,
      stopping: stopping.signal,
      spool,
      connectTimeoutMs,
      keySource: accountTokens,
    }),
    ...createCommandActivities({
      settings,
      db: control,
      gateway,
      dispatcher,
      secrets,
      spool,
      stopping: stopping.signal,
      inlineWaitMs: settings.permits.inlineWaitMs,
      tokenSource: accountTokens,
    }),
    ...createFleetActivities({
      stopping: stopping.signal,
      spool,
      settings,
      db,
      gateway,
      dispatcher,
      log,
      tokenSource: accountTokens,
    }),
    ...createLoginActivities({
      ...{ settings, gateway, grants, secrets, dispatcher, spool },
      db: control,
      logins: new LoginStore(control, keys),
      stopping: stopping.signal,
      timeoutMs: settings.http.timeoutMs,
    }),
    ...createPollingActivities({ db, settings, reads }),
    ...createPoolActivities({ db: control, signalPool: signal, wakeReports: wake, tokens }),
    ...createReportActivities({
      settings,
      db,
      bulk,
      gateway,
      dispatcher,
      publicOnly,
      tokenSource: ({ account }) => accountTokens(account),
    }),
  };
  return {
    db,
    gateway,
    generations,
    redefined: Object.keys(settings.accounts).filter((name) =>
      replaced.has(findAccount(settings, name).poolKey),
    ),
    activities,
    ping: async () => {
      await permits.query('select 1');
    },
    stopping: () => stopping.abort(new Error('the worker is to end')),
    close: async () => {
      await streams.stop();
      await pruner.stop();
      await spool?.stop();
      await counter.flush().catch(() => undefined);
      await Promise.all([agent.close(), publicOnly.close()]);
      await Promise.all([db, permits, bulk, control].map((pool) => pool.end()));
    },
  };
}

/** Makes this process's settings those that stand, unless they are older than those; then says so. */
async function publishSettings(db: Pool, settings: Settings, log: Logger): Promise<PoolStanding[]> {
  const author = authorOf(settings);
  // Without a URL the database is this machine's own, and the worker that is started last decides.
  const byHand = settings.database.url === null;
  const standings = await publishDefinitions(db, definitionsOf(settings), { author, byHand });
  for (const { pool, supersededBy } of standings) {
    if (supersededBy === null) continue;
    const { generation, publishedBy } = supersededBy;
    logEvent(
      log,
      'settings.superseded',
      { pool, by: author, generation, publishedBy },
      'these settings are older than those that stand in the database, or differ from them: pool, organization and limits stay as they are (npx sluice settings publish makes these the ones that stand)',
    );
  }
  return standings;
}

/** The workflow's own pause and resume never come this way; a `pause` here is a lost row that is held. */
function poolSignalFor(cause: PoolEvent['type'], state: PoolState): PoolSignal {
  if (cause === 'pause') return { name: 'reconcile' };
  return { name: cause === 'success' || cause === 'failure' ? cause : 'quotaHit', state };
}
