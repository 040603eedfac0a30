/** Keeps the streams of all accounts that have one switched on, for as long as the worker runs. */

import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { Dispatcher } from 'undici';
import type { TokenSource } from '../activities/gateway/call-terms';
import type { GrantSource } from '../activities/gateway/credentials/grant';
import type { VendorGateway } from '../activities/gateway/vendor-call';
import { VehicleReads } from '../activities/reads/vehicle-reads';
import { AccountStream, type StreamTimes } from '../activities/streams/account-stream';
import type { Settings } from '../settings';
import { findVehicleAccount, type VehicleAccount, vehicleAccounts } from '../settings/accounts/vehicles';
import type { GrantApi } from '../vendors/capabilities/login';

export interface StreamsDeps {
  readonly settings: Settings;
  readonly db: Pool;
  readonly log: Logger;
  readonly gateway: VendorGateway;
  readonly dispatcher: Dispatcher;
  readonly tokenSource: (account: VehicleAccount) => TokenSource;
  readonly tokens: (account: VehicleAccount, grant: GrantApi) => GrantSource;
  readonly times?: Partial<StreamTimes>;
}

export interface Streams {
  /** Resolves when no connection stands any more. */
  stop(): Promise<void>;
}

export function startStreams({
  settings,
  tokens,
  tokenSource,
  gateway,
  dispatcher,
  ...deps
}: StreamsDeps): Streams {
  const over = new AbortController();
  const reads = new VehicleReads({
    ...{ db: deps.db, settings },
    account: (name) => findVehicleAccount(settings, name),
    calling: (account, work) => work({ gateway, dispatcher, tokenSource: tokenSource(account) }),
  });
  const running = vehicleAccounts(settings).flatMap((account) => {
    const { stream, grant } = account.parts;
    if (stream === undefined || grant === undefined || !account.settings.enabled) return [];
    const parts = { ...deps, reads, tokens: tokens(account, grant) };
    return [new AccountStream(parts, account, stream, over.signal).run()];
  });
  return {
    stop: async () => {
      over.abort(new Error('the worker is to end'));
      await Promise.all(running);
    },
  };
}
