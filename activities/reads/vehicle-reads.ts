/**
 * Reads of vehicles for people and programs: from memory, else from the database, else by one call for all who ask. Where
 * no call can be made, the last answer is given at once, with its age and until when nothing fresher can be had.
 *
 * It runs in whatever process asks: a read is one short call, and Temporal is not on the path of a call.
 */
import type { Pool } from 'pg';
import { MINUTE_MS, SECOND_MS } from '../../quota/durations';
import { currentAt } from '../../quota/reads/decision';
import type { Settings } from '../../settings';
import type { VehicleAccount } from '../../settings/accounts/vehicles';
import { loadAnswer, type ValueSource } from '../../store/reads/answers';
import { paramsText, type ReadKey } from '../../store/reads/reads';
import { type StoredVehicle, storedVehicles } from '../../store/reads/vehicles';
import type { ReadDescription } from '../../vendors/capabilities/vehicles';
import type { KeepDeps } from '../gateway/spool/held';
import type { CallTerms, Way } from './calls';
import { ReadFetcher } from './fetcher';
import { FleetFeeds } from './fleet-feeds';
import { type Found, type Lookup, Lookups } from './lookups';
import { ReadMemory } from './memory';
import { checkedParams } from './params';
import { Resources } from './resources';
import { NothingToServe, type ReadAsk, ReadInputError, type ServedRead, type Unavailable } from './types';

export interface VehicleReadsDeps {
  readonly db: Pool;
  readonly settings: Pick<Settings, 'reads'>;
  /** @throws RangeError when the account is unknown or its vendor has no vehicles. */
  readonly account: (name: string) => VehicleAccount;
  /** Runs `work` with the way to an account's vendor; only called when a call may be made. */
  readonly calling: <T>(account: VehicleAccount, work: (way: Way) => Promise<T>) => Promise<T>;
  /** Where answers are kept while Postgres is away; left out: in memory only. */
  readonly spool?: KeepDeps['spool'];
  /** Aborted when this process is to end. */
  readonly stopping?: AbortSignal;
}

export interface ServedVehicles {
  readonly vehicles: readonly StoredVehicle[];
  /** When the vendor last listed them. */
  readonly listedAt: number;
  readonly ageMs: number;
  readonly stale: Unavailable | null;
}

/** For a vehicle that is not on a list younger than this, no other list is fetched, ms. */
const LIST_TRUSTED_MS = 10 * MINUTE_MS;
const LIST = 'vehicles';

/** A read that was checked. */
interface Wanted {
  readonly ask: ReadAsk;
  readonly account: VehicleAccount;
  readonly description: ReadDescription;
  readonly params: ReadKey['params'];
  readonly maxAgeMs: number;
  /** In memory. */
  readonly name: string;
}

type Asking = Pick<ReadAsk, 'maxAgeMs' | 'force' | 'priority' | 'caller' | 'waitMs' | 'source'>;

export class VehicleReads {
  private readonly lookups: Lookups;
  private readonly feeds: FleetFeeds;
  private readonly fetch: ReadFetcher;
  private readonly memory: ReadMemory;
  private readonly underWay = new Map<string, Promise<ServedRead>>();

  constructor(private readonly deps: VehicleReadsDeps) {
    const { db, spool = null, stopping = new AbortController().signal } = deps;
    const keep = { db, spool, stopping };
    this.lookups = new Lookups(keep);
    this.feeds = new FleetFeeds(db);
    this.fetch = new ReadFetcher(keep, new Resources(keep, this.lookups));
    this.memory = new ReadMemory(deps.settings.reads.memoryMb * 1024 * 1024);
  }

