/**
 * Vehicles that a stream reports and the account's list does not name: one that was added since the list was fetched, or
 * one that has gone. An event says so, once a day for each, and the list is asked for once more. Values are kept meanwhile.
 */
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { HOUR_MS } from '../../quota/durations';
import type { VehicleAccount } from '../../settings/accounts/vehicles';
import { noteUnlisted } from '../../store/streams/streams';
import { logEvent } from '../log/emit';
import type { VehicleReads } from '../reads/vehicle-reads';

export interface UnlistedDeps {
  readonly db: Pool;
  readonly log: Logger;
  readonly reads: Pick<VehicleReads, 'vehicles'>;
}

/** However many unknown vehicles are named, the list is not asked for more often: a day may have few calls. */
const LIST_TRUSTED_MS = HOUR_MS;
/** Of so many at most an event is written: nobody's account has more, so something else is wrong. */
const MAX_VEHICLES = 100;

export class UnlistedVehicles {
  private readonly noted = new Set<string>();
  /** Since when, monotonic ms, where no list has been fetched since. */
  private readonly awaited = new Map<string, number>();
  private lookAt = 0;

  /** @param everyMs between two tries to ask for the list. */
  constructor(
    private readonly deps: UnlistedDeps,
    private readonly account: VehicleAccount,
    private readonly everyMs: number,
  ) {}

  async note(vehicleId: string): Promise<void> {
    const { deps, account, noted } = this;
    if (noted.has(vehicleId) || noted.size >= MAX_VEHICLES) return;
    const news = await noteUnlisted(deps.db, account.name, account.poolKey, vehicleId);
    noted.add(vehicleId);
    // The list was asked for when it was news; a restart is none.
    if (!news) return;
    this.awaited.set(vehicleId, performance.now());
    const about = { account: account.name, pool: account.poolKey, vehicle: vehicleId };
    logEvent(
      deps.log,
      'stream.unlisted',
      about,
      `the stream reports ${vehicleId}, which is not among the vehicles of ${account.name}`,
    );
  }

  /** Asks for the list where somebody waits for that. @returns the readable vehicles that it names now. */
  async look(): Promise<readonly string[]> {
    const { awaited, account } = this;
    if (awaited.size === 0 || performance.now() < this.lookAt) return [];
    this.lookAt = performance.now() + this.everyMs;
    const listed = await this.deps.reads
      .vehicles(account.name, {
        ...{ priority: 'live', source: 'polling', caller: 'stream', waitMs: 0, maxAgeMs: LIST_TRUSTED_MS },
      })
      .catch(() => null);
    if (listed === null || listed.stale !== null) return [];
    const found = listed.vehicles.filter(({ vehicleId }) => awaited.has(vehicleId));
    for (const { vehicleId } of found) this.noted.delete(vehicleId);
    const named = new Set(found.map(({ vehicleId }) => vehicleId));
    const listedAt = performance.now() - listed.ageMs;
    for (const [vehicleId, since] of awaited) {
      if (named.has(vehicleId) || listedAt > since) awaited.delete(vehicleId);
    }
    return found.filter(({ readable }) => readable).map(({ vehicleId }) => vehicleId);
  }
}
