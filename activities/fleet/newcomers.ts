/**
 * New devices whose first poll has failed. They are retried, but not with every poll of the fleet: the day's calls
 * allow little more than one poll a minute.
 */
import type { Logger } from 'pino';
import { HOUR_MS } from '../../quota/durations';
import type { FleetContext } from '../../settings/datasets/fleet-context';
import { logEvent } from '../log/emit';

/** The same devices are requested again after this, ms. */
const AGAIN_MS = HOUR_MS;

/** The memory of one process, by account. */
export class Newcomers {
  private readonly failures = new Map<string, { readonly devices: string; readonly at: number }>();

  constructor(private readonly log: Logger) {}

  /** False when there are none, and when these very devices were requested a short while ago. */
  mayAsk({ account }: FleetContext, deviceIds: readonly string[]): boolean {
    if (deviceIds.length === 0) return false;
    const last = this.failures.get(account.poolKey);
    return last?.devices !== named(deviceIds) || performance.now() - last.at >= AGAIN_MS;
  }

  failed({ account }: FleetContext, deviceIds: readonly string[], error: Error): void {
    this.failures.set(account.poolKey, { devices: named(deviceIds), at: performance.now() });
    logEvent(
      this.log,
      'fleet.new_devices_failed',
      { account: account.name, devices: deviceIds.length, err: error },
      `nothing can be learned of ${deviceIds.length} new devices of ${account.poolKey}: ${error.message}`,
    );
  }
}

const named = (deviceIds: readonly string[]) => JSON.stringify(deviceIds);