  /** @throws ReadInputError (nothing is sent), NothingToServe; RangeError for an account without vehicles. */
  async read(ask: ReadAsk): Promise<ServedRead> {
    const account = this.deps.account(ask.account);
    const description = describedRead(account, ask.read);
    const params = checkedParams(description, ask.params ?? {});
    const maxAgeMs = ask.maxAgeMs ?? this.staleMs(description);
    const name = JSON.stringify([ask.account, ask.vehicleId, ask.read, paramsText(params)]);
    const wanted: Wanted = { ask, account, description, params, maxAgeMs, name };
    if (ask.force || maxAgeMs <= 0) return this.find(wanted);
    const known = this.memory.get(name, maxAgeMs);
    if (known === null) return this.findOnce(wanted);
    // A failure is reported to whoever has to wait for the answer.
    if (known.recheck) this.findOnce(wanted).catch(() => undefined);
    return known.served;
  }

  /** Many callers of the same read at once share one lookup. */
  private findOnce(wanted: Wanted): Promise<ServedRead> {
    const { name, maxAgeMs, ask } = wanted;
    const key = JSON.stringify([name, maxAgeMs, ask.priority, ask.source, ask.caller, ask.waitMs]);
    const before = this.underWay.get(key);
    if (before !== undefined) return before.then((served) => ({ ...served, servedFrom: 'memory' }));
    const finding = this.find(wanted).finally(() => this.underWay.delete(key));
    this.underWay.set(key, finding);
    return finding;
  }

  private async find({ ask, account, description, params, maxAgeMs, name }: Wanted): Promise<ServedRead> {
    const vehicle = await this.vehicleOf(account, ask);
    const key = { account: account.name, vehicleId: vehicle.vehicleId, read: ask.read, params };
    const found = await this.lookups.find({
      ...this.lookupOf(account, description.operation, ask),
      key,
      ...(description.together === undefined ? {} : { callKey: { ...key, vehicleId: '' } }),
      maxAgeMs,
      takeOver: this.feeds.ofRead(account, key),
      ask: (lease, row) =>
        this.calling(account, ask, (terms) =>
          description.together === undefined
            ? this.fetch.one(terms, description, key, lease, row)
            : this.fetch.together(terms, description, key, lease, this.staleMs(description)),
        ),
    });
    const served = await this.served(key, found);
    this.memory.put(name, served);
    return served;
  }

  /** The account's vehicles, as the vendor last listed them. @throws NothingToServe when it never has. */
  async vehicles(accountName: string, ask: Asking = {}): Promise<ServedVehicles> {
    const account = this.deps.account(accountName);
    const { vehicles: api } = account;
    const { row, stale } = await this.lookups.find({
      ...this.lookupOf(account, api.operation, ask),
      key: { account: account.name, vehicleId: '', read: LIST, params: {} },
      maxAgeMs: ask.maxAgeMs ?? api.listStaleMs,
      takeOver: this.feeds.ofList(account),
      ask: (lease) => this.calling(account, ask, (terms) => this.fetch.list(terms, lease)),
    });
    const listedAt = row.answeredAt;
    if (listedAt === null)
      throw new NothingToServe(`the list of vehicles of ${account.name}`, stale ?? unknownWhy());
    const vehicles = await storedVehicles(this.deps.db, [account.name]);
    return { vehicles, listedAt, ageMs: Math.max(0, row.now - listedAt), stale };
  }

  private staleMs({ staleMs }: ReadDescription): number {
    return staleMs ?? this.deps.settings.reads.cacheMinutes * MINUTE_MS;
  }

  private waitMs({ waitMs }: Asking): number {
    return waitMs ?? this.deps.settings.reads.waitSeconds * SECOND_MS;
  }

  private lookupOf(
    account: VehicleAccount,
    operation: string,
    ask: Asking,
  ): Omit<Lookup, 'key' | 'ask' | 'maxAgeMs'> {
    const waitMs = this.waitMs(ask);
    return {
      force: ask.force ?? false,
      patienceMs: waitMs + account.vehicles.timeoutMs,
      hinderedBy: `${account.poolKey}/${operation}/${ask.priority ?? ''}`,
      whyClosed: () => this.deps.calling(account, ({ gateway }) => gateway.whyClosed(account)),
    };
  }

