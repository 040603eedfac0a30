/** Keeps the streams of all accounts that have one switched on, for as long as the worker runs. */
import type { GrantSource } from '../activities/gateway/credentials/grant';
import { AccountStream, type StreamDeps } from '../activities/streams/account-stream';
import type { Settings } from '../settings';
import { type VehicleAccount, vehicleAccounts } from '../settings/accounts/vehicles';
import type { GrantApi } from '../vendors/capabilities/login';

export interface StreamsDeps extends Omit<StreamDeps, 'tokens'> {
  readonly settings: Settings;
  readonly tokens: (account: VehicleAccount, grant: GrantApi) => GrantSource;
}

export interface Streams {
  /** Resolves when no connection stands any more. */
  stop(): Promise<void>;
}

export function startStreams({ settings, tokens, ...deps }: StreamsDeps): Streams {
  const over = new AbortController();
  const running = vehicleAccounts(settings).flatMap((account) => {
    const { stream, grant } = account.parts;
    if (stream === undefined || grant === undefined || !account.settings.enabled) return [];
    const parts = { ...deps, tokens: tokens(account, grant) };
    return [new AccountStream(parts, account, stream, over.signal).run()];
  });
  return {
    stop: async () => {
      over.abort(new Error('the worker is to end'));
      await Promise.all(running);
    },
  };
}
