/** The state of each account's stream. */
import { z } from 'zod';
import { vehicleAccounts } from '../../../settings/accounts/vehicles';
import { listStreams, type StreamStanding } from '../../../store/streams/streams';
import { operation } from '../operation';
import { isoOrNull } from '../time-text';

export const listStreamsOf = operation({
  about:
    'which accounts receive changes from their vendor by a stream, since when without a gap, and what prevents it',
  input: z.strictObject({}),
  json: (streams: readonly StreamStanding[]) =>
    streams.map(({ connectedAt, continuousSince, messageAt, retryAt, ...rest }) => ({
      ...rest,
      connectedAt: isoOrNull(connectedAt),
      continuousSince: isoOrNull(continuousSince),
      messageAt: isoOrNull(messageAt),
      retryAt: isoOrNull(retryAt),
    })),
  /** Of the accounts whose settings switch one on. */
  run: async ({ settings, database }): Promise<readonly StreamStanding[]> => {
    const wanted = vehicleAccounts(settings).filter(({ parts }) => parts.stream !== undefined);
    const known = new Map((await database(listStreams)).map((one) => [one.account, one]));
    return wanted.map(({ name }) => known.get(name) ?? { ...NOT_BEGUN, account: name });
  },
});

const NOT_BEGUN = {
  state: 'waiting',
  reason: 'no worker has taken it yet',
  held: false,
  messages: 0,
  connectedAt: null,
  continuousSince: null,
  messageAt: null,
  retryAt: null,
} as const satisfies Omit<StreamStanding, 'account'>;