  private calling<T>(
    account: VehicleAccount,
    ask: Asking,
    work: (terms: CallTerms) => Promise<T>,
  ): Promise<T> {
    return this.deps.calling(account, (way) =>
      work({
        account,
        way,
        priority: ask.priority ?? 'interactive',
        caller: ask.caller ?? account.vehicles.caller,
        waitMs: this.waitMs(ask),
        source: ask.source ?? 'call',
        force: ask.force ?? false,
      }),
    );
  }

  /** @throws ReadInputError for an id that cannot be, is not the account's, or may not be read. */
  private async vehicleOf(account: VehicleAccount, ask: ReadAsk): Promise<StoredVehicle> {
    const problem = account.vehicles.vehicleIdProblem(ask.vehicleId);
    if (problem !== null)
      throw new ReadInputError('vehicle', 'INVALID_INPUT', `"${ask.vehicleId}" ${problem}`);
    // The list is fetched as a read is, but never because it is older than a person wants the read to be.
    const { maxAgeMs: _, force: __, ...asking } = ask;
    let listed = await this.vehicles(account.name, { ...asking, maxAgeMs: Number.POSITIVE_INFINITY });
    let vehicle = named(listed.vehicles, ask.vehicleId);
    if (vehicle === undefined && listed.ageMs > LIST_TRUSTED_MS) {
      listed = await this.vehicles(account.name, { ...asking, maxAgeMs: LIST_TRUSTED_MS });
      vehicle = named(listed.vehicles, ask.vehicleId);
    }
    if (vehicle === undefined) {
      const ids = listed.vehicles.map(({ vehicleId }) => vehicleId);
      const known =
        ids.length === 0
          ? 'it has none'
          : `it has ${ids.slice(0, 10).join(', ')}${ids.length > 10 ? ', …' : ''}`;
      throw new ReadInputError(
        'vehicle',
        'UNKNOWN_NAME',
        `"${ask.vehicleId}" is not among the vehicles of account ${account.name}: ${known}`,
      );
    }
    if (!vehicle.readable) {
      throw new ReadInputError(
        'vehicle',
        'NOT_APPLICABLE',
        `account ${account.name} sees ${vehicle.vehicleId} and may not read it: it is not its main user`,
      );
    }
    return vehicle;
  }

  private async served(key: ReadKey, { row, stale, called }: Found): Promise<ServedRead> {
    const freshAt = currentAt(row);
    if (freshAt === null) throw new NothingToServe(`${key.read} of ${key.vehicleId}`, stale ?? unknownWhy());
    const answer = await loadAnswer(this.deps.db, row.id);
    const streamed =
      row.streamedAt !== null && row.streamedAt === freshAt && row.streamedAt !== row.answeredAt;
    return {
      ...key,
      answer,
      freshAt,
      ageMs: Math.max(0, row.now - freshAt),
      source: streamed ? 'stream' : ((row.source ?? 'call') as ValueSource),
      requestId: row.requestId,
      servedFrom: called && stale === null ? 'call' : 'database',
      stale,
    };
  }
}

/** @throws ReadInputError that names those there are. */
function describedRead({ vehicles, vendor }: VehicleAccount, name: string): ReadDescription {
  const described = vehicles.reads.find((read) => read.name === name);
  if (described !== undefined) return described;
  const names = vehicles.reads.map((read) => read.name).join(', ');
  throw new ReadInputError(
    'read',
    'UNKNOWN_NAME',
    `"${name}" is no read of ${vendor.id}; there are ${names}`,
  );
}

/** Letters of a VIN have no case. */
function named(vehicles: readonly StoredVehicle[], id: string): StoredVehicle | undefined {
  return (
    vehicles.find(({ vehicleId }) => vehicleId === id) ??
    vehicles.find(({ vehicleId }) => vehicleId.toUpperCase() === id.toUpperCase())
  );
}

function unknownWhy(): Unavailable {
  return { cause: 'failed', reason: 'nothing was stored', until: null };
}
